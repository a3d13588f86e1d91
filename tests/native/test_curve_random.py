"""More than 100,000 random inputs: the code for this machine against libsodium, the others against it."""

import os
import random
import sys

import pytest
import rbcl
from nacl import bindings

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from curve_library import VARIANTS, build  # noqa: E402

# Slower on x64 by their nature; their field arithmetic has its own tests.
FEWER = {"51": 1, "29": 20, "29wide": 20, "32": 20, "13": 60}


@pytest.fixture(params=list(VARIANTS))
def machine(request, tmp_path):
    """(library, divisor of the number of inputs, source of random bytes)"""
    seed = random.randrange(1 << 32)
    print("seed", seed)
    return build(tmp_path, request.param, VARIANTS[request.param]), FEWER[request.param], random.Random(seed).randbytes


def test_x25519(machine):
    curve, fewer, take = machine
    for _ in range(75_000 // fewer):
        k, u = take(32), take(32)
        assert curve.x25519(k, u) == bindings.crypto_scalarmult(k, u)


def test_x25519_base(machine):
    curve, fewer, take = machine
    for _ in range(15_000 // fewer):
        k = take(32)
        assert curve.x25519_base(k) == bindings.crypto_scalarmult_base(k)


def test_ed25519(machine):
    curve, fewer, take = machine
    for i in range(8_000 // fewer):
        seed, msg = take(32), take(i % 300)
        public, secret = bindings.crypto_sign_seed_keypair(seed)
        assert curve.ed25519_public(seed) == public
        sig = curve.ed25519_sign(seed, public, msg)
        assert sig == bindings.crypto_sign(msg, secret)[:64]
        assert curve.ed25519_verify(public, sig, msg)
        assert not curve.ed25519_verify(
            public, sig[: i % 64] + bytes([sig[i % 64] ^ 1 << i % 8]) + sig[i % 64 + 1 :], msg
        )


def test_ristretto(machine):
    curve, fewer, take = machine
    last = rbcl.crypto_core_ristretto255_from_hash(take(64))
    for _ in range(6_000 // fewer):
        uniform, scalar = take(64), take(64)
        point = curve.ristretto_map(uniform)
        assert point == rbcl.crypto_core_ristretto255_from_hash(uniform)
        s = curve.scalar_reduce(scalar)
        assert s == rbcl.crypto_core_ristretto255_scalar_reduce(scalar)
        assert curve.ristretto_mul(s, point) == rbcl.crypto_scalarmult_ristretto255(s, point)
        assert curve.ristretto_add(point, last) == rbcl.crypto_core_ristretto255_add(point, last)
        assert curve.ristretto_sub(point, last) == rbcl.crypto_core_ristretto255_sub(point, last)
        last = point


def test_ristretto_validity(machine):
    curve, fewer, take = machine
    seen = set()
    for _ in range(16_000 // fewer):
        p = bytearray(take(32))
        p[0] &= 254
        p[31] &= 127  # one in four of these is valid
        valid = curve.ristretto_valid(bytes(p))
        assert valid == bool(rbcl.crypto_core_ristretto255_is_valid_point(bytes(p)))
        seen.add(valid)
    assert seen == {True, False}
