"""The group agreement: PROTOCOL.md section 16.2 to 16.4, in its own letters."""

from dataclasses import dataclass

from .encoding import Reader, Reject, lv, u8, u32, xor
from .frames import AGREEMENT, Header, parse_header
from .primitives import ZERO32, H, derive, x25519_base
from .ratchet import MAX_EPOCH, Group, frame_hash, refuse_low_order, shared

RESYNC, CREATE, ADD, REMOVE = range(4)
MAX_MEMBERS = 20
NO_MAC = bytes(16)
ENTERS = 1 << 31
"""In `number`: the member is new, or is taken in again; the bits below name the package."""


@dataclass(frozen=True)
class Row:
    """One member in an agreement; `number` as it stands in the frame."""

    tag: bytes
    number: int
    R: bytes
    G: bytes

    @property
    def enters(self) -> bool:
        return self.number >= ENTERS

    @property
    def package(self) -> int:
        """The number of the package whose K was used (0: none)."""
        return self.number % ENTERS


@dataclass(frozen=True)
class Agreement:
    """A frame of section 16.2 taken apart."""

    group: bytes
    epoch: int
    head: bytes
    reason: int
    organizer: bytes
    W: bytes
    rows: tuple[Row, ...]
    tag: bytes
    mac: bytes
    frame: bytes

    def index(self, tag: bytes) -> int:
        for i, row in enumerate(self.rows):
            if row.tag == tag:
                return i
        raise Reject("members")

    def check_mac(self, group: Group) -> None:
        """As a member of the group takes it (16.4): in its place, and from one who knows the group's v."""
        if (self.group, self.epoch, self.head) != (group.id, group.epoch, group.head):
            raise Reject("epoch")
        if self.mac != group.frame_mac(self.frame[:-16]):
            raise Reject("bad_hmac")

    def check_change(self, group: Group) -> None:
        """What a member of the group also refuses (16.2): Reject(`members`)."""
        present, rows = set(group.tags), {row.tag: row for row in self.rows}
        if self.organizer not in present:
            raise Reject("members", "an organizer from outside")
        real = REMOVE if present - set(rows) else ADD if set(rows) - present else RESYNC
        if self.reason != real:
            raise Reject("members", "another reason than the change")
        for tag, row in rows.items():
            if tag not in present and not row.enters:
                raise Reject("members", "a new member that does not enter")
            if tag in present and tag != self.organizer and not row.enters and row.R != group.R[group.index(tag)]:
                raise Reject("members", "another R of who stays")


def parse_agreement(frame: bytes) -> Agreement:
    """An agreement taken apart, and what is refused on sight (16.2)."""
    header = parse_header("g", frame)
    if header.kind != AGREEMENT:
        raise Reject("kind")
    r = Reader(frame[22:])
    head, reason, n = r.take(32), r.number(1), r.number(1)
    organizer, W = r.take(16), r.take(32)
    rows = tuple(Row(r.take(16), r.number(4), r.take(32), r.take(32)) for _ in range(n))
    parsed = Agreement(header.epoch, header.seq, head, reason, organizer, W, rows, r.take(32), r.take(16), frame)
    r.end()
    tags = [row.tag for row in rows]
    if reason > REMOVE or not 1 <= n <= MAX_MEMBERS or any(a >= b for a, b in zip(tags, tags[1:], strict=False)):
        raise Reject("members")
    own = parsed.rows[parsed.index(organizer)]
    if own.G != ZERO32 or own.number:
        raise Reject("members", "the organizer's row")
    if not (reason == CREATE) == (header.seq == 0) == (head == ZERO32):
        raise Reject("members", "create, epoch 0 and no head go together")
    others = [row for row in rows if row is not own]
    if any(row.number == ENTERS for row in others) or (reason == CREATE and not all(row.enters for row in others)):
        raise Reject("members", "who enters needs a package")
    if header.seq >= MAX_EPOCH:
        raise Reject("epoch")
    refuse_low_order(W, *(row.R for row in rows))
    return parsed


@dataclass(frozen=True)
class Party:
    """What an organizer uses of another member: K of the package in `number` (0: K is R), and R.

    R is the package's, and ENTERS is set in `number`, for who enters; for who stays R is that of the ratchet.
    """

    number: int
    K: bytes
    R: bytes


