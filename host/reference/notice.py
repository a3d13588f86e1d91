"""The notice that moves a channel away from a lost board: PROTOCOL.md section 22."""

from dataclasses import dataclass

from .encoding import Reader, Reject, lv, u8, u32
from .frames import NOTICE, Header, associated, open_sealed, parse_header, seal
from .names import ChannelKeys
from .packages import Package
from .primitives import ZERO32, H, ed25519_sign, ed25519_verify, secretbox, secretbox_open, x25519_base
from .ratchet import ZERO_NONCE, shared

MAX_SHARES = 31


@dataclass(frozen=True)
class Share:
    """One member's: its tag, the number of the package that was used (0: none), the sealed root."""

    tag: bytes
    number: int
    sealed: bytes


@dataclass(frozen=True)
class Notice:
    generation: int
    W: bytes
    lost: bytes
    shares: tuple[Share, ...]


def _notice_hash(ad: bytes, body: bytes) -> bytes:
    return H(b"", ad, body, person=b"sc/notice")


def _ad(keys: ChannelKeys, generation: int) -> bytes:
    return associated(Header(NOTICE, keys.rp[:16], generation), keys.rp, keys.rp)


def _share_key(keys: ChannelKeys, W: bytes, tag: bytes, B: bytes, K: bytes, generation: int, dhs: tuple[bytes, bytes]) -> bytes:
    return H(b"", lv(keys.rp, W, tag, B, K), u32(generation), *dhs, person=b"sc/share")


def build_notice(
    keys: ChannelKeys,
    admin_seed: bytes,
    generation: int,
    lost: bytes,
    w: bytes,
    root: bytes,
    members: dict[bytes, tuple[bytes, Package | None]],
    nonce: bytes,
) -> bytes:
    """`members`, by tag: the pinned B and the package to use of everyone who moves; `lost` is the tag of who does not."""
    W = x25519_base(w)
    body = W + lost + u8(len(members))
    for tag, (B, package) in sorted(members.items()):
        K = package.K if package else ZERO32
        dhs = (shared(w, B), shared(w, K) if package else ZERO32)
        sealed = secretbox(_share_key(keys, W, tag, B, K, generation, dhs), ZERO_NONCE, root)
        body += tag + u32(package.number if package else 0) + sealed
    ad = _ad(keys, generation)
    return seal(keys.msgkey, ad, nonce, body + ed25519_sign(admin_seed, _notice_hash(ad, body)))


def parse_notice(keys: ChannelKeys, admin: bytes, frame: bytes) -> Notice:
    header = parse_header("x", frame)
    if header.epoch != keys.rp[:16]:
        raise Reject("epoch")
    ad = associated(header, keys.rp, keys.rp)
    pt = open_sealed(keys.msgkey, ad, frame)
    reader = Reader(pt)
    W, lost, n = reader.take(32), reader.take(16), reader.number(1)
    shares = tuple(Share(reader.take(16), reader.number(4), reader.take(48)) for _ in range(n))
    signature = reader.take(64)
    reader.end()
    if n > MAX_SHARES:
        raise Reject("members")
    if not ed25519_verify(admin, signature, _notice_hash(ad, pt[:-64])):
        raise Reject("signature")
    return Notice(header.seq, W, lost, shares)


def open_share(keys: ChannelKeys, notice: Notice, tag: bytes, b: bytes, B: bytes, packages: dict[int, tuple[bytes, bytes]]) -> bytes:
    """The new root, as the member `tag` finds it; `packages` are its own (k, K) by number."""
    for share in notice.shares:
        if share.tag == tag:
            K, second = ZERO32, ZERO32
            if share.number:
                if share.number not in packages:
                    raise Reject("package")
                k, K = packages[share.number]
                second = shared(k, notice.W)
            dhs = (shared(b, notice.W), second)
            root = secretbox_open(_share_key(keys, notice.W, tag, B, K, notice.generation, dhs), ZERO_NONCE, share.sealed)
            if root is None:
                raise Reject("undecryptable", "share")
            return root
    raise Reject("members", "not named")
