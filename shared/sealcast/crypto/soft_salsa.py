"""The Salsa20 core, HSalsa20, XSalsa20, Poly1305 and NaCl's secretbox on Python integers.

As in soft_blake2b.py, one integer holds four words: lanes of 64 bits, the 32-bit word in the lower half. The rows are
the diagonals of Salsa20's 4 by 4 matrix, because a column round mixes four columns that start on the diagonal:
    a = x0 x5 x10 x15    b = x4 x9 x14 x3    c = x8 x13 x2 x7    d = x12 x1 x6 x11    (lane 0 first)
and turning d, c, b by one, two, three lanes gives the rows of the matrix, for the row round.
See soft_field.py for timing. Source: Bernstein, "The Salsa20 family of stream ciphers", "Extending the Salsa20 nonce",
"The Poly1305-AES message-authentication code", and "Cryptography in NaCl".
"""

from ..compat import const

M = 0xFFFFFFFF << 192 | 0xFFFFFFFF << 128 | 0xFFFFFFFF << 64 | 0xFFFFFFFF
_BLOCK = const(64)
_TAG = const(16)
_P1305 = (1 << 130) - 5
_SIGMA = 0x6B206574 << 192 | 0x79622D32 << 128 | 0x3320646E << 64 | 0x61707865  # "expand 32-byte k"


def double_rounds(a, b, c, d, count):
    """The rows after `count` double rounds (10 in Salsa20/20, 4 in Salsa20/8), without the final addition."""
    m = M
    for _ in range(count):
        s = a + d & m
        b ^= (s << 7 | s >> 25) & m
        s = b + a & m
        c ^= (s << 9 | s >> 23) & m
        s = c + b & m
        d ^= (s << 13 | s >> 19) & m
        s = d + c & m
        a ^= (s << 18 | s >> 14) & m
        b = b >> 192 | (b << 64) & m
        c = c >> 128 | (c << 128) & m
        d = d >> 64 | (d << 192) & m
        s = a + b & m
        d ^= (s << 7 | s >> 25) & m
        s = d + a & m
        c ^= (s << 9 | s >> 23) & m
        s = c + d & m
        b ^= (s << 13 | s >> 19) & m
        s = b + c & m
        a ^= (s << 18 | s >> 14) & m
        b = b >> 64 | (b << 192) & m
        c = c >> 128 | (c << 128) & m
        d = d >> 192 | (d << 64) & m
    return a, b, c, d


def rows(block):
    """64 bytes -> the four rows."""
    x = [int.from_bytes(block[i : i + 4], "little") for i in range(0, _BLOCK, 4)]
    return (
        x[0] | x[5] << 64 | x[10] << 128 | x[15] << 192,
        x[4] | x[9] << 64 | x[14] << 128 | x[3] << 192,
        x[8] | x[13] << 64 | x[2] << 128 | x[7] << 192,
        x[12] | x[1] << 64 | x[6] << 128 | x[11] << 192,
    )


def unrows(a, b, c, d):
    """The four rows -> 64 bytes."""
    a = a.to_bytes(32, "little")
    b = b.to_bytes(32, "little")
    c = c.to_bytes(32, "little")
    d = d.to_bytes(32, "little")
    return (
        a[0:4] + d[8:12] + c[16:20] + b[24:28]
        + b[0:4] + a[8:12] + d[16:20] + c[24:28]
        + c[0:4] + b[8:12] + a[16:20] + d[24:28]
        + d[0:4] + c[8:12] + b[16:20] + a[24:28]
    )  # fmt: skip


def _key_rows(key, nonce):
    """Rows b, c, d with a key (32 bytes) and a nonce or input (16 bytes: x6 to x9)."""
    k = [int.from_bytes(key[i : i + 4], "little") for i in range(0, 32, 4)]
    n = [int.from_bytes(nonce[i : i + 4], "little") for i in range(0, 16, 4)]
    return (
        k[3] | n[3] << 64 | k[7] << 128 | k[2] << 192,
        n[2] | k[6] << 64 | k[1] << 128 | n[1] << 192,
        k[5] | k[0] << 64 | n[0] << 128 | k[4] << 192,
    )


def _hsalsa20(key, nonce):
    """The subkey (32 bytes) of key (32) and the first 16 bytes of an extended nonce."""
    b, c, d = _key_rows(key, nonce)
    a, b, c, d = double_rounds(_SIGMA, b, c, d, 10)
    x = unrows(a, b, c, d)
    return x[0:4] + x[20:24] + x[40:44] + x[60:64] + x[24:40]


def _stream(key, nonce, size):
    """At least `size` bytes of XSalsa20's key stream: key 32, nonce 24 bytes."""
    m = M
    key = _hsalsa20(key, nonce[:16])
    out = []
    for counter in range((size + _BLOCK - 1) // _BLOCK):
        b_0, c_0, d_0 = _key_rows(key, nonce[16:] + counter.to_bytes(8, "little"))
        a, b, c, d = double_rounds(_SIGMA, b_0, c_0, d_0, 10)
        out.append(unrows(a + _SIGMA & m, b + b_0 & m, c + c_0 & m, d + d_0 & m))
    return b"".join(out)


def xor(a, b):
    """a xor the first len(a) bytes of b."""
    size = len(a)
    return (int.from_bytes(a, "little") ^ int.from_bytes(b[:size], "little")).to_bytes(size, "little")


def xsalsa20_xor(key, nonce, data):
    """data xor XSalsa20's key stream."""
    return xor(data, _stream(key, nonce, len(data))) if data else b""


def poly1305(key, data):
    """The tag (16 bytes) of data under a one-time key (32)."""
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    p = _P1305
    h = 0
    for i in range(0, len(data), 16):
        h = (h + int.from_bytes(data[i : i + 16] + b"\x01", "little")) * r % p
    h += int.from_bytes(key[16:], "little")
    return (h & ((1 << 128) - 1)).to_bytes(16, "little")


def seal(key, nonce, pt):
    """tag (16 bytes) || ciphertext. The first 32 bytes of the key stream are Poly1305's one-time key."""
    stream = _stream(key, nonce, 32 + len(pt))
    ct = xor(pt, stream[32:]) if pt else b""
    return poly1305(stream[:32], ct) + ct


def open_box(key, nonce, box):
    """The plaintext, or None when the tag does not fit. A box has at least 16 bytes."""
    ct = box[_TAG:]
    stream = _stream(key, nonce, 32 + len(ct))
    tag = poly1305(stream[:32], ct)
    if int.from_bytes(tag, "little") ^ int.from_bytes(box[:_TAG], "little"):
        return None
    return xor(ct, stream[32:]) if ct else b""
