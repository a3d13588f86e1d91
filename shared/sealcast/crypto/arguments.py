"""Argument checks that the crypto suites share: type and length first, the argument named, never its value.

The native module raises the same errors with the same words, so that callers cannot tell the suites apart.
"""


def octets(name, value, least, most):
    """A bytes-like argument of least..most bytes (most None: any number), as bytes.

    Raises TypeError or ValueError naming the argument.
    """
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise TypeError(name + " must be bytes-like")
    value = bytes(value)
    size = len(value)
    if size < least or (most is not None and size > most):
        if least == most:
            text = "%d bytes" % least
        elif most is None:
            text = "%d or more bytes" % least
        elif least == 0:
            text = "at most %d bytes" % most
        else:
            text = "%d to %d bytes" % (least, most)
        raise ValueError(name + " must be " + text)
    return value


def exact(name, value, size):
    """A bytes-like argument of exactly `size` bytes, as bytes."""
    if type(value) is bytes and len(value) == size:  # the common case, without a second call
        return value
    return octets(name, value, size, size)


def data(name, value):
    """A bytes-like argument of any length, as bytes."""
    return value if type(value) is bytes else octets(name, value, 0, None)


def number(name, value, least, most):
    """An int argument in least..most."""
    if not isinstance(value, int):
        raise TypeError(name + " must be an integer")
    if value < least or value > most:
        raise ValueError("%s must be %d to %d" % (name, least, most))
    return value


def hash_arguments(size, key, salt, person, parts):
    """The arguments of h(), checked; returns key, salt and person as bytes."""
    number("size", size, 1, 64)
    for part in parts:
        if not isinstance(part, (bytes, bytearray, memoryview)):
            raise TypeError("parts must be bytes-like")
    return (
        octets("key", key, 0, 64),
        octets("salt", salt, 0, 16),
        octets("person", person, 0, 16),
    )


def scrypt_cost(n, r, p):
    """The cost parameters of scrypt: n a power of two in 2..2^30 and below 2^(16 r), r p < 2^30 (RFC 7914, 2)."""
    most = (1 << 30) - 1
    number("n", n, 1, 1 << 30)
    number("r", r, 1, most)
    number("p", p, 1, most)
    if n < 2 or n & (n - 1):
        raise ValueError("n must be a power of two above 1")
    if r < 2 and n >> 16:  # r >= 2 allows any n up to 2^30
        raise ValueError("n must be below 2**(16*r)")
    if r * p > most:
        raise ValueError("r times p must be below 2**30")


def writable(name, value):
    """A buffer that can be changed in place."""
    if not isinstance(value, (bytearray, memoryview)) or (
        isinstance(value, memoryview) and getattr(value, "readonly", False)
    ):
        raise TypeError(name + " must be a writable buffer")
    return value


def not_canonical(name):
    """The error for an undecodable ristretto255 encoding."""
    return ValueError(name + " is not a canonical ristretto255 encoding")


def chunks32(name, value):
    """n * 32 bytes with n >= 2, as bytes."""
    value = octets(name, value, 64, None)
    if len(value) & 31:
        raise ValueError(name + " must be a multiple of 32 bytes")
    return value


def short(name, value):
    """What gets two bytes of length before it, as bytes."""
    value = octets(name, value, 0, None)
    if len(value) > 0xFFFF:
        raise ValueError(name + " must be at most 65535 bytes")
    return value


def column(name, value):
    """32 bytes for each of the 1 to 20 members of a group of the ratchet, as bytes."""
    value = octets(name, value, 0, None)
    if len(value) & 31 or not 32 <= len(value) <= 20 * 32:
        raise ValueError(name + " must be 32 bytes for each of 1 to 20 members")
    return value


def member(name, value, members):
    """A member's place in such a group."""
    if not isinstance(value, int):
        raise TypeError(name + " must be an integer")
    if not 0 <= value < members:
        raise ValueError(name + " is no member's place")
    return value
