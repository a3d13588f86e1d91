"""Who we are at this place: keys, names, randomness, and the session that signs as us. PROTOCOL.md sections 4 to 6.

It changes only when the channel moves to another key, or a session of ours begins.
"""

from ..compat import const
from ..crypto.keys import Keys, derive
from ..wire import Topics
from .identity import Identity

# What a member takes part in beside notes: the bits that its presence says
CONVERSATIONS = const(1)
GROUP = const(2)


class MySession:
    """Our own session: what signs as us until storage is lost. lamport is 0 until its join has a place in the order;
    ended and data stand in that join."""

    def __init__(self, suite, lamport, sid, seed, data=b"", ended=b""):
        self.lamport = lamport
        self.sid = sid
        self.seed = seed
        self.ended = ended
        self.data = data
        self.S = suite.ed25519_public(seed)

    @property
    def order(self):
        return (self.lamport, self.sid)


class Me:
    """config: checked settings with `key` (32 bytes, the root key) and `identity` (32 bytes) filled in."""

    pause, renew_at = 5000, 0  # a session that another's word begins, not before that time, and the time doubles

    def __init__(self, suite, config):
        self.suite = suite
        self.config = config
        self.identity = Identity(suite, config["identity"])
        self.uid = config["uid"]
        self.roster = config["roster"] or {}  # with what was approved in place of that
        self.channel = config["channel"].encode()
        self.data = (config.get("data") or "").encode()
        modes = config.get("modes") or ("conversation", "ratchet")
        self.parts = CONVERSATIONS * ("conversation" in modes)
        if "ratchet" in modes and config.get("ratchet", True):
            self.parts |= GROUP
        self.rng = None  # made when the stored seed is known
        self.place = derive(suite, config["key"], b"sc/place")[:16]  # by which a state of another key is known
        self.settle_at(config["key"])

    def settle_at(self, root):
        """Begin at the place that this root key leads to."""
        self.root = root
        self.keys = Keys(self.suite, root, self.channel)
        self.topics = Topics(self.keys.rp)
        self.name = self.keys.name(self.uid.encode())
        self.topics.remember(self.name)
        self.tag = self.name[:16]
        self.session = None
        self.full = False  # has the channel no place for us?
        self.draw(self.rng)

    def draw(self, rng):
        """Randomness from here on; without hardware it takes in what is heard."""
        self.rng = rng
        if rng and rng.poor:
            self.keys.heard = rng.heard

    @property
    def joined(self):
        """Has our session's join been given its place in the order?"""
        return self.session is not None and self.session.lamport > 0

    def end_session(self):
        """Other settings want another one: the data of this one is no text from now on, and so none of theirs."""
        if self.session:
            self.session.data = b"\xff"

    def topic(self, stream, slot=None):
        """Our own topic of this stream."""
        return self.topics.make(self.name, stream, slot)

    def seal(self, head, pt):
        """A whole frame under msgkey, from us."""
        return self.keys.seal(self.rng, head, self.tag, pt)
