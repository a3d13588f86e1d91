"""Presence: PROTOCOL.md section 8."""

from dataclasses import dataclass

from .encoding import Reader, Reject, u8, u16, u32
from .frames import PRESENCE, Header, associated, open_sealed, parse_header, seal, sign, verify
from .heard import ALL, Marks, pack_heard, read_heard
from .joins import Join
from .names import ChannelKeys

AWAKE, ASLEEP, LEFT = 1, 2, 3
WILL_COUNTER = 2**32 - 1
MAX_HEAD = 2**31 - 1


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
    place: int = 0
    place_head: bytes = bytes(16)
    said: int = 0
    """Conversation messages that the broker has acknowledged, in `epoch`."""
    before: bytes = bytes(4)
    said_before: int = 0
    heard: Marks = ()

    @property
    def order(self) -> tuple[int, int]:
        """Newer is larger; a last will is judged by its conn alone."""
        return self.conn, self.counter

    def is_will(self) -> bool:
        return self.status == LEFT and self.counter == WILL_COUNTER


def build_presence(keys: ChannelKeys, uid: str, p: Presence, nonce: bytes, session_seed: bytes) -> bytes:
    ad = associated(Header(PRESENCE, p.sid, p.counter), keys.rp, keys.name(uid))
    body = u8(p.status) + u32(p.conn) + u16(p.keepalive) + u32(p.sleep) + u32(p.head) + p.digest + u32(p.attempt)
    body += u8(p.parts) + p.epoch + u32(p.place) + p.place_head + u32(p.said) + p.before + u32(p.said_before)
    body += pack_heard(p.heard)
    return seal(keys.msgkey, ad, nonce, sign(session_seed, ad, body))


def parse_presence(keys: ChannelKeys, name: bytes, frame: bytes, sessions: dict[bytes, Join]) -> Presence:
    header = parse_header("p", frame)
    session = sessions.get(header.epoch)
    if session is None:
        raise Reject("unknown")
    ad = associated(header, keys.rp, name)
    pt = open_sealed(keys.msgkey, ad, frame)
    r = Reader(pt)
    status, conn, keepalive, sleep, head = r.number(1), r.number(4), r.number(2), r.number(4), r.number(4)
    digest, attempt = r.take(16), r.number(4)
    parts, epoch, place, place_head = r.number(1), r.take(16), r.number(4), r.take(16)
    said, before, said_before = r.number(4), r.take(4), r.number(4)
    heard = read_heard(r, ALL)
    r.take(64)
    r.end()
    if status not in (AWAKE, ASLEEP, LEFT) or not 5 <= keepalive <= 3600:
        raise Reject("format", "status or keepalive")
    if head > MAX_HEAD:
        raise Reject("format", "head")
    verify(session.S, ad, pt)
    told = (digest, attempt, parts, epoch, place, place_head, said, before, said_before, heard)
    return Presence(header.epoch, header.seq, status, conn, keepalive, sleep, head, *told)
