"""Random and awkward arguments for every function of the crypto suite, from a seed; what libsodium says to them.

ristretto255 is asked of the reference as well, whose arithmetic is plain integers: two oracles that share nothing.
"""

import random
from collections.abc import Callable
from typing import Any

from reference import ristretto
from sealcast.crypto import host as sodium

P = 2**255 - 19
L = ristretto.L
Call = tuple[str, tuple[Any, ...]]
_LENGTHS = (0, 1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 200)


def calls(seed: int, rounds: int) -> dict[str, list[Call]]:
    """{function: its calls}; the same for the same seed."""
    r = random.Random(f"sealcast hil {seed}")
    points = [sodium.ristretto_map(_edge(r, 64)) for _ in range(8)] + [bytes(32)]
    make: dict[str, Callable[[], tuple[Any, ...]]] = {
        "h": lambda: _hash(r),
        "secretbox": lambda: (_edge(r, 32), _edge(r, 24), _some(r)),
        "secretbox_open": lambda: _box(r),
        "xsalsa20_xor": lambda: (_edge(r, 32), _edge(r, 24), _some(r)),
        "equal": lambda: _twice(r),
        "scrypt": lambda: (_some(r), _edge(r, 16), 1 << r.randint(1, 4), 1, r.randint(1, 2), r.randint(1, 80)),
        "scalar_reduce": lambda: (_edge(r, 64),),
        "x25519": lambda: (_edge(r, 32), _edge(r, 32)),
        "x25519_base": lambda: (_edge(r, 32),),
        "ed25519_public": lambda: (_edge(r, 32),),
        "ed25519_sign": lambda: _to_sign(r),
        "ed25519_verify": lambda: _signature(r),
        "ristretto_map": lambda: (_edge(r, 64),),
        "ristretto_mul": lambda: (_edge(r, 32), _point(r, points)),
        "ristretto_add": lambda: (_point(r, points), _point(r, points)),
        "ristretto_sub": lambda: (_point(r, points), _point(r, points)),
        "ristretto_valid": lambda: (_point(r, points),),
        "bd_key": lambda: _sums(r, points),
    }
    return {name: [(name, made()) for _ in range(rounds)] for name, made in make.items()}


def expected(call: Call) -> Any:
    """What libsodium answers; an error as the text "error Name: text". Raises ValueError when the two oracles
    differ."""
    name, arguments = call
    try:
        answer = getattr(sodium, name)(*arguments)
    except (ValueError, TypeError) as e:
        return f"error {type(e).__name__}: {e}"
    if name in _PLAIN and answer != _PLAIN[name](*arguments):
        raise ValueError(f"libsodium and the reference do not agree on {name}: the fault is on this computer")
    return answer


def _decode(data: bytes) -> ristretto.Point:
    point = ristretto.decode(data)
    assert point is not None
    return point


_PLAIN: dict[str, Any] = {
    "ristretto_map": lambda u: ristretto.encode(ristretto.one_way_map(u)),
    "ristretto_mul": lambda s, P: ristretto.encode(ristretto.multiply(int.from_bytes(s, "little"), _decode(P))),
    "ristretto_add": lambda P, Q: ristretto.encode(ristretto.add(_decode(P), _decode(Q))),
    "ristretto_sub": lambda P, Q: ristretto.encode(ristretto.subtract(_decode(P), _decode(Q))),
}


def _edge(r: random.Random, size: int) -> bytes:
    """`size` bytes: random, or of the kind that carries and reductions trip over."""
    kind = r.randrange(8)
    if kind < 5:
        return r.randbytes(size)
    if kind == 5:  # near a modulus, a power of two, or zero
        near = r.choice([0, P, 2 * P, L, 8 * L, 1 << r.randrange(8 * size), 1 << (8 * size)])
        return ((near + r.randrange(-20, 21)) % (1 << (8 * size))).to_bytes(size, "little")
    if kind == 6:
        return (1 << r.randrange(8 * size)).to_bytes(size, "little")
    return bytes((r.choice((0, 255)),)) * size


def _some(r: random.Random) -> bytes:
    return r.randbytes(r.choice(_LENGTHS))


def _hash(r: random.Random) -> tuple[Any, ...]:
    parts = [_some(r) for _ in range(r.choice((0, 1, 1, 2, 3)))]
    return (
        r.randint(1, 64),
        r.randbytes(r.choice((0, 1, 16, 32, 64))),
        r.randbytes(r.choice((0, 16))),
        r.randbytes(7),
        *parts,
    )


def _box(r: random.Random) -> tuple[bytes, bytes, bytes]:
    key, nonce = _edge(r, 32), _edge(r, 24)
    return key, nonce, _flip(r, sodium.secretbox(key, nonce, _some(r)), 3)


def _flip(r: random.Random, data: bytes, one_in: int) -> bytes:
    """One bit changed, at times."""
    if not data or r.randrange(one_in):
        return data
    at = r.randrange(len(data))
    return data[:at] + bytes((data[at] ^ 1 << r.randrange(8),)) + data[at + 1 :]


def _twice(r: random.Random) -> tuple[bytes, bytes]:
    a = _some(r)
    return a, _flip(r, a, 2)


def _to_sign(r: random.Random) -> tuple[bytes, bytes, bytes]:
    seed = _edge(r, 32)
    return seed, sodium.ed25519_public(seed), _some(r)


def _signature(r: random.Random) -> tuple[bytes, bytes, bytes]:
    seed, public, message = _to_sign(r)
    signature = sodium.ed25519_sign(seed, public, message)
    forge = r.randrange(6)
    if forge == 0:
        signature = _flip(r, signature, 1)
    elif forge == 1:  # the same S mod l
        S = (int.from_bytes(signature[32:], "little") + L) % 2**256
        signature = signature[:32] + S.to_bytes(32, "little")
    elif forge == 2:
        public = _edge(r, 32)
    return public, signature, message


def _point(r: random.Random, points: list[bytes]) -> bytes:
    return r.choice(points) if r.randrange(8) else _edge(r, 32)


def _sums(r: random.Random, points: list[bytes]) -> tuple[bytes, bytes]:
    xs = [r.choice(points) for _ in range(r.randrange(1, 5))]
    total = bytes(32)
    for x in xs:
        total = sodium.ristretto_add(total, x)
    last = sodium.ristretto_sub(bytes(32), total) if r.randrange(4) else _point(r, points)
    return _point(r, points), b"".join([*xs, last])
