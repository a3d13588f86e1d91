"""Which presences a message's maker had heard, and so how old it can be: without a clock. PROTOCOL.md section 7.6."""

from ..compat import const
from ..crypto.keys import derive
from ..errors import Reject
from ..wire import u32

MARK = const(8)  # bytes that name a presence
MOST = const(8)  # marks that a message names
ALL = const(32)  # and a presence
MANY = const(4)  # with more of them one member sends a presence that names them all
_MAKER = const(8)  # the beginning of a tag: of fewer bytes a name with the same beginning can be found
_ENTRY = const(20)  # a mark, seconds of our own clock, and whose it is
_KEPT = const(4)  # of each maker: nobody's presences push out those of another
_OURS = const(24)  # and of our own


class Heard:
    """What we have heard and said ourselves, in this run."""

    def __init__(self):
        self.marks = []  # of presences that no later one names yet
        self._ours = b""  # mark of our last one
        self._known = b""  # mark || s || maker: when we made our presence, or the last of ours that is behind another's

    def named(self):
        """What a message that we make now names."""
        marks = self.marks[-MOST:]
        if self._ours and self._ours not in marks:  # by what another names nobody else can tell its age
            marks = [self._ours] + marks[1 - MOST :]
        return bytes((len(marks),)) + b"".join(marks)

    def add(self, suite, maker, signed, marks, now):
        """-> mark of a presence of ours, or accepted. maker: its tag; signed: its nonce and signature; marks: that it
        names; now: in ms, None: not ours."""
        mark = derive(suite, b"", b"sc/mark", signed)[:MARK]
        at = self.since(marks) if now is None else now // 1000
        rest = [m for m in self.marks if m != mark and m not in split(marks)]
        self.marks = (rest + [mark])[-ALL:]
        if now is not None:
            self._ours = mark
        if at is not None and self.since(mark) is None:
            self._known += mark + u32(at) + maker[:_MAKER]
            its = [i for i in range(0, len(self._known), _ENTRY) if self._known[i + 12 : i + _ENTRY] == maker[:_MAKER]]
            if len(its) > (_KEPT if now is None else _OURS):
                self._known = self._known[: its[0]] + self._known[its[0] + _ENTRY :]
        return mark

    def since(self, marks):
        """When what names these marks was made at the earliest, in s of our clock; None: nobody can say."""
        latest = None
        for mark in split(marks):
            at = self._known.find(mark)
            while at >= 0 and at % _ENTRY:
                at = self._known.find(mark, at + 1)
            if at >= 0:
                s = int.from_bytes(self._known[at + MARK : at + 12], "big")
                latest = s if latest is None else max(latest, s)
        return latest


def split(marks):
    """Joined marks -> a list of them."""
    return [marks[i : i + MARK] for i in range(0, len(marks), MARK)]


def read(r, limit=MOST):
    """The marks that a frame names, joined. Raises Reject."""
    n = r.uint(1)
    if n > limit:
        raise Reject("format")
    return r.take(n * MARK)


def age(since, now, config):
    """-> (seconds at most since a message was made, None: nothing is provable; is it provably recent?)."""
    s = None if since is None else (now - since * 1000 + 999) // 1000
    return s, s is not None and s * 1000 <= config["keepalive"] * 2500
