"""ristretto255 on plain integers against RFC 9496's vectors and libsodium's
(tests/vectors/primitives_ristretto.json).
"""

import hashlib
import json
from pathlib import Path

from reference import ristretto as r

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "primitives_ristretto.json").read_text())
BASE = bytes.fromhex(VECTORS["ristretto_multiples"]["cases"][1])


def test_constants():
    """Each is the root that RFC 9496 section 4.1 says it is."""
    assert r.SQRT_M1**2 % r.P == r.P - 1 and not r.is_negative(r.SQRT_M1)
    assert r.SQRT_AD_MINUS_ONE**2 % r.P == (-r.D - 1) % r.P
    assert r.INVSQRT_A_MINUS_D**2 * (-1 - r.D) % r.P == 1


def test_multiples():
    base, point = r.decode(BASE), r.NEUTRAL
    assert base
    for n, expected in enumerate(VECTORS["ristretto_multiples"]["cases"]):
        assert r.encode(point).hex() == r.encode(r.multiply(n, base)).hex() == expected
        point = r.add(point, base)
    assert r.is_neutral(r.multiply(r.L, base))


def test_bad_encodings():
    for why, encodings in VECTORS["ristretto_bad"]["cases"]:
        for encoding in encodings:
            assert r.decode(bytes.fromhex(encoding)) is None, why


def test_map():
    for label, uniform, expected in VECTORS["ristretto_map"]["cases"]:
        assert hashlib.sha512(label.encode()).hexdigest() == uniform
        assert r.encode(r.one_way_map(bytes.fromhex(uniform))).hex() == expected
    for uniform in VECTORS["ristretto_map_same"]["cases"]:
        assert r.encode(r.one_way_map(bytes.fromhex(uniform))).hex() == VECTORS["ristretto_map_same"]["result"]


def test_square_roots():
    for u, v, was_square, root in VECTORS["sqrt_ratio_m1"]["cases"]:
        found = r.sqrt_ratio_m1(*(int.from_bytes(bytes.fromhex(x), "little") for x in (u, v)))
        assert found == (bool(was_square), int.from_bytes(bytes.fromhex(root), "little"))


def test_multiplication():
    for s, encoded, expected in VECTORS["ristretto_mul"]["cases"]:
        point = r.decode(bytes.fromhex(encoded))
        assert point and r.encode(r.multiply(int.from_bytes(bytes.fromhex(s), "little"), point)).hex() == expected


def test_equality_is_that_of_encodings():
    base = r.decode(BASE)
    assert base
    two = r.add(base, base)
    assert r.equal(two, r.multiply(2, base)) and not r.equal(two, base) and r.is_neutral(r.subtract(two, two))
