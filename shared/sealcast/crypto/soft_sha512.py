"""SHA-512 (FIPS 180-4) on Python integers, which Ed25519 is defined with. MicroPython's hashlib has none.

Not on a hot path: it hashes only what is signed.
"""

from ..compat import const

_M = 0xFFFFFFFFFFFFFFFF
_BLOCK = const(128)


def _root_bits(root_of, power):
    """The first 64 bits of the fractional part of the square (2) or cube (3) root."""
    scaled = root_of << 64 * power
    low, high = 0, 1 << 70
    while high - low > 1:
        middle = (low + high) >> 1
        if middle**power <= scaled:
            low = middle
        else:
            high = middle
    return low & _M


def _primes(count):
    found = []
    n = 2
    while len(found) < count:
        if all(n % q for q in found):
            found.append(n)
        n += 1
    return found


_tables = []  # K and the initial state; computed at first use, since most boards sign rarely and start often


def _constants():
    if not _tables:
        primes = _primes(80)
        _tables.append(tuple([_root_bits(q, 3) for q in primes]))
        _tables.append(tuple([_root_bits(q, 2) for q in primes[:8]]))
    return _tables


def _compress(state, block, K):
    M = _M
    w = [int.from_bytes(block[i : i + 8], "big") for i in range(0, _BLOCK, 8)]
    for t in range(16, 80):
        x = w[t - 15]
        y = w[t - 2]
        x = (x >> 1 | x << 63) ^ (x >> 8 | x << 56) ^ x >> 7
        y = (y >> 19 | y << 45) ^ (y >> 61 | y << 3) ^ y >> 6
        w.append((x & M) + (y & M) + w[t - 7] + w[t - 16] & M)
    a, b, c, d, e, f, g, h = state
    for t in range(80):
        s_1 = (e >> 14 | e << 50) ^ (e >> 18 | e << 46) ^ (e >> 41 | e << 23)
        t_1 = h + (s_1 & M) + (g ^ e & (f ^ g)) + K[t] + w[t]
        s_0 = (a >> 28 | a << 36) ^ (a >> 34 | a << 30) ^ (a >> 39 | a << 25)
        t_2 = (s_0 & M) + (a & b | c & (a | b))
        h = g
        g = f
        f = e
        e = d + t_1 & M
        d = c
        c = b
        b = a
        a = t_1 + t_2 & M
    return [(x + y) & M for x, y in zip(state, (a, b, c, d, e, f, g, h))]


def sha512(*parts):
    """The digest (64 bytes) of the concatenated parts."""
    K, state = _constants()
    data = b"".join(parts)
    size = len(data)
    data += b"\x80" + bytes(-(size + 17) % _BLOCK) + (8 * size).to_bytes(16, "big")
    for i in range(0, len(data), _BLOCK):
        state = _compress(state, data[i : i + _BLOCK], K)
    return b"".join([x.to_bytes(8, "big") for x in state])
