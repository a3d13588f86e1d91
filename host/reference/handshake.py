"""The messages of a handshake: PROTOCOL.md section 9.2 and 9.3. What is computed from them is in cpace.py."""

from dataclasses import dataclass

from .encoding import Reader, Reject, u8
from .frames import HANDSHAKE, Header, associated, open_sealed, parse_header, seal, sign, verify
from .joins import ASK, MOST_ASKED, STALE, Ask, Join, Stale
from .names import ChannelKeys

PROPOSE, SHARE, SUM, CONFIRM = 1, 2, 3, 4
AGAIN = 0x80
MAX_PARTIES = 32
MOST_AHEAD = 1024  # a proposal's attempt above what its receiver knows: for who keeps the attempts
NO_EPOCH = bytes(32)


@dataclass(frozen=True)
class Propose:
    nonce: bytes
    previous: bytes
    parties: tuple[tuple[bytes, bytes], ...]
    """(tag, sid), tags ascending."""

    def check(self, proposer_tag: bytes) -> None:
        """What section 9.3 says of the list itself: Reject(`members`)."""
        tags = [tag for tag, _ in self.parties]
        if not 2 <= len(tags) <= MAX_PARTIES or any(a >= b for a, b in zip(tags, tags[1:], strict=False)):
            raise Reject("members", "list")
        if proposer_tag not in tags:
            raise Reject("members", "proposer")


@dataclass(frozen=True)
class Share:
    hid: bytes
    Z: bytes


@dataclass(frozen=True)
class Sum:
    hid: bytes
    X: bytes


@dataclass(frozen=True)
class Confirm:
    hid: bytes
    proof: bytes


Body = Propose | Share | Sum | Confirm | Stale | Ask


@dataclass(frozen=True)
class Message:
    """`again`: the sender still waits. `signature_ok` takes the
    transcript of a confirmation, which its receiver computes.
    """

    sid: bytes
    attempt: int
    again: bool
    body: Body
    ad: bytes
    pt: bytes

    def verify_confirm(self, session_public: bytes, transcript: bytes) -> None:
        verify(session_public, self.ad, self.pt, transcript)


def encode_body(body: Propose | Share | Sum | Confirm, again: bool = False) -> bytes:
    """The plaintext, without the signature of a confirmation."""
    flag = AGAIN if again else 0
    match body:
        case Propose():
            listed = b"".join(tag + sid for tag, sid in body.parties)
            return u8(PROPOSE | flag) + body.nonce + body.previous + u8(len(body.parties)) + listed
        case Share():
            return u8(SHARE | flag) + body.hid + body.Z
        case Sum():
            return u8(SUM | flag) + body.hid + body.X
        case Confirm():
            return u8(CONFIRM | flag) + body.hid + body.proof


def build(
    keys: ChannelKeys,
    uid: str,
    sid: bytes,
    attempt: int,
    body: Propose | Share | Sum | Confirm,
    nonce: bytes,
    again: bool = False,
    session_seed: bytes = b"",
    transcript: bytes = b"",
) -> bytes:
    """A handshake message; the last two arguments are for a confirmation."""
    ad = associated(Header(HANDSHAKE, sid, attempt), keys.rp, keys.name(uid))
    pt = encode_body(body, again)
    if isinstance(body, Confirm):
        pt = sign(session_seed, ad, pt, transcript)
    return seal(keys.msgkey, ad, nonce, pt)


def parse(keys: ChannelKeys, name: bytes, frame: bytes, sessions: dict[bytes, Join]) -> Message:
    header = parse_header("h", frame)
    if header.epoch not in sessions:
        raise Reject("unknown")
    ad = associated(header, keys.rp, name)
    pt = open_sealed(keys.msgkey, ad, frame)
    reader = Reader(pt)
    first = reader.number(1)
    body: Body
    match first & ~AGAIN:
        case 1:
            nonce, previous, n = reader.take(16), reader.take(32), reader.number(1)
            body = Propose(nonce, previous, tuple((reader.take(16), reader.take(16)) for _ in range(n)))
        case 2:
            body = Share(reader.take(32), reader.take(32))
        case 3:
            body = Sum(reader.take(32), reader.take(32))
        case 4:
            body = Confirm(reader.take(32), reader.take(32))
            reader.take(64)
        case 5 if first == STALE and header.seq == 0:
            sid, lamport, conn, notes = reader.take(16), reader.number(4), reader.number(4), reader.number(4)
            body = Stale(sid, lamport, conn, notes, reader.take(4), reader.number(4))
        case 6 if first == ASK and header.seq == 0:
            sids = reader.rest()
            if not sids or len(sids) % 16 or len(sids) > 16 * MOST_ASKED:
                raise Reject("format", "sids")
            body = Ask(tuple(sids[i : i + 16] for i in range(0, len(sids), 16)))
        case _:
            raise Reject("format", "type")
    reader.end()
    return Message(header.epoch, header.seq, first >= AGAIN, body, ad, pt)
