"""Where the channel is, and where it was: what a member keeps of places that it has left. PROTOCOL.md section 22.

Who has moved keeps the notice, goes on listening at the old place, and answers every member that still comes
there, until all have been seen at the new one. The move itself is revocation.py's, which is rare.
"""

from ..compat import const
from ..crypto.keys import Keys, siv
from ..crypto.signing import PACKAGE_LABEL, seal_signed
from ..wire import JOIN, PACKAGE, PRESENCE, Topics, header

ANSWER_MS = const(2000)  # an answer reaches everyone who is at the old place then
SHOWS = const(3)  # connections in which the notice key is published: the retained copy serves from then on
_SLOT = const(2)  # of stream k; one-time packages have 0 and 1


class Old:
    """A place the channel has left: its keys, the notice that led away, and who has not been seen at the new place."""

    def __init__(self, suite, root, channel, notice, waiting):
        self.root = root
        self.keys = Keys(suite, root, channel)
        self.topics = Topics(self.keys.rp)
        self.topic = notice_topic(self.keys, self.topics, channel)
        self.notice = notice
        self.waiting = waiting  # uids
        self.answered = {}  # uid -> the frame that was answered last
        self.answer_at = 0


class Places:
    """What outlives a move, and what a move needs."""

    def __init__(self):
        self.generation = 0  # moves so far
        self.old = []  # [Old], oldest first
        self.pins = {}  # uid -> B || E, carried over from the place we left
        self.k = None  # secret of our notice key: made once at each place, used by nothing but a notice
        self.shown = b""  # the session in which it was published, and how often: sid, u8
        # May we have to make a notice? Set by who has the admin's key; a board need not read all of them
        self.collects = False
        self.theirs = {}  # tag -> notice key of another member


def notice_topic(keys, topics, channel, stream="x"):
    """stream: "a" for the admin's approvals."""
    return topics.make(siv(keys.suite, keys.ckey, b"notice", channel), stream)


def watch(me, places, out):
    """Subscribe to the notice of where we are, and to what still comes where we were."""
    for stream in ("x", "a") if me.config.get("admin") else "x":
        out.subscribe(notice_topic(me.keys, me.topics, me.channel, stream))
    for old in places.old:
        out.subscribe(old.topics.everyone("p"))
        out.subscribe(old.topics.everyone("j"))


def show_key(me, places, out):
    """Our notice key, in the first connections of each session: a board that sleeps most of the time need not
    say it at each wake."""
    if places.k is None:
        places.k = me.rng.bytes(32)
    if places.shown[:16] != me.session.sid:
        places.shown = me.session.sid + b"\x00"
    if places.shown[16] < SHOWS:
        places.shown = me.session.sid + bytes((places.shown[16] + 1,))
        head = header(PACKAGE, me.session.sid, 0)
        K = me.suite.x25519_base(places.k)
        out.publish(me.topic("k", _SLOT), seal_signed(me, head, me.tag, PACKAGE_LABEL, K), True)
        out.dirty = True
    if places.collects:
        out.subscribe(me.topics.prefix + "+/k/%d" % _SLOT)


def at_old_place(places, topic, frame, now, out):
    """Something at a place we left: whoever is still there is told. True when the topic was one of those.
    Raises Reject."""
    for old in places.old:
        if topic.startswith(old.topics.prefix):
            name, stream = old.topics.parse(topic)
            if stream not in "jp":
                return True
            uid = old.keys.uid(name)
            if uid in old.waiting and now >= old.answer_at and old.answered.get(uid) != frame:
                old.keys.open(frame, JOIN if stream == "j" else PRESENCE, name[:16])
                old.answered[uid] = frame
                old.answer_at = now + ANSWER_MS
                out.publish(old.topic, old.notice, True)
            return True
    return False


def arrived(places, member, out):
    """A member began a session where we are. Its storage may be lost, and its notice key with it."""
    places.theirs.pop(member.tag, None)
    for old in places.old:
        if member.uid in old.waiting:
            old.waiting.discard(member.uid)
            out.dirty = True
            out.event("followed", {"uid": member.uid, "waiting": sorted(old.waiting)})
    places.old = [o for o in places.old if o.waiting]
