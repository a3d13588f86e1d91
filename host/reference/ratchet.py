"""The group's state and the ratchet: PROTOCOL.md section 17."""

from dataclasses import dataclass, replace

from .encoding import Reader, Reject, lv, pad, u8, u16, u32, unpad, xor
from .frames import RATCHET, Header, parse_header
from .heard import Marks, pack_heard, read_heard
from .primitives import ZERO32, H, derive, secretbox, secretbox_open, x25519, x25519_base

ZERO_NONCE = bytes(24)
APPLICATION, PRIVATE, REFRESH, LEAVE = 0xFF, 0x01, 0x04, 0x05
ASKING, PRIVATE_ASKING = 0xFE, 0x02
"""The first two, asking for a receipt."""
MAX_TEXT = 1150
MAX_EPOCH = 2**31 - 1


@dataclass(frozen=True)
class Message:
    """m of section 17.4; (lamport, count) numbers what its sender said."""

    type: int
    lamport: int
    count: int
    text: bytes
    time: int = 0
    heard: Marks = ()

    def pack(self) -> bytes:
        if len(self.text) > MAX_TEXT:
            raise ValueError("a text has at most 1,150 bytes")
        lead = u8(self.type) + u32(self.lamport) + u32(self.count)
        return lead + u32(self.time) + pack_heard(self.heard) + self.text


def parse_message(m: bytes) -> Message:
    r = Reader(m)
    kind, lamport, count, time, heard = r.number(1), r.number(4), r.number(4), r.number(4), read_heard(r)
    parsed = Message(kind, lamport, count, r.rest(), time, heard)
    if parsed.type not in (APPLICATION, ASKING, PRIVATE, PRIVATE_ASKING, REFRESH, LEAVE) or len(parsed.text) > MAX_TEXT:
        raise Reject("format")
    return parsed


def outer_tag(msgkey: bytes, group: bytes, frame: bytes) -> bytes:
    """The 16 bytes behind every frame on `g` and `e` (18.1); `group` is the id."""
    return derive(msgkey, b"sc/gm", group[:16], frame)[:16]


def unwrap(msgkey: bytes, group: bytes, payload: bytes) -> bytes:
    """The frame of a payload on `g` or `e`; Reject(`forged`), before anything else."""
    frame, tag = payload[:-16], payload[-16:]
    if outer_tag(msgkey, group, frame) != tag:
        raise Reject("forged", "outer tag")
    return frame


def shared(secret: bytes, public: bytes) -> bytes:
    """X25519 of two parties; 32 zero bytes are Reject(`neutral`)."""
    result = x25519(secret, public)
    if not any(result):
        raise Reject("neutral")
    return result


def refuse_low_order(*values: bytes) -> None:
    """Reject(`neutral`) if one of them is of low order (16): its
    product with every secret is zero, so with this one too.

    The secret is clamped to 2^254, which no large order divides.
    """
    if any(x25519(ZERO32, u) == ZERO32 for u in values):
        raise Reject("neutral", "low order")


def frame_hash(frame: bytes) -> bytes:
    """The head that a frame becomes."""
    return H(b"", frame, person=b"sc/frame")


