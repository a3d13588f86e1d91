"""The notice that moves a channel away from a lost board: PROTOCOL.md section 22."""

from dataclasses import dataclass

from .encoding import Reader, Reject, lv, u8, u32
from .frames import NOTICE, Header, associated, open_sealed, parse_header, seal
from .names import ChannelKeys
from .primitives import ZERO32, H, ed25519_sign, ed25519_verify, secretbox, secretbox_open, x25519_base
from .ratchet import ZERO_NONCE, shared

MAX_SHARES = 31


@dataclass(frozen=True)
class Share:
    """One member's: its tag, whether its notice key was used, the sealed root."""

    tag: bytes
    keyed: bool
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


def _share_key(
    keys: ChannelKeys, W: bytes, tag: bytes, B: bytes, K: bytes, generation: int, dhs: tuple[bytes, bytes]
) -> bytes:
    return H(b"", lv(keys.rp, W, tag, B, K), u32(generation), *dhs, person=b"sc/share")


def build_notice(
    keys: ChannelKeys,
    admin_seed: bytes,
    generation: int,
    lost: bytes,
    w: bytes,
    root: bytes,
    members: dict[bytes, tuple[bytes, bytes | None]],
    nonce: bytes,
) -> bytes:
    """`members`, by tag: the pinned B and the notice key, if it is
    known, of everyone who moves; `lost` is the tag of who does not.
    """
    W = x25519_base(w)
    body = W + lost + u8(len(members))
    for tag, (B, K) in sorted(members.items()):
        dhs = (shared(w, B), shared(w, K) if K else ZERO32)
        sealed = secretbox(_share_key(keys, W, tag, B, K or ZERO32, generation, dhs), ZERO_NONCE, root)
        body += tag + u8(1 if K else 0) + sealed
    ad = _ad(keys, generation)
    return seal(keys.msgkey, ad, nonce, body + ed25519_sign(admin_seed, _notice_hash(ad, body)))


def parse_notice(keys: ChannelKeys, admin: bytes, frame: bytes) -> Notice:
    header = parse_header("x", frame)
    ad = associated(header, keys.rp, keys.rp)
    pt = open_sealed(keys.msgkey, ad, frame)
    if header.epoch != keys.rp[:16]:
        raise Reject("stale", "another place's")
    reader = Reader(pt)
    W, lost, n = reader.take(32), reader.take(16), reader.number(1)
    listed = [(reader.take(16), reader.number(1), reader.take(48)) for _ in range(n)]
    signature = reader.take(64)
    reader.end()
    if n > MAX_SHARES or any(keyed > 1 for _, keyed, _ in listed):
        raise Reject("format", "shares")
    if not ed25519_verify(admin, signature, _notice_hash(ad, pt[:-64])):
        raise Reject("signature")
    return Notice(header.seq, W, lost, tuple(Share(tag, keyed == 1, sealed) for tag, keyed, sealed in listed))


def open_share(
    keys: ChannelKeys, notice: Notice, tag: bytes, b: bytes, B: bytes, notice_key: tuple[bytes, bytes]
) -> bytes:
    """The new root, as the member `tag` finds it; `notice_key` is its own (k, K).

    Reject(`undecryptable`) if the share was sealed to another key
    (event `notice_unreadable`), `members` if there is none.
    """
    for share in notice.shares:
        if share.tag == tag:
            k, K = notice_key
            second = shared(k, notice.W) if share.keyed else ZERO32
            dhs = (shared(b, notice.W), second)
            key = _share_key(keys, notice.W, tag, B, K if share.keyed else ZERO32, notice.generation, dhs)
            root = secretbox_open(key, ZERO_NONCE, share.sealed)
            if root is None:
                raise Reject("undecryptable", "share")
            return root
    raise Reject("members", "not named")
