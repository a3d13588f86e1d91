"""Identities, sessions, joins and stale answers: PROTOCOL.md section 6."""

from dataclasses import dataclass

from .encoding import Reader, Reject, u8, u32
from .frames import HANDSHAKE, JOIN, Header, associated, open_sealed, parse_header, seal
from .names import ChannelKeys
from .primitives import H, derive, ed25519_public, ed25519_sign, ed25519_verify, x25519_base

LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"
MAX_LAMPORT, JUMP = 2**31 - 1, 65536
SESSIONS_KEPT = 3
MAX_DATA = 64
STALE = 5
ASK, MOST_ASKED = 6, 32


@dataclass(frozen=True)
class Identity:
    """The public identity B || E of section 6.1."""

    B: bytes
    E: bytes

    def fingerprint(self) -> str:
        bits = int.from_bytes(H(b"", self.B, self.E, person=b"sc/fp"), "big") >> (256 - 100)
        letters = "".join(LETTERS[bits >> shift & 31] for shift in range(95, -1, -5))
        return "-".join(letters[i : i + 4] for i in range(0, 20, 4))


class SecretIdentity:
    """What the 32-byte secret `s` gives."""

    def __init__(self, s: bytes) -> None:
        self.b = derive(s, b"sc/id-x25519")
        self.e = derive(s, b"sc/id-ed25519")
        self.public = Identity(x25519_base(self.b), ed25519_public(self.e))


@dataclass(frozen=True)
class Join:
    """A join that was accepted as far as its own bytes go; `sid` names the session, `S` is its public key."""

    uid: str
    name: bytes
    sid: bytes
    lamport: int
    identity: Identity
    S: bytes
    K: int
    data: str = ""

    @property
    def rank(self) -> tuple[int, bytes]:
        return self.lamport, self.sid


def _join_hash(ad: bytes, body: bytes) -> bytes:
    return H(b"", ad, body, person=b"sc/join")


def build_join(
    keys: ChannelKeys, uid: str, secret: SecretIdentity, sid: bytes, S: bytes, lamport: int, K: int, nonce: bytes,
    data: bytes = b"",
) -> bytes:  # fmt: skip
    ad = associated(Header(JOIN, sid, lamport), keys.rp, keys.name(uid))
    body = u32(lamport) + secret.public.B + secret.public.E + S + u8(K) + data
    return seal(keys.msgkey, ad, nonce, body + ed25519_sign(secret.e, _join_hash(ad, body)))


def parse_join(keys: ChannelKeys, name: bytes, frame: bytes) -> Join:
    """A join up to its signature (6.3); pins, jumps and order are for who keeps the members (zpinc.py)."""
    header = parse_header("j", frame)
    ad = associated(header, keys.rp, name)
    pt = open_sealed(keys.msgkey, ad, frame)
    reader = Reader(pt)
    lamport = reader.number(4)
    identity = Identity(reader.take(32), reader.take(32))
    S, K = reader.take(32), reader.number(1)
    rest = reader.rest()
    if len(rest) < 64:
        raise Reject("format", "too short")
    data, signature = rest[:-64], rest[-64:]
    if lamport != header.seq or not 1 <= K <= 64 or len(data) > MAX_DATA:
        raise Reject("format")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise Reject("format", "not UTF-8") from None
    if not ed25519_verify(identity.E, signature, _join_hash(ad, pt[:-64])):
        raise Reject("signature")
    return Join(keys.uid(name), name, header.epoch, lamport, identity, S, K, text)


@dataclass(frozen=True)
class Stale:
    """The answer of section 6.4: about which session, the largest
    lamport, the newest connection (0: it is not about that).
    """

    sid: bytes
    lamport: int
    conn: int = 0


@dataclass(frozen=True)
class Ask:
    """The question of section 6.5: the sessions of which the asker knows no join."""

    sids: tuple[bytes, ...]


def build_ask(keys: ChannelKeys, uid: str, sid: bytes, ask: Ask, nonce: bytes) -> bytes:
    ad = associated(Header(HANDSHAKE, sid, 0), keys.rp, keys.name(uid))
    return seal(keys.msgkey, ad, nonce, u8(ASK) + b"".join(ask.sids))


def session_above(stale: Stale, sid: bytes, lamport: int, conn: int, largest: int) -> int | None:
    """The counter of the new session that the answer calls for, if it does (6.4); `largest` is the largest accepted.

    That it is done at most once in ten seconds is for who has a clock.
    """
    if stale.sid != sid or not (stale.lamport >= lamport or stale.conn > conn):
        return None
    named = max(stale.lamport, largest, lamport)
    if named >= MAX_LAMPORT > largest:
        return None
    new = min(1 + named, MAX_LAMPORT)
    return new if new <= largest + JUMP else None


def build_stale(keys: ChannelKeys, uid: str, sid: bytes, stale: Stale, nonce: bytes) -> bytes:
    ad = associated(Header(HANDSHAKE, sid, 0), keys.rp, keys.name(uid))
    return seal(keys.msgkey, ad, nonce, u8(STALE) + stale.sid + u32(stale.lamport) + u32(stale.conn))
