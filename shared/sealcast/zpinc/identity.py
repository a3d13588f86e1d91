"""Who a member is: long-term keys, session keys, signed joins, fingerprints. PROTOCOL.md section 6."""

from ..compat import const
from ..crypto.keys import derive, high_order
from ..crypto.signing import JOIN_LABEL, SIG, sign_as, verify_signed
from ..errors import Reject
from ..wire import JOIN, Reader, header, u32

MAX_DATA = const(64)
ENDED = const(8)  # bytes that tell of a former session
MAX_ENDED = const(3)
JOIN_SLOTS = const(4)  # the joins kept on the broker, so that notes of recent sessions stay verifiable


class Identity:
    """A member's long-term keys, from one 32-byte secret: b/B on X25519 (SMMP) and e/E on Ed25519 (signs joins)."""

    def __init__(self, suite, secret):
        self.b = derive(suite, secret, b"sc/id-x25519")
        self.B = suite.x25519_base(self.b)
        self.e = derive(suite, secret, b"sc/id-ed25519")
        self.E = suite.ed25519_public(self.e)

    @property
    def public(self):
        """B(32) || E(32): what is pinned."""
        return self.B + self.E


FINGERPRINT_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"


def fingerprint(suite, public):
    """A short text for people to compare: 100 bits in five groups of four base32 characters. public: B || E, 64
    bytes."""
    bits = int.from_bytes(suite.h(32, b"", b"", b"sc/fp", public)[:13], "big") >> 4
    text = ""
    for i in range(20):
        text += FINGERPRINT_LETTERS[(bits >> (95 - 5 * i)) & 31]
    return "-".join([text[i : i + 4] for i in range(0, 20, 4)])


class Join:
    """One session of a member: (lamport, sid) orders sessions; S verifies what the session signs; ended: its former
    sessions, joined: the sid's beginning (4) and the number of notes; data is what the member says of itself, UTF-8."""

    def __init__(self, lamport, sid, public, S, ring, data=b"", ended=b""):
        self.lamport, self.sid, self.public, self.S = lamport, sid, public, S
        self.ring, self.ended, self.data = ring, ended, data

    @property
    def order(self):
        return (self.lamport, self.sid)


def ends(ended):
    """-> [(beginning of a sid, number of notes)]."""
    return [(ended[i : i + 4], int.from_bytes(ended[i + 4 : i + 8], "big")) for i in range(0, len(ended), ENDED)]


def seal_join(keys, rng, identity, tag, join):
    """The join note's frame: epoch = sid, seq = lamport, signed by the long-term identity."""
    head = header(JOIN, join.sid, join.lamport)
    ended = bytes((len(join.ended) // ENDED,)) + join.ended
    body = u32(join.lamport) + join.public + join.S + bytes((join.ring,)) + ended + join.data
    sig = sign_as(keys.suite, JOIN_LABEL, identity.e, identity.E, keys.ad(head, tag), body)
    return keys.seal(rng, head, tag, body + sig)


def open_join(keys, frame, tag, member=None):
    """frame -> Join, its signature checked against the identity it carries. Pinning is the caller's. member: whose it
    may be; of a session that is known of its identity it is Reject("duplicate") before that. Raises Reject."""
    ad, sid, seq, pt = keys.open(frame, JOIN, tag)
    r = Reader(pt)
    lamport, public, S, ring = r.uint(4), r.take(64), r.take(32), r.uint(1)
    if member and member.public == public:
        member.new(sid)
    n = r.uint(1) if len(pt) > r.pos + SIG else 0  # by version 0.1
    ended, data = r.take(n * ENDED), r.rest()
    if lamport != seq or not 1 <= ring <= 64 or n > MAX_ENDED or not SIG <= len(data) <= SIG + MAX_DATA:
        raise Reject("format")
    data = data[:-SIG]
    if [end for _, end in ends(ended) if end > 0x7FFFFFFF]:
        raise Reject("format")
    try:
        data.decode()
    except ValueError:  # not UTF-8
        raise Reject("format")
    verify_signed(keys.suite, public[32:], JOIN_LABEL, ad, pt)
    high_order(public[:32])  # else it could be sealed nothing, and block what is for all
    return Join(lamport, sid, public, S, ring, data, ended)
