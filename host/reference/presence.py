"""Presence: PROTOCOL.md section 8."""

from dataclasses import dataclass, field

from .encoding import Reader, Reject, u8, u16, u32
from .frames import PRESENCE, Header, associated, nonce_of, open_sealed, parse_header, seal, sign, verify
from .heard import ALL, Marks, mark_of, pack_heard, read_heard
from .joins import Join
from .names import ChannelKeys
from .positions import Vouch, split_macs

AWAKE, ASLEEP, LEFT = 1, 2, 3
WILL_COUNTER = 2**32 - 1
CONNECTION = 65536
"""Numbers of connections are above each multiple of it, one above one."""
MAX_HEAD = MAX_PLACE = 2**31 - 1
MAX_MACS = 19
DIGEST, SAID = slice(15, 31), 64
"""Where the digest stands, and the number of marks."""


@dataclass(frozen=True)
class Presence:
    sid: bytes
    counter: int
    status: int
    conn: int
    keepalive: int
    sleep: int
    head: int
    digest: bytes
    attempt: int
    parts: int = 3
    """What it takes part in: bit 0 conversations, bit 1 the group."""
    epoch: bytes = bytes(16)
    said: int = 0
    """Conversation messages that the broker has acknowledged, in `epoch`."""
    before: bytes = bytes(4)
    said_before: int = 0
    heard: Marks = ()
    place: int = 0
    """0: it is live in no group."""
    place_head: bytes = bytes(16)
    macs: tuple[bytes, ...] = ()
    vouched: tuple[bytes, bytes] = field(default=(b"", b""), compare=False)
    """(ad, what the MACs stand for)."""
    mark: bytes = field(default=b"", compare=False)

    @property
    def order(self) -> tuple[int, int]:
        """Newer is larger; a last will is judged by its conn alone."""
        return self.conn, self.counter

    def is_of_a_clone(self, other: "Presence") -> bool:
        """Has its connection another number than that one's, above the same multiple (not of 0)?"""
        return self.conn != other.conn and self.conn // CONNECTION == other.conn // CONNECTION != 0

    def is_will(self) -> bool:
        return self.status == LEFT and self.counter == WILL_COUNTER


def next_conn(last: int, rest: bytes) -> int:
    """The number of the connection after the one of number `last`; `rest`: two random bytes."""
    return (last // CONNECTION + 1) * CONNECTION + int.from_bytes(rest, "big")


def _signed(body: bytes, signs: bool) -> bytes:
    """What the signature is over: in a channel that does not sign, not over the digest."""
    return body if signs else body[: DIGEST.start] + bytes(16) + body[DIGEST.stop :]


def build_presence(
    keys: ChannelKeys,
    uid: str,
    p: Presence,
    nonce: bytes,
    session_seed: bytes,
    signs: bool = True,
    vouch: Vouch | None = None,
) -> bytes:
    """vouch: makes the MACs; else they are those of `p`."""
    ad = associated(Header(PRESENCE, p.sid, p.counter), keys.rp, keys.name(uid))
    body = u8(p.status) + u32(p.conn) + u16(p.keepalive) + u32(p.sleep) + u32(p.head) + p.digest + u32(p.attempt)
    body += u8(p.parts) + p.epoch + u32(p.said) + p.before + u32(p.said_before) + pack_heard(p.heard)
    pt = body + sign(session_seed, ad, _signed(body, signs))[len(body) :]
    if p.place:
        pt += u32(p.place) + p.place_head
        pt += b"".join(vouch(ad, pt) if vouch else p.macs)
    return seal(keys.msgkey, ad, nonce, pt)


def parse_presence(
    keys: ChannelKeys, name: bytes, frame: bytes, sessions: dict[bytes, Join], signs: bool = True
) -> Presence:
    header = parse_header("p", frame)
    session = sessions.get(header.epoch)
    if session is None:
        raise Reject("unknown")
    ad = associated(header, keys.rp, name)
    pt = open_sealed(keys.msgkey, ad, frame)
    r = Reader(pt)
    status, conn, keepalive, sleep, head = r.number(1), r.number(4), r.number(2), r.number(4), r.number(4)
    digest, attempt = r.take(16), r.number(4)
    parts, epoch, said, before, said_before = r.number(1), r.take(16), r.number(4), r.take(4), r.number(4)
    heard = read_heard(r, ALL)
    body, signature = pt[: r.position], r.take(64)
    place, place_head, vouched = 0, bytes(16), b""
    macs: tuple[bytes, ...] = ()
    if r.position < len(pt):
        place, place_head = r.number(4), r.take(16)
        vouched, macs = pt[: r.position], split_macs(r.rest(), MAX_MACS)
        if not 1 <= place <= MAX_PLACE:
            raise Reject("format", "place")
    if status not in (AWAKE, ASLEEP, LEFT) or not 5 <= keepalive <= 3600:
        raise Reject("format", "status or keepalive")
    if head > MAX_HEAD:
        raise Reject("format", "head")
    verify(session.S, ad, _signed(body, signs) + signature)
    told = (digest, attempt, parts, epoch, said, before, said_before, heard, place, place_head, macs, (ad, vouched))
    mark = mark_of(nonce_of(frame), signature)
    return Presence(header.epoch, header.seq, status, conn, keepalive, sleep, head, *told, mark)


def presence_mark(keys: ChannelKeys, name: bytes, frame: bytes) -> bytes:
    """7.6, of a presence that is known to be right."""
    pt = open_sealed(keys.msgkey, associated(parse_header("p", frame), keys.rp, name), frame)
    end = SAID + 1 + 8 * pt[SAID] + 64
    return mark_of(nonce_of(frame), pt[end - 64 : end])
