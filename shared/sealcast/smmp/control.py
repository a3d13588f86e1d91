"""Control frames of the group: where is it, here, I need that frame, take me in again. Signed by the session. PROTOCOL.md 18.2."""

from ..compat import const
from ..crypto.signing import CONTROL_LABEL, SIG, seal_signed, verify_signed
from ..errors import Reject
from ..wire import CONTROL, Reader, header
from .ratchet import MAX_EPOCH, MAX_NUMBER

# Phases of a group
NONE = const(0)  # in no group
SYNC = const(1)  # in it, and looking where it is
LIVE = const(2)
REJOIN = const(3)  # cannot catch up
FORKED = const(4)  # ours and theirs both went on: a person must look
PHASE = {NONE: "none", SYNC: "sync", LIVE: "live", REJOIN: "rejoin", FORKED: "forked"}

# Types of control frames
ASK = const(1)
HEAD = const(2)
NEED = const(3)
WANT = const(4)

LABEL = CONTROL_LABEL


def seal_control(ch, place, kind, body):
    """-> frame. place: the group's id."""
    return seal_signed(ch, header(CONTROL, ch.tag, ch.session.lamport), place, LABEL, bytes((kind,)) + body)


class Control:
    """What a control frame of another member says. `inside`: tags of the present set, None when we are in no group. Raises Reject."""

    def __init__(self, ch, place, frame, inside):
        self.tag = frame[2:18]
        m = ch.members_by_tag.get(self.tag)
        if m is None or not m.sessions:
            raise Reject("unknown")
        ad, _, lamport, pt = ch.keys.open(frame, CONTROL, place)
        if lamport != m.current.lamport:
            raise Reject("stale")
        r = Reader(pt)
        self.kind = r.uint(1)
        self.nonce = r.take(16) if self.kind in (ASK, HEAD) else None
        self.live = self.kind == HEAD and r.uint(1)
        self.number = r.uint(4)
        self.head = r.take(32) if self.kind != WANT else None
        r.take(SIG)
        r.end()
        want = self.kind == WANT
        if not ASK <= self.kind <= WANT or self.live > 1 or not want <= self.number <= (MAX_NUMBER if want else MAX_EPOCH):
            raise Reject("format")
        self.inside = inside is not None and self.tag in inside
        if self.kind in (HEAD, WANT) and not self.inside and inside is not None:
            raise Reject("members")
        verify_signed(ch.suite, m.current.S, LABEL, ad, pt)

    @property
    def position(self):
        """(epoch, head) that a question or an answer names."""
        return (self.number, self.head)
