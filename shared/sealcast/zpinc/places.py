"""Where the channel is, and where it was: what a member keeps of places that it has left. PROTOCOL.md section 22.

Who has moved keeps the notice, goes on listening at the old place, and answers every member that still comes there,
until all have been seen at the new one. Moves and answers are revocation.py's, which is rare.
"""

from ..compat import const
from ..crypto.keys import Keys, siv
from ..wire import Topics

ANSWER_MS = const(2000)  # an answer reaches everyone who is at the old place then
SHOWS = const(3)  # connections in which the notice key is published: the retained copy serves from then on
BY_HAND = "\x00"  # before a uid: the admin's list that was known when a person approved it here
INSTEAD = "\x00\x00"  # before a uid: what the settings' roster had for it when another identity was approved, and that
WAITS = "\x00\x00\x00"  # before a uid: its pinned identity, and the fingerprint that was approved and not shown yet
REACH = BY_HAND  # before none: how far above the Lamport counter a join may be, once one was refused for that
KEY_SLOT = const(2)  # of stream k; one-time packages have 0 and 1


class Old:
    """A place the channel has left: its keys, the notice that led away, and who has not been seen at the new place."""

    def __init__(self, suite, root, channel, notice, waiting):
        self.root = root
        self.keys = Keys(suite, root, channel)
        self.topics = Topics(self.keys.rp)
        self.topic = notice_topic(self.keys, self.topics, channel)
        self.notice = notice
        self.waiting = waiting  # uids
        self.answered = {}  # uid -> digest of the frame that was answered last
        self.answer_at = 0


class Places:
    """What outlives a move, and what a move needs."""

    def __init__(self):
        self.generation = 0  # moves so far
        self.old = []  # [Old], oldest first
        self.pins = {}  # uid -> B || E, carried over from the place we left; BY_HAND + uid -> u32 || text
        self.k = None  # secret of our notice key: made once at each place, used by nothing but a notice
        self.shown = b""  # the session in which it was published, and how often: sid, u8
        # May we have to make a notice? Set by who has the admin's key; a board need not read all of them
        self.collects = False
        self.theirs = {}  # tag -> notice key of another member


def notice_topic(keys, topics, channel, stream="x"):
    """stream: "a" for the admin's approvals."""
    return topics.make(siv(keys.suite, keys.ckey, b"notice", channel), stream)