def _L(group: bytes, W: bytes, tag_j: bytes, tag_i: bytes, B_i: bytes, p: Party, dhs: tuple[bytes, ...]) -> bytes:
    """L_i from the public values and X25519(u, K_i), X25519(w, B_i), X25519(w, K_i), X25519(w, R_i)."""
    return H(b"", lv(group, W, tag_j, tag_i, B_i, p.K, p.R), *dhs, person=b"sc/L")


def _blind(W: bytes, R_i: bytes, dh: bytes) -> bytes:
    return H(b"", W, R_i, dh, person=b"sc/G")


def _transcript(front: "Front", rows: tuple[Row, ...], pins: dict[bytes, bytes]) -> bytes:
    listed = b"".join(row.tag + pins[row.tag] + u32(row.number) + row.R + row.G for row in rows)
    fixed = u8(front.reason) + u8(len(rows)) + front.organizer + front.W
    return front.group + u32(front.epoch) + front.head + fixed + listed


@dataclass(frozen=True)
class Front:
    """What stands before the rows."""

    group: bytes
    epoch: int
    head: bytes
    reason: int
    organizer: bytes
    W: bytes


def _front(a: Agreement) -> Front:
    return Front(a.group, a.epoch, a.head, a.reason, a.organizer, a.W)


def _master(S: bytes, T: bytes) -> tuple[bytes, bytes]:
    """(MK, tag)."""
    MK = H(S, lv(T), person=b"sc/mk")
    return MK, derive(MK, b"sc/kc", T)


def _state(MK: bytes, a: Agreement) -> Group:
    RK, HK, NHK, mk, v = (derive(MK, b"sc/kdf", u8(i)) for i in range(5))
    tags, R = tuple(row.tag for row in a.rows), tuple(row.R for row in a.rows)
    return Group(a.group, a.epoch + 1, frame_hash(a.frame), RK, HK, NHK, mk, v, ZERO32, tags, R)


def build_agreement(
    group: bytes,
    before: Group | None,
    reason: int,
    organizer: bytes,
    u: bytes,
    w: bytes,
    r: bytes,
    parties: dict[bytes, Party],
    pins: dict[bytes, bytes],
    place: tuple[int, bytes] = (0, ZERO32),
) -> tuple[bytes, Group]:
    """The agreement that the member with tag `organizer` and identity u = b_j makes, and the state after it.

    `parties` are the other members, `pins` everyone's B, both by tag; w and r are the organizer's fresh secrets.
    `place` is (epoch, head) when there is no group before, or the organizer does not know its state.
    """
    front = Front(group, *((before.epoch, before.head) if before else place), reason, organizer, x25519_base(w))
    L = {}
    for tag, p in parties.items():
        dhs = (shared(u, p.K), shared(w, pins[tag]), shared(w, p.K), shared(w, p.R))
        L[tag] = _L(group, front.W, organizer, tag, pins[tag], p, dhs)
    S = xor(*L.values()) if L else w
    rows = [Row(organizer, 0, x25519_base(r), ZERO32)]
    for tag, p in parties.items():
        rows.append(Row(tag, p.number, p.R, xor(_blind(front.W, p.R, shared(w, p.R)), S, L[tag])))
    ordered = tuple(sorted(rows, key=lambda row: row.tag))
    MK, tag = _master(S, _transcript(front, ordered, pins))
    frame = Header(AGREEMENT, group, front.epoch).pack() + front.head + u8(reason) + u8(len(rows)) + organizer + front.W
    frame += b"".join(row.tag + u32(row.number) + row.R + row.G for row in ordered) + tag
    frame += before.frame_mac(frame) if before else NO_MAC
    return frame, _state(MK, parse_agreement(frame))


def accept_agreement(
    a: Agreement, tag: bytes, b: bytes, k: bytes, r: bytes, K: bytes, pins: dict[bytes, bytes]
) -> Group:
    """The state that member `tag` computes from its identity b, its
    package's k and K, and the secret r of its R in the frame.

    Without a package (number 0) k and K are r and R. Reject(`forged`) if the tag is wrong.
    """
    row = a.rows[a.index(tag)]
    dhs = (shared(k, pins[a.organizer]), shared(b, a.W), shared(k, a.W), shared(r, a.W))
    L_i = _L(a.group, a.W, a.organizer, tag, pins[tag], Party(row.number, K, row.R), dhs)
    S = xor(L_i, row.G, _blind(a.W, row.R, shared(r, a.W)))
    MK, expected = _master(S, _transcript(_front(a), a.rows, pins))
    if expected != a.tag:
        raise Reject("forged", "tag")
    return _state(MK, a)
