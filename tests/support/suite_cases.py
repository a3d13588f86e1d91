"""Arguments to call the crypto suites with: edge values, and random ones of a seeded generator.

cases(random, scale) yields (function name, arguments), the more the greater the scale. All byte strings are `bytes`.
"""

import hashlib
import json
from pathlib import Path

import nacl.bindings as sodium

import frame_cases
import suite_reference as reference

P = 2**255 - 19
L = reference.L
VECTORS = Path(__file__).parents[1] / "vectors"
T2 = (P - 1).to_bytes(32, "little")  # Edwards encodings of points of order 2, 4 and 8
T4 = bytes(32)
T8 = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")


def le(n, size=32):
    return n.to_bytes(size, "little")


def vectors(part):
    return json.loads((VECTORS / f"primitives_{part}.json").read_text())


def _edges(*centres):
    """Around the given numbers, and all of them with the top bit set; as 32 bytes."""
    numbers = {n + d for n in centres for d in (-2, -1, 0, 1, 2) if 0 <= n + d < 2**256}
    numbers |= {n | 1 << 255 for n in numbers}
    return [le(n) for n in sorted(numbers)]


SCALARS = _edges(0, 2, L, 2 * L, 8 * L, 15 * L, L // 2, 2**252, P, 2**255, 2**256 - 1)
FIELD = _edges(0, 9, P, P + 9, P // 2, 2**255, 2**256 - 1)


def _roots():
    """The inputs of the one-way map that make its denominators 0: r = i t^2 = -d and r = -1/d. Both have a root t."""
    d = -121665 * pow(121666, -1, P) % P
    i = pow(2, (P - 1) // 4, P)
    for r in (-d, -pow(d, -1, P)):
        square = r * pow(i, -1, P) % P
        root = pow(square, (P + 3) // 8, P)
        root = root if root * root % P == square else root * i % P
        assert root * root % P == square
        yield from (le(root), le(P - root))


ROOTS = list(_roots())


def _bad_encodings():
    return [bytes.fromhex(x) for _, found in vectors("ristretto")["ristretto_bad"]["cases"] for x in found]


def _elements(random, count):
    good = [bytes.fromhex(x) for x in vectors("ristretto")["ristretto_multiples"]["cases"][:3]]
    return good + [reference.ristretto_map(random.randbytes(64)) for _ in range(count)]


def _encodings(random, scale):
    """Encodings of every sort: good, known to be bad, one bit or the
    top bit changed, random, at the edges of the field.
    """
    found = _bad_encodings() + FIELD
    for good in _elements(random, 20 * scale):
        found.append(good)
        found.append(le(int.from_bytes(good, "little") ^ 1 << random.randrange(256)))
        found.append(le(int.from_bytes(good, "little") | 1 << 255))
        found.append(le(P - int.from_bytes(good, "little")))
        found.append(random.randbytes(31) + b"\x3f")
    return found


def _symmetric(random, scale):
    lengths = [0, 1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 256, 257, 300]
    for _ in range(50 * scale):
        parts = [random.randbytes(random.choice(lengths)) for _ in range(random.choice((0, 1, 1, 2, 3)))]
        key, salt, person = (random.randbytes(random.randint(0, n)) for n in (64, 16, 16))
        yield "h", (random.randint(1, 64), key, salt, person, *parts)
    for size in lengths:
        for fill in (b"\x00", b"\xff"):
            yield "h", (64, fill * 64, fill * 16, fill * 16, fill * size)
            yield "secretbox", (fill * 32, fill * 24, fill * size)
            yield "xsalsa20_xor", (fill * 32, fill * 24, fill * size)
    for _ in range(20 * scale):
        key, nonce, text = random.randbytes(32), random.randbytes(24), random.randbytes(random.choice(lengths))
        yield "secretbox", (key, nonce, text)
        yield "xsalsa20_xor", (key, nonce, text)
        box = reference.secretbox(key, nonce, text)
        yield "secretbox_open", (key, nonce, box)
        at = random.randrange(len(box))
        yield "secretbox_open", (key, nonce, box[:at] + bytes([box[at] ^ 1 << random.randrange(8)]) + box[at + 1 :])
        yield "secretbox_open", (key, nonce, random.randbytes(random.randint(16, 80)))
    for _ in range(scale):
        password, salt = random.randbytes(random.choice((0, 8, 64, 65, 100))), random.randbytes(random.randint(0, 40))
        yield (
            "scrypt",
            (
                password,
                salt,
                1 << random.randint(1, 4),
                random.randint(1, 2),
                random.randint(1, 2),
                random.randint(1, 80),
            ),
        )
    for _ in range(5 * scale):
        a = random.randbytes(random.choice((1, 16, 32)))
        at = random.randrange(len(a))
        yield "equal", (a, a)
        yield "equal", (a, a[:at] + bytes([a[at] ^ 1 << random.randrange(8)]) + a[at + 1 :])
        yield "equal", (a, a[:-1])


def _x25519(random, scale):
    low = [bytes.fromhex(u) for u in vectors("x25519")["x25519_zero"]["cases"]]
    for u in low + FIELD:
        yield "x25519", (random.randbytes(32), u)
    for k in SCALARS:
        yield "x25519_base", (k,)
    for _ in range(10 * scale):
        yield "x25519", (random.randbytes(32), random.randbytes(32))
        yield "x25519_base", (random.randbytes(32),)


def _mixed_order(random):
    """Signatures under a public key, or with an R, that has a part of order 2, 4 or 8: valid only if h cancels it."""
    a, r = random.randrange(1, L), random.randrange(1, L)
    aB, rB = (sodium.crypto_scalarmult_ed25519_base_noclamp(le(s)) for s in (a, r))
    msg = random.randbytes(4)
    T = random.choice((T2, T4, T8))
    for A, R in (
        (sodium.crypto_core_ed25519_add(aB, T), rB),
        (aB, sodium.crypto_core_ed25519_add(rB, T)),
        (T, rB),
        (aB, T),
    ):
        hash_ = int.from_bytes(hashlib.sha512(R + A + msg).digest(), "little") % L
        yield A, R + le((r + hash_ * a) % L), msg


def _ed25519(random, scale):
    for _ in range(4 * scale):
        seed, msg = random.randbytes(32), random.randbytes(random.choice((0, 1, 32, 47, 48, 79, 111, 112, 200)))
        public = reference.ed25519_public(seed)
        yield "ed25519_public", (seed,)
        yield "ed25519_sign", (seed, public, msg)
        sig = reference.ed25519_sign(seed, public, msg)
        yield "ed25519_verify", (public, sig, msg)
        S = int.from_bytes(sig[32:], "little")
        yield "ed25519_verify", (public, sig[:32] + le(S + random.randint(1, 13) * L), msg)
        at = random.randrange(64)
        yield "ed25519_verify", (public, sig[:at] + bytes([sig[at] ^ 1 << random.randrange(8)]) + sig[at + 1 :], msg)
        yield "ed25519_verify", (random.choice(FIELD), sig, msg)
        yield "ed25519_verify", (public, random.choice(FIELD) + sig[32:], msg)
        for args in _mixed_order(random):
            yield "ed25519_verify", args


def _burmester_desmedt(random, n):
    """A group's values as member i holds them: A = y_i Z_(i-1) and X_i, X_(i+1), ..., X_(i-1)."""
    G = reference.ristretto_map(random.randbytes(64))
    y = [le(random.randrange(L)) for _ in range(n)]
    Z = [reference.ristretto_mul(s, G) for s in y]
    X = [reference.ristretto_mul(y[i], reference.ristretto_sub(Z[(i + 1) % n], Z[i - 1])) for i in range(n)]
    i = random.randrange(n)
    return reference.ristretto_mul(y[i], Z[i - 1]), [X[(i + j) % n] for j in range(n)]


def _ristretto(random, scale):
    elements = _elements(random, 10 * scale)
    encodings = _encodings(random, scale)
    for encoding in encodings:
        yield "ristretto_valid", (encoding,)
    for s in SCALARS:
        yield "ristretto_mul", (s, random.choice(elements))
    for encoding in random.sample(encodings, min(len(encodings), 20 * scale)):
        yield "ristretto_mul", (random.randbytes(32), encoding)
        yield "ristretto_add", (encoding, random.choice(elements))
        yield "ristretto_sub", (random.choice(elements), encoding)
    for P in random.sample(elements, min(len(elements), 5 * scale)):
        yield "ristretto_mul", (random.randbytes(32), P)
        yield "ristretto_add", (P, random.choice(elements))
        yield "ristretto_add", (P, P)
        yield "ristretto_sub", (P, P)
        yield "ristretto_sub", (bytes(32), P)
    halves = FIELD + ROOTS
    for half in halves:
        yield "ristretto_map", (half + random.choice(halves),)
        yield "ristretto_map", (random.randbytes(32) + half,)
    for _ in range(10 * scale):
        yield "ristretto_map", (random.randbytes(64),)
        yield "scalar_reduce", (random.randbytes(64),)
    for low in SCALARS:
        yield "scalar_reduce", (low + bytes(32),)
        yield "scalar_reduce", (bytes(32) + low,)
        yield "scalar_reduce", (b"\xff" * 32 + low,)
        yield "scalar_reduce", (le(int.from_bytes(low, "little") * L % 2**512, 64),)
    for _ in range(2 * scale):
        A, X = _burmester_desmedt(random, random.randint(2, 6))
        yield "bd_key", (A, b"".join(X))
        wrong = random.randrange(len(X))
        yield "bd_key", (A, b"".join(X[:wrong] + [random.choice(elements)] + X[wrong + 1 :]))
        yield "bd_key", (A, b"".join(X[:wrong] + [random.choice(encodings)] + X[wrong + 1 :]))
        yield "bd_key", (random.choice(encodings), b"".join(X))
        yield "bd_key", (bytes(32), bytes(32) * random.randint(2, 4))


def cases(random, scale):
    """(function name, arguments) for every function of a suite that returns something."""
    for kind in (_symmetric, _x25519, _ed25519, _ristretto):
        yield from kind(random, scale)
    yield from frame_cases.cases(random, reference, 5 * scale)
