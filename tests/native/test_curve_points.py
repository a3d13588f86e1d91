"""Curve functions of each field representation at the edges, against big integers and the RFCs' vectors."""

import ctypes
import os
import random
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import curve_reference as R  # noqa: E402
from curve_library import VARIANTS, build  # noqa: E402
from curve_reference import BASE, L, P, le, num  # noqa: E402

NEUTRAL = bytes(32)
# Points of order 1, 2, 4, 8 on the Montgomery curve and its twist, and the numbers that stand for the same.
LOW_ORDER_U = [
    0, 1, P - 1, P, P + 1,
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
]  # fmt: skip


@pytest.fixture(scope="module", params=list(VARIANTS))
def curve(request, tmp_path_factory):
    return build(tmp_path_factory.mktemp("curve"), request.param, VARIANTS[request.param])


@pytest.fixture
def rng():
    seed = random.randrange(1 << 32)
    print("seed", seed)
    return random.Random(seed)


def h(text):
    return bytes.fromhex(text.replace(" ", ""))


def test_rfc7748(curve):
    k = h("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4")
    u = h("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c")
    assert curve.x25519(k, u) == h("c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552")
    k = h("4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d")
    u = h("e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493")
    assert curve.x25519(k, u) == h("95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957")
    a = h("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
    assert curve.x25519_base(a) == h("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a")
    k = u = le(9)
    for _ in range(1000 if curve.limbs == 5 else 50):
        k, u = curve.x25519(k, u), k
    if curve.limbs == 5:
        assert k == h("684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51")


def test_x25519_edges(curve, rng):
    scalars = [bytes(32), b"\xff" * 32, le(L), le(8 * L), le(1 << 254), rng.randbytes(32)]
    for u in LOW_ORDER_U:
        for n in (u, u + 2**255):
            if n < 2**256:
                for k in scalars:
                    assert curve.x25519(k, le(n)) == NEUTRAL == R.x25519(k, le(n))
    for n in [*range(P + 2, 2**255), 2, 3, 9, P - 2, P - 9, *(1 << i for i in range(3, 255, 7))]:
        for u in (n, n | 2**255):
            k = rng.choice(scalars)
            assert curve.x25519(k, le(u)) == R.x25519(k, le(u)), u
    for k in scalars:
        assert curve.x25519_base(k) == R.x25519(k, le(9)), k


def test_ristretto_generator_multiples(curve):
    """RFC 9496 A.1: the generator's first multiples (the first as printed there, all by addition)."""
    generator = R.ristretto_encode(BASE)
    assert generator == h("e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76")
    point, expected = (0, 1), NEUTRAL
    for n in range(16):
        assert curve.ristretto_mul(le(n), generator) == expected == R.ristretto_encode(point)
        assert curve.ristretto_mul(le(L + n), generator) == expected
        assert curve.ristretto_mul(le(L - n), generator) == R.ristretto_encode(R.neg(point))
        point = R.add(point, BASE)
        expected = curve.ristretto_add(expected, generator)


def test_ristretto_scalars_at_the_edges(curve, rng):
    p = R.ristretto_map(rng.randbytes(64))
    q = R.ristretto_decode(p)
    scalars = [
        0,
        1,
        2,
        7,
        8,
        9,
        15,
        16,
        L - 1,
        L,
        L + 1,
        8 * L,
        15 * L + 3,
        2**252 - 1,
        2**252,
        2**253,
        2**255 - 19,
        2**256 - 1,
    ]
    scalars += [int("8" * 63, 16), int("7" * 63, 16), int("f" * 63, 16), int("80" * 32, 16), int("1" * 63, 16)]
    for s in scalars:
        expected = R.ristretto_encode(R.mul(s % L, q))
        assert curve.ristretto_mul(le(s), p) == expected, s
        assert curve.ristretto_mul(le(s), NEUTRAL) == NEUTRAL


def test_ristretto_encodings_that_are_refused(curve, rng):
    """Everything RFC 9496 4.3.1 names: not below p, odd, not a square, t negative, y = 0."""
    refused = [le(n) for n in (P, P + 1, P + 2, P - 1, 1, 3, 2**255 - 1, 2**255, 2**256 - 1, 2**255 + 2)]
    valid = [R.ristretto_encode(R.mul(rng.randrange(1, L), BASE)) for _ in range(20)]
    for p in valid:
        refused += [le(P - num(p)), le(num(p) + 2**255), le(num(p) + P) if num(p) + P < 2**256 else le(1)]
    kinds = set()
    while len(kinds) < 2 or len(refused) < 150:  # about one even number in four decodes
        s = rng.randrange(0, P // 2) * 2
        if R.ristretto_decode(le(s)) is None:
            refused.append(le(s))
            u1, u2 = 1 - s * s, 1 + s * s
            kinds.add(R.sqrt_ratio(1, (-R.D * u1 * u1 - u2 * u2) * u2 * u2)[0])
    for p in refused:
        assert R.ristretto_decode(p) is None
        good = rng.choice(valid)
        assert not curve.ristretto_valid(p)
        assert curve.ristretto_mul(le(1), p) is None
        assert curve.ristretto_add(p, good) is None and curve.ristretto_add(good, p) is None
        assert curve.ristretto_sub(p, good) is None and curve.ristretto_sub(good, p) is None
        assert curve.bd_key(p, good + good) == (-1, NEUTRAL) == curve.bd_key(good, good + p)
    for p in valid:
        assert curve.ristretto_valid(p)
        assert curve.ristretto_mul(le(1), p) == p
    assert not curve.ristretto_valid(NEUTRAL)


def test_ristretto_add_and_sub(curve, rng):
    points = [NEUTRAL] + [
        R.ristretto_encode(R.mul(rng.choice([1, 2, L - 1, rng.randrange(L)]), BASE)) for _ in range(12)
    ]
    for p in points:
        assert curve.ristretto_sub(p, p) == NEUTRAL
        assert curve.ristretto_add(p, NEUTRAL) == p == curve.ristretto_sub(p, NEUTRAL)
        for q in points:
            a, b = R.ristretto_decode(p), R.ristretto_decode(q)
            assert curve.ristretto_add(p, q) == R.ristretto_encode(R.add(a, b))
            assert curve.ristretto_sub(p, q) == R.ristretto_encode(R.add(a, R.neg(b)))


def test_ristretto_map_at_the_edges(curve, rng):
    d_plus_1 = pow(R.SQRT_M1, P - 2, P) * -R.D % P  # r = -D, where v = 0
    ok, root = R.sqrt_ratio(d_plus_1, 1)
    halves = [0, 1, P - 1, P, P + 1, 2**255 - 1, 2**255, 2**256 - 1, root if ok else 2, R.SQRT_M1, rng.getrandbits(256)]
    for a in halves:
        for b in halves:
            t = le(a) + le(b)
            assert curve.ristretto_map(t) == R.ristretto_map(t), t.hex()


def test_bd_key(curve, rng):
    """The definition in plain steps; every member gets the same key; a sum that is not neutral is told apart."""
    for n in (2, 3, 4, 5, 9, 32):
        y = [rng.randrange(1, L) for _ in range(n)]
        z = [v * 7 % L for v in y]  # discrete logarithms of Z_i to the base B, generator 7 B
        x = [R.ristretto_encode(R.mul(y[i] * (z[(i + 1) % n] - z[i - 1]) % L, BASE)) for i in range(n)]
        keys = set()
        for i in range(n) if n < 9 else (0, n - 1):
            a = R.mul(y[i] * z[i - 1] % L, BASE)
            xs = x[i:] + x[:i]
            acc = key = a
            for encoded in xs[:-1]:
                acc = R.add(acc, R.ristretto_decode(encoded))
                key = R.add(key, acc)
            code, out = curve.bd_key(R.ristretto_encode(a), b"".join(xs))
            assert (code, out) == (0, R.ristretto_encode(key))
            keys.add(out)
            bad = list(xs)
            bad[rng.randrange(n)] = R.ristretto_encode(R.mul(rng.randrange(1, L), BASE))
            assert curve.bd_key(R.ristretto_encode(a), b"".join(bad)) == (-2, NEUTRAL)
        assert len(keys) == 1
    g = R.ristretto_encode(BASE)
    assert curve.bd_key(NEUTRAL, NEUTRAL * 2) == (0, NEUTRAL)
    assert curve.bd_key(g, g + R.ristretto_encode(R.neg(BASE))) == (0, R.ristretto_encode(R.mul(3, BASE)))


def test_scalars(curve, rng):
    numbers = [
        k * L + off for k in (0, 1, 2, 3, 15, 16, 2**128, 2**252, (2**512 - 1) // L) for off in (-2, -1, 0, 1, 2)
    ]
    numbers += [2**i for i in range(0, 512, 3)] + [2**i - 1 for i in range(0, 513, 3)] + [k << 252 for k in range(260)]
    numbers += [rng.getrandbits(512) for _ in range(2000)]
    for n in numbers:
        if 0 <= n < 2**512:
            assert curve.scalar_reduce(le(n, 64)) == le(n % L), n
    for s in (bytes(32), *(le(1 << i) for i in range(256))):
        assert curve.scalar_nonzero(s) == (s != bytes(32))
    edges = [0, 1, L - 1, L, 2**255 - 1, 2**256 - 1, rng.getrandbits(256), rng.getrandbits(253)]
    out = ctypes.create_string_buffer(32)
    for a in edges:
        for b in edges:
            for c in edges:
                curve.c.probe_muladd(out, le(a), le(b), le(c))
                assert num(out.raw) == (a * b + c) % L


def test_rfc8032(curve):
    vectors = [
        ("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
         "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
         "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
         "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"),
        ("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
         "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
         "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
         "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
    ]  # fmt: skip
    for seed, public, msg, sig in vectors:
        assert curve.ed25519_public(h(seed)) == h(public)
        assert curve.ed25519_sign(h(seed), h(public), h(msg)) == h(sig)
        assert curve.ed25519_verify(h(public), h(sig), h(msg))


def small_order_points():
    """The eight of them: multiples of a point of order 8."""
    y = 3
    while True:
        x = R.recover_x(y, 0)
        t = x is not None and R.mul(L, (x, y))
        if t and R.mul(4, t) != (0, 1):
            return [R.mul(i, t) for i in range(8)]
        y += 1


@pytest.fixture(scope="module")
def signatures():
    """(public key, signature, message, whether to accept), judged by the reference."""
    number = random.randrange(1 << 32)
    print("seed", number)
    rng = random.Random(number)
    seed, msg = rng.randbytes(32), rng.randbytes(50)
    public = R.ed25519_public(seed)
    sig = R.ed25519_sign(seed, public, msg)
    cases = [(public, sig, msg, True), (public, sig, msg[:-1], False)]
    for bit in range(0, 512, 11):
        flipped = bytes(b ^ (1 << bit % 8 if i == bit // 8 else 0) for i, b in enumerate(sig))
        cases.append((public, flipped, msg, False))
    S = num(sig[32:])
    cases += [(public, sig[:32] + le(S + k * L), msg, False) for k in range(1, 15) if S + k * L < 2**256]
    torsion = small_order_points()
    a, _ = R.ed_expand(seed)
    A = R.mul(a % L, BASE)
    for t in torsion:
        # small order A and R
        cases.append((R.ed_encode(t), R.ed_encode(t) + bytes(32), msg, False))
        # small order R
        small = R.ed_encode(t)
        cases.append((public, small + le(R.hash_scalar(small, public, msg) * a % L), msg, False))
        mixed = R.ed_encode(R.add(A, t))
        # mixed order A: accepted if k t = 0
        for _ in range(3):
            r = rng.randrange(L)
            rr = R.ed_encode(R.mul(r, BASE))
            k = R.hash_scalar(rr, mixed, msg)
            cases.append((mixed, rr + le((r + k * a) % L), msg, R.mul(k, t) == (0, 1)))
    # A that is not canonical: y >= p (only 19 of them), and x = 0 with a sign.
    for y in range(P, 2**255):
        cases.append((le(y), sig, msg, False))
        cases.append((le(y + 2**255), sig, msg, False))
    cases += [(le(1 + 2**255), sig, msg, False), (le(P - 1 + 2**255), sig, msg, False), (le(2), sig, msg, False)]
    for public_key, signature, message, expected in cases:
        assert R.ed25519_verify(public_key, signature, message) == expected
    assert {case[3] for case in cases} == {True, False}
    return cases


def test_ed25519_verify_refuses(curve, signatures):
    for public_key, signature, message, expected in signatures:
        assert curve.ed25519_verify(public_key, signature, message) == expected, (
            public_key.hex(),
            signature.hex(),
            message.hex(),
        )


def test_outputs_may_overlap_inputs(curve, rng):
    a, b = rng.randbytes(32), R.ristretto_map(rng.randbytes(64))
    generator = R.ristretto_encode(BASE)
    for name, args in (
        ("x25519", (a, b)), ("x25519_base", (a,)), ("ristretto_mul", (a, b)), ("ristretto_add", (b, generator)),
        ("ristretto_sub", (b, generator)), ("ed25519_public", (a,)),
    ):  # fmt: skip
        expected = getattr(curve, name)(*args)
        for i, arg in enumerate(args):
            buffer = ctypes.create_string_buffer(arg, 32)
            call = list(args)
            call[i] = buffer
            getattr(curve.c, "sc_" + name)(buffer, *call)
            assert buffer.raw == expected, (name, i)
    for name, size in [("ristretto_map", 64), ("scalar_reduce", 64)]:
        data = rng.randbytes(size)
        buffer = ctypes.create_string_buffer(data, size)
        getattr(curve.c, "sc_" + name)(buffer, buffer)
        assert buffer.raw[:32] == getattr(curve, name)(data)
