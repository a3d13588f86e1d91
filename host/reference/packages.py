"""Keys published ahead: one-time packages (PROTOCOL.md section 16.1),
and the notice key, which is number 0 (section 22).
"""

from dataclasses import dataclass

from .encoding import Reader, Reject
from .frames import PACKAGE, Header, associated, open_sealed, parse_header, seal
from .joins import Join
from .names import ChannelKeys
from .primitives import H, ed25519_sign, ed25519_verify
from .ratchet import refuse_low_order

AHEAD = 2
MAX_NUMBER = 2**31 - 1
FAR = 64
"""A number this far above all that is known of a member is still believed."""
MAX_MEMBERS = 31
NOTICE_SLOT = 2


@dataclass(frozen=True)
class Package:
    sid: bytes
    number: int
    K: bytes
    R: bytes


@dataclass(frozen=True)
class NoticeKey:
    sid: bytes
    K: bytes


def slot_of(what: Package | NoticeKey) -> int:
    return NOTICE_SLOT if isinstance(what, NoticeKey) else what.number % AHEAD


def _package_hash(ad: bytes, body: bytes) -> bytes:
    return H(b"", ad, body, person=b"sc/package")


def build_package(keys: ChannelKeys, uid: str, what: Package | NoticeKey, nonce: bytes, session_seed: bytes) -> bytes:
    number, body = (0, what.K) if isinstance(what, NoticeKey) else (what.number, what.K + what.R)
    ad = associated(Header(PACKAGE, what.sid, number), keys.rp, keys.name(uid))
    return seal(keys.msgkey, ad, nonce, body + ed25519_sign(session_seed, _package_hash(ad, body)))


@dataclass(frozen=True)
class Opened:
    """A package before its signature is checked: that comes last, behind what the receiver knows of the member."""

    what: Package | NoticeKey
    current: Join
    ad: bytes
    pt: bytes

    def verify(self) -> None:
        if not ed25519_verify(self.current.S, self.pt[-64:], _package_hash(self.ad, self.pt[:-64])):
            raise Reject("signature")


def open_package(keys: ChannelKeys, name: bytes, frame: bytes, sessions: dict[bytes, Join], current: Join) -> Opened:
    """`current` is the sender's present session; of another one of its `sessions` a package is Reject(`stale`)."""
    header = parse_header("k", frame)
    if header.epoch not in sessions:
        raise Reject("unknown")
    if header.epoch != current.sid:
        raise Reject("stale", "an older session")
    ad = associated(header, keys.rp, name)
    pt = open_sealed(keys.msgkey, ad, frame)
    if header.seq > MAX_NUMBER:
        raise Reject("format", "number")
    reader = Reader(pt)
    K = reader.take(32)
    what: Package | NoticeKey
    if header.seq == 0:
        what = NoticeKey(header.epoch, K)
        refuse_low_order(K)
    else:
        what = Package(header.epoch, header.seq, K, reader.take(32))
        refuse_low_order(K, what.R)
    reader.take(64)
    reader.end()
    return Opened(what, current, ad, pt)


class Shelf:
    """The packages of one member's present session, and which numbers are used."""

    def __init__(self) -> None:
        self.used = 0
        self.unused: dict[int, Package] = {}
        """All that were taken and not used: an agreement on its way may name any of them."""

    def kept(self) -> list[Package]:
        """The two highest, by number: what an organizer may use."""
        return [self.unused[number] for number in sorted(self.unused)][-AHEAD:]

    def check(self, package: Package) -> None:
        """Reject(`duplicate`) for a number that is used or known, whatever the package holds."""
        if package.number <= self.used or package.number in self.unused:
            raise Reject("duplicate")

    def put(self, package: Package) -> None:
        self.unused[package.number] = package

    def use(self, number: int) -> None:
        """An accepted agreement names it: everything numbered up to it is gone, unless that is out of reach."""
        if number <= max(self.used, *self.unused, 0) + FAR:
            self.forget(number)

    def forget(self, number: int) -> None:
        self.used = max(self.used, number)
        self.unused = {n: p for n, p in self.unused.items() if n > self.used}
