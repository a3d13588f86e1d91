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
MAX_ENDED, MAX_NOTES = 3, 2**31 - 1
STALE = 5
ASK, MOST_ASKED = 6, 32


def era(lamport: int, sid: bytes) -> int:
    """What numbers a session's messages in the group before their count (17.4): at the last lamport the sid grows."""
    return lamport if lamport < MAX_LAMPORT else 2**31 + int.from_bytes(sid[:4], "big") // 2


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


Ended = tuple[tuple[bytes, int], ...]
"""What a join tells of former sessions, the newest first: (sid[:4], notes that it gave to a connection)."""


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
    ended: Ended | None = ()
    """None: it has the form of version 0.1."""

    @property
    def rank(self) -> tuple[int, bytes]:
        return self.lamport, self.sid

    @property
    def era(self) -> int:
        return era(self.lamport, self.sid)


def _join_hash(ad: bytes, body: bytes) -> bytes:
    return H(b"", ad, body, person=b"sc/join")


def build_join(
    keys: ChannelKeys, uid: str, secret: SecretIdentity, sid: bytes, S: bytes, lamport: int, K: int, nonce: bytes,
    data: bytes = b"", ended: Ended | None = (),
) -> bytes:  # fmt: skip
    ad = associated(Header(JOIN, sid, lamport), keys.rp, keys.name(uid))
    body = u32(lamport) + secret.public.B + secret.public.E + S + u8(K)
    if ended is not None:
        body += u8(len(ended)) + b"".join(sid4 + u32(notes) for sid4, notes in ended) + data
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
    ended = None if reader.left == 64 else _read_ended(reader)
    data, signature = reader.take(reader.left - 64), reader.take(64)
    if lamport != header.seq or not 1 <= K <= 64 or len(data) > MAX_DATA:
        raise Reject("format")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise Reject("format", "not UTF-8") from None
    if not ed25519_verify(identity.E, signature, _join_hash(ad, pt[:-64])):
        raise Reject("signature")
    return Join(keys.uid(name), name, header.epoch, lamport, identity, S, K, text, ended)


def _read_ended(reader: Reader) -> Ended:
    n = reader.number(1)
    ended = tuple((reader.take(4), reader.number(4)) for _ in range(n))
    if n > MAX_ENDED or any(notes > MAX_NOTES for _, notes in ended):
        raise Reject("format", "former sessions")
    return ended


@dataclass(frozen=True)
class Stale:
    """The answer of section 6.4. About a session it names a lamport, about
    a connection its number, about counts `notes`, `epoch` and `said`; what it is not about is 0.
    """

    sid: bytes
    lamport: int = 0
    conn: int = 0
    notes: int = 0
    epoch: bytes = bytes(4)
    said: int = 0

    def is_about_one(self) -> bool:
        """Is it about a session, a connection or counts, and about no two of them?"""
        counts = bool(self.notes or self.said)
        return [bool(self.lamport), bool(self.conn), counts].count(True) == 1 and (counts or not any(self.epoch))


@dataclass(frozen=True)
class Standing:
    """How far a member is in its present session: what an answer is measured by."""

    sid: bytes
    lamport: int
    conn: int
    notes: int = 0
    """The next number of its ring."""
    epoch: bytes = b""
    """The id of its current epoch, empty if it has none."""
    said: int = 0
    """The next number of its own chain there."""

    def is_old(self, stale: Stale) -> bool:
        """Does the answer tell of a join that this session's is not above?"""
        return stale.sid == self.sid and stale.lamport >= self.lamport

    def is_not_alone(self, stale: Stale) -> bool:
        """Does the answer tell of what this session should know: of another machine, or of a time before a backup?"""
        counts = stale.notes > self.notes or self.epoch[:4] == stale.epoch and stale.said > self.said
        return stale.sid == self.sid and (stale.conn == self.conn or counts)


@dataclass(frozen=True)
class Ask:
    """The question of section 6.5: the sessions of which the asker knows no join."""

    sids: tuple[bytes, ...]


def build_ask(keys: ChannelKeys, uid: str, sid: bytes, ask: Ask, nonce: bytes) -> bytes:
    ad = associated(Header(HANDSHAKE, sid, 0), keys.rp, keys.name(uid))
    return seal(keys.msgkey, ad, nonce, u8(ASK) + b"".join(ask.sids))


def session_above(stale: Stale, own: Standing, largest: int) -> int:
    """The counter of the new session that the answer calls for (6.4), else Reject; `largest`: accepted so far.

    That it is done at most once in ten seconds is for who has a clock.
    """
    if stale.sid != own.sid:
        raise Reject("stale", "about another session")
    if not own.is_old(stale) and not own.is_not_alone(stale):
        raise Reject("duplicate", "nothing that is above")
    named = max(stale.lamport, largest, own.lamport)
    new = min(1 + named, MAX_LAMPORT)
    if named >= MAX_LAMPORT > largest or new > largest + JUMP:
        raise Reject("jump")
    return new


def build_stale(keys: ChannelKeys, uid: str, sid: bytes, stale: Stale, nonce: bytes) -> bytes:
    ad = associated(Header(HANDSHAKE, sid, 0), keys.rp, keys.name(uid))
    pt = u8(STALE) + stale.sid + u32(stale.lamport) + u32(stale.conn) + u32(stale.notes) + stale.epoch + u32(stale.said)
    return seal(keys.msgkey, ad, nonce, pt)
