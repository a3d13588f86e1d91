"""X25519 (RFC 7748) by the Montgomery ladder, on Python integers. See soft_field.py for what that means for timing."""

from .soft_field import P, inverse, load, store


def _clamped(k):
    n = int.from_bytes(k, "little")
    return n & ((1 << 254) - 8) | 1 << 254


def x25519(k, u):
    """The u-coordinate (32 bytes) of clamp(k) times the point with u-coordinate u; top bit of u ignored.

    The result for a point of small order is 32 zero bytes: callers check. Source: RFC 7748, section 5.
    """
    p = P
    k = _clamped(k)
    x_1 = load(u)
    x_2, z_2, x_3, z_3 = 1, 0, x_1, 1
    swap = 0
    for t in range(254, -1, -1):
        k_t = k >> t & 1
        swap ^= k_t
        difference = (x_2 ^ x_3) * swap
        x_2 ^= difference
        x_3 ^= difference
        difference = (z_2 ^ z_3) * swap
        z_2 ^= difference
        z_3 ^= difference
        swap = k_t
        A = x_2 + z_2
        B = x_2 - z_2
        AA = A * A % p
        BB = B * B % p
        E = AA - BB
        DA = (x_3 - z_3) * A % p
        CB = (x_3 + z_3) * B % p
        x_3 = DA + CB
        x_3 = x_3 * x_3 % p
        z_3 = DA - CB
        z_3 = x_1 * (z_3 * z_3 % p) % p
        x_2 = AA * BB % p
        z_2 = E * (AA + 121665 * E) % p
    x_2 ^= (x_2 ^ x_3) * swap
    z_2 ^= (z_2 ^ z_3) * swap
    return store(x_2 * inverse(z_2))
