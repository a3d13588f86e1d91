"""Keys: password -> root -> channel keys; derive, seal, siv. PROTOCOL.md section 4.

`suite.h(size, key, salt, person, *parts)` is BLAKE2b. H without a size is 32 bytes.
"""

from ..compat import const
from ..errors import Reject
from ..wire import HEADER, HIDDEN, MAX_NAME, TAG, check, lv

STRETCH = const(15)  # where nothing is said of it: what every channel of 0.1 has
SCRYPT_R = const(8)
SCRYPT_P = const(1)
ZERO = bytes(32)

# The points of order 8 on curve25519, as u-coordinates; the others of low order are 0, 1 and p - 1. RFC 7748's
# masking applies.
_ORDER_8 = (
    b"\xe0\xebz|;A\xb8\xae\x16V\xe3\xfa\xf1\x9f\xc4j\xda\t\x8d\xeb\x9c2\xb1\xfd\x86b\x05\x16_I\xb8\x00",
    b"_\x9c\x95\xbc\xa3P\x8c$\xb1\xd0\xb1U\x9c\x83\xef[\x04D\\\xc4X\x1c\x8e\x86\xd8\"N\xdd\xd0\x9f\x11W",
)


def derive(suite, key, label, *ctx):
    """derive(key, label, ctx) = H(key; person=label; ctx): 32 bytes."""
    suite = suite.h  # as a method it were one value more than has room on a board's stack
    return suite(32, key, b"", label, *ctx)


def root_key(suite, password, channel, stretch=STRETCH):
    """Password -> the channel's 32-byte root key. 2^stretch KiB; 0.1 s on a desktop at 15, twice that with each more.

    password, channel: bytes. stretch: 15 to 20, by the caller's care. Source: Zpinc (memory-hard function), RFC 7914.
    """
    salt = suite.h(32, b"", b"", b"sc/mhf", channel)
    return suite.scrypt(password, salt, 1 << stretch, SCRYPT_R, SCRYPT_P, 32)


def dh(suite, k, u):
    """X25519 that refuses a peer's low-order point. Raises Reject("neutral")."""
    z = suite.x25519(k, u)
    if suite.equal(z, ZERO):
        raise Reject("neutral")
    return z


def high_order(u):
    """A public value from somebody else -> itself. Raises Reject("neutral") when every secret times it is zero.
    Source: RFC 7748, 6.1."""
    low, high = u[0], u[31] & 0x7F
    if (
        low < 2 and high == 0 and u[1:31] == bytes(30)
        or 0xEC <= low <= 0xEE and high == 0x7F and u[1:31] == b"\xff" * 30
        or low in b"\xe0_" and u[:31] + bytes((high,)) in _ORDER_8
    ):  # fmt: skip
        raise Reject("neutral")
    return u


def siv(suite, ckey, label, text):
    """Deterministic encryption of a name: tag(16) || ciphertext(16, 32 or 48). Equal names give equal bytes, on
    purpose.

    text: 1..48 bytes without NUL. Source: the SIV construction (RFC 5297's idea); deviation 1."""
    padded = text + bytes(-len(text) % 16)
    tag = derive(suite, derive(suite, ckey, b"sc/siv-mac"), b"sc/siv", lv(label, padded))[:16]
    enc = derive(suite, ckey, b"sc/siv-enc", label)
    return tag + suite.xsalsa20_xor(enc, tag + bytes(8), padded)


def unsiv(suite, ckey, label, name):
    """Inverse of `siv`: recomputed and compared. Reject("name") unless `name` is exactly what `siv` makes of
    some text."""
    if len(name) not in HIDDEN:
        raise Reject("name")
    enc = derive(suite, ckey, b"sc/siv-enc", label)
    text = suite.xsalsa20_xor(enc, name[:16] + bytes(8), name[16:]).rstrip(b"\x00")
    if not 0 < len(text) <= MAX_NAME or b"\x00" in text or not suite.equal(siv(suite, ckey, label, text), name):
        raise Reject("name")
    return text


class Keys:
    """What everyone who knows the channel's root key can compute, and sealing under it."""

    def __init__(self, suite, root, channel):
        self.suite = suite
        self.ckey = derive(suite, root, b"sc/ckey", lv(channel))
        self.msgkey = derive(suite, root, b"sc/msgkey", lv(channel))
        self.rp = siv(suite, self.ckey, b"channel", channel)
        self._rp16 = self.rp[:TAG]
        self.heard = None  # told of every frame that opens: see rng.heard

    def name(self, uid):
        """P_i: the member's hidden name on the wire."""
        return siv(self.suite, self.ckey, b"uid", uid)

    def uid(self, name):
        """The name a member chose, as text. Reject("name") when nobody with the key made `name`."""
        try:
            return unsiv(self.suite, self.ckey, b"uid", name).decode()
        except ValueError:  # not UTF-8
            raise Reject("name")

    def place(self, tag):
        """channel tag(16) || sender tag(16): what a frame is bound to besides its header."""
        return self._rp16 + tag

    def ad(self, head, tag):
        """Associated data: header(22) || channel tag(16) || sender tag(16)."""
        return head + self._rp16 + tag

    def seal(self, rng, head, tag, pt):
        """A whole frame under msgkey: header || nonce || box."""
        place = self._rp16 + tag
        return self.suite.seal_frame(self.msgkey, head, place, rng.nonce(head + place, pt), pt)

    def open(self, frame, kind, tag):
        """Frame of `kind` from the member with this tag -> (ad, epoch, seq, pt). Reject on anything else."""
        check(frame, kind)
        place = self._rp16 + tag
        pt = self.suite.open_frame(self.msgkey, frame, place)
        if pt is None:
            raise Reject("forged")
        if self.heard:
            self.heard(frame)
        return frame[:HEADER] + place, frame[2:18], int.from_bytes(frame[18:HEADER], "big"), pt
