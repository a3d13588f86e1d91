"""BLAKE2b (RFC 7693) with key, salt and personalisation, for Pythons whose hashlib has none.

The state is a 4 by 4 matrix of 64-bit words, and a round mixes its four columns, then its four diagonals, each alike.
So one integer holds a whole row: four lanes of 128 bits, the word in the lower half and room for carries and shifts
above it. One integer operation then does the work of four, which is what makes it usable on MicroPython, where every
64-bit value costs an allocation on its own.
"""

from ..compat import const

_BLOCK = const(128)
_LANE_0 = 0xFFFFFFFFFFFFFFFF
_LANE_2 = _LANE_0 << 256
_LANE_3 = _LANE_0 << 384
_MASK = _LANE_3 | _LANE_2 | _LANE_0 << 128 | _LANE_0


def _row(words):
    """Four words -> a row."""
    return words[0] | words[1] << 128 | words[2] << 256 | words[3] << 384


_IV_A = _row((0x6A09E667F3BCC908, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B, 0xA54FF53A5F1D36F1))
_IV_B = _row((0x510E527FADE682D1, 0x9B05688C2B3E6C1F, 0x1F83D9ABFB41BD6B, 0x5BE0CD19137E2179))

# RFC 7693, section 2.7. Rounds 10 and 11 are rounds 0 and 1 again.
_SIGMA = (
    b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f",
    b"\x0e\x0a\x04\x08\x09\x0f\x0d\x06\x01\x0c\x00\x02\x0b\x07\x05\x03",
    b"\x0b\x08\x0c\x00\x05\x02\x0f\x0d\x0a\x0e\x03\x06\x07\x01\x09\x04",
    b"\x07\x09\x03\x01\x0d\x0c\x0b\x0e\x02\x06\x05\x0a\x04\x00\x0f\x08",
    b"\x09\x00\x05\x07\x02\x04\x0a\x0f\x0e\x01\x0b\x0c\x06\x08\x03\x0d",
    b"\x02\x0c\x06\x0a\x00\x0b\x08\x03\x04\x0d\x07\x05\x0f\x0e\x01\x09",
    b"\x0c\x05\x01\x0f\x0e\x0d\x04\x0a\x00\x07\x06\x03\x09\x02\x08\x0b",
    b"\x0d\x0b\x07\x0e\x0c\x01\x03\x09\x05\x00\x0f\x04\x08\x06\x02\x0a",
    b"\x06\x0f\x0e\x09\x0b\x03\x00\x08\x0c\x02\x0d\x07\x01\x04\x0a\x05",
    b"\x0a\x02\x08\x04\x07\x06\x01\x05\x0f\x0b\x09\x0e\x03\x0c\x0d\x00",
)


def _compress(h_a, h_b, block, count, last):
    """F of RFC 7693, section 3.2: the state's two rows, 128 bytes, the bytes hashed so far, 1 for the last block."""
    M = _MASK
    lane_3 = _LANE_3
    m_0 = [int.from_bytes(block[i : i + 8], "little") for i in range(0, _BLOCK, 8)]  # the words, as lane 0
    m_1 = [w << 128 for w in m_0]  # and as lanes 1, 2, 3
    m_2 = [w << 256 for w in m_0]
    m_3 = [w << 384 for w in m_0]
    a = h_a
    b = h_b
    c = _IV_A
    d = _IV_B ^ count ^ _LANE_2 * last
    for i in range(12):
        s = _SIGMA[i if i < 10 else i - 10]
        # columns
        a = a + b + (m_0[s[0]] | m_1[s[2]] | m_2[s[4]] | m_3[s[6]]) & M
        d ^= a
        d = (d >> 32 | d << 32) & M
        c = c + d & M
        b ^= c
        b = (b >> 24 | b << 40) & M
        a = a + b + (m_0[s[1]] | m_1[s[3]] | m_2[s[5]] | m_3[s[7]]) & M
        d ^= a
        d = (d >> 16 | d << 48) & M
        c = c + d & M
        b ^= c
        b = (b >> 63 | b << 1) & M
        # rows b, c, d turn by one, two and three lanes, so that the diagonals stand as columns
        b = b >> 128 | (b << 384) & lane_3
        c = c >> 256 | (c << 256) & M
        d = d >> 384 | (d << 128) & M
        a = a + b + (m_0[s[8]] | m_1[s[10]] | m_2[s[12]] | m_3[s[14]]) & M
        d ^= a
        d = (d >> 32 | d << 32) & M
        c = c + d & M
        b ^= c
        b = (b >> 24 | b << 40) & M
        a = a + b + (m_0[s[9]] | m_1[s[11]] | m_2[s[13]] | m_3[s[15]]) & M
        d ^= a
        d = (d >> 16 | d << 48) & M
        c = c + d & M
        b ^= c
        b = (b >> 63 | b << 1) & M
        # and back
        b = b >> 384 | (b << 128) & M
        c = c >> 256 | (c << 256) & M
        d = d >> 128 | (d << 384) & lane_3
    return h_a ^ a ^ c, h_b ^ b ^ d


def _load_row(octets):
    """32 bytes -> a row."""
    return _row([int.from_bytes(octets[i : i + 8], "little") for i in range(0, 32, 8)])


def _store_row(row):
    octets = row.to_bytes(64, "little")
    return octets[0:8] + octets[16:24] + octets[32:40] + octets[48:56]


def blake2b(size, key, salt, person, data):
    """The hash, `size` (1 to 64) bytes: key 0 to 64 bytes, salt and person 0 to 16 bytes (zero padded), data bytes."""
    # the parameter block of section 2.5, for a hash without a tree: fanout and depth 1
    tail = salt + bytes(16 - len(salt)) + person + bytes(16 - len(person))
    h_a = _IV_A ^ size ^ len(key) << 8 ^ 0x01010000
    h_b = _IV_B ^ _load_row(tail)
    if key:
        data = key + bytes(_BLOCK - len(key)) + data
    size_in = len(data)
    at = 0
    while size_in - at > _BLOCK:
        h_a, h_b = _compress(h_a, h_b, data[at : at + _BLOCK], at + _BLOCK, 0)
        at += _BLOCK
    block = data[at:]
    h_a, h_b = _compress(h_a, h_b, block + bytes(_BLOCK - len(block)), size_in, 1)
    return (_store_row(h_a) + _store_row(h_b))[:size]