@dataclass(frozen=True)
class Group:
    """What all members of a group have in common after `epoch` frames
    (17.1); `tags` and `R` go together, tags ascending.

    Whoever makes or reads a frame brings its own r and b, and `pins`: everyone's B, by tag.
    """

    id: bytes
    epoch: int
    head: bytes
    RK: bytes
    HK: bytes
    NHK: bytes
    mk: bytes
    v: bytes
    digest: bytes
    tags: tuple[bytes, ...]
    R: tuple[bytes, ...]

    def index(self, tag: bytes) -> int:
        if tag not in self.tags:
            raise Reject("members")
        return self.tags.index(tag)

    def frame_mac(self, frame: bytes) -> bytes:
        return derive(self.v, b"sc/fm", frame)[:16]

    def moved(self, j: int, R_new: bytes, m: bytes) -> "Group":
        """The state after message m of member j (17.3), but for
        `head`, which the whole frame gives: see `with_head`.
        """
        R = (*self.R[:j], R_new, *self.R[j + 1 :])
        digest = H(self.digest, u32(self.epoch), u8(j), H(b"", m, person=b"sc/m"), person=b"sc/cd")
        RK = H(self.RK, x25519(self.v, xor(*R)), *R, digest, person=b"sc/rk")
        NHK, mk, v = (derive(RK, b"sc/kdf", u8(i)) for i in (2, 3, 4))
        return replace(self, epoch=self.epoch + 1, RK=RK, HK=self.NHK, NHK=NHK, mk=mk, v=v, digest=digest, R=R)

    def with_head(self, frame: bytes) -> "Group":
        return replace(self, head=frame_hash(frame))

    def _body_key(self, j: int, nonce: bytes) -> bytes:
        return H(self.mk, lv(self.id, u32(self.epoch), self.head, u8(j)), salt=nonce[:16], person=b"sc/body")

    def _header_key(self, dhs: tuple[bytes, bytes], j: int, i: int, nonce: bytes, body: bytes) -> bytes:
        """`dhs` are the products of the pair's ratchet keys and of its identities."""
        bound = H(b"", nonce, body, person=b"sc/bh")
        return H(self.HK, *dhs, self.digest, u8(j), u8(i), u32(self.epoch), self.head, bound, person=b"sc/hdr")

    def _with(self, i: int, r: bytes, b: bytes, pins: dict[bytes, bytes]) -> tuple[bytes, bytes]:
        """What the owner of r and b has in common with member i."""
        return shared(r, self.R[i]), shared(b, pins[self.tags[i]])

    def build(
        self, j: int, r_j: bytes, b_j: bytes, pins: dict[bytes, bytes], r_new: bytes, nonce: bytes, m: bytes
    ) -> tuple[bytes, "Group"]:
        """The frame in which member j says m, and the state after it."""
        if self.epoch >= MAX_EPOCH:
            raise ValueError("no_group: its epoch numbers have come to their end")
        N = len(self.tags)
        R_new = x25519_base(r_new)
        body = secretbox(self._body_key(j, nonce), nonce, pad(m))
        headers = b""
        for i in range(N):
            if i != j:
                key = self._header_key(self._with(i, r_j, b_j, pins), j, i, nonce, body)
                headers += secretbox(key, ZERO_NONCE, R_new)
        frame = (
            Header(RATCHET, self.id, self.epoch).pack()
            + self.head
            + u8(j)
            + u8(N)
            + headers
            + nonce
            + u16(len(body))
            + body
        )
        after = self.moved(j, R_new, m)
        frame += derive(after.RK, b"sc/ck", frame)[:16]
        frame += self.frame_mac(frame)
        return frame, after.with_head(frame)

    def receive(self, i: int, r_i: bytes, b_i: bytes, pins: dict[bytes, bytes], frame: bytes) -> "Received":
        """The checks of 17.3 as member i makes them, in their order."""
        f = self._in_place(frame)
        if i == f.j:
            raise Reject("members", "its own")
        return self._open(f, i, self._with(f.j, r_i, b_i, pins), frame)

    def reread(self, r_j: bytes, b_j: bytes, pins: dict[bytes, bytes], frame: bytes) -> "Received":
        """The same by the sender, from its r_j of before: it can open any header that it made."""
        f = self._in_place(frame)
        i = 0 if f.j else 1
        return self._open(f, i, self._with(i, r_j, b_j, pins), frame)

    def _in_place(self, frame: bytes) -> "RatchetFrame":
        f = parse_ratchet(frame)
        if f.group != self.id or f.epoch != self.epoch or f.prev != self.head or f.epoch >= MAX_EPOCH:
            raise Reject("epoch")
        if frame[-16:] != self.frame_mac(frame[:-16]):
            raise Reject("bad_hmac")
        if f.j >= len(self.tags) or len(f.headers) != len(self.tags) - 1:
            raise Reject("members", "places")
        return f

    def _open(self, f: "RatchetFrame", i: int, dhs: tuple[bytes, bytes], frame: bytes) -> "Received":
        key = self._header_key(dhs, f.j, i, f.nonce, f.body)
        R_new = secretbox_open(key, ZERO_NONCE, f.headers[i if i < f.j else i - 1])
        padded = secretbox_open(self._body_key(f.j, f.nonce), f.nonce, f.body)
        if R_new is None or padded is None:
            raise Reject("undecryptable")
        refuse_low_order(R_new)
        m = unpad(padded)
        after = self.moved(f.j, R_new, m)
        if f.check != derive(after.RK, b"sc/ck", frame[:-32])[:16]:
            raise Reject("undecryptable", "check")
        return Received(f.j, R_new, f.nonce, m, after.with_head(frame))


@dataclass(frozen=True)
class Received:
    j: int
    R_new: bytes
    nonce: bytes
    m: bytes
    after: Group


@dataclass(frozen=True)
class RatchetFrame:
    """A frame of section 17.2 taken apart."""

    group: bytes
    epoch: int
    prev: bytes
    j: int
    headers: tuple[bytes, ...]
    nonce: bytes
    body: bytes
    check: bytes
    mac: bytes


def parse_ratchet(frame: bytes) -> RatchetFrame:
    header = parse_header("g", frame)
    if header.kind != RATCHET:
        raise Reject("kind")
    r = Reader(frame[22:])
    prev, j, N = r.take(32), r.number(1), r.number(1)
    headers = tuple(r.take(48) for _ in range(N - 1))
    nonce = r.take(24)
    body = r.take(r.number(2))
    parsed = RatchetFrame(header.epoch, header.seq, prev, j, headers, nonce, body, r.take(16), r.take(16))
    r.end()
    return parsed
