"""The native modules under the real MicroPython agree with libsodium and hashlib on more than 100,000 inputs."""

import os
import random
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import agreement  # noqa: E402

from sealcast.crypto import host as suite_host  # noqa: E402
from sealcast.crypto import soft as suite_soft  # noqa: E402

# 102,000 in all, in parts that run side by side. Cheap functions carry the number; the slow ones are tested further on
# the C code itself (test_curve_*.py), with inputs chosen for each field representation.
PARTS = {
    "hash": {"h": 48_000},
    "box": {"secretbox": 14_000, "secretbox_open": 12_000, "xsalsa20_xor": 500, "equal": 4_000},
    "curve": {"x25519": 6_000, "x25519_base": 3_000, "scalar_reduce": 8_000},
    "sign": {"ed25519_public": 1_000, "ed25519_sign": 1_000, "ed25519_verify": 2_000},
    "frames": {
        "seal_frame": 1_500, "open_frame": 1_500, "genuine_frame": 1_000, "frame_nonce": 1_000, "signable": 1_000,
        "chain": 500, "pad": 2_000, "unpad": 4_000,
    },
    "ratchet": {
        "x25519_xor": 300, "x25519_column": 300, "ratchet_frame": 800, "ratchet_header": 1_000, "ratchet_body": 1_000,
        "ratchet_keys": 1_000,
    },
    "group": {
        "ristretto_map": 400, "ristretto_mul": 400, "ristretto_add": 500, "ristretto_sub": 500, "ristretto_valid": 500,
        "bd_key": 200,
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def modules(tmp_path_factory):
    """A folder with the x64 modules, built just now."""
    return agreement.built_for_this_machine(tmp_path_factory.mktemp("modules"))


def test_the_number_of_inputs():
    assert sum(sum(part.values()) for part in PARTS.values()) >= 100_000
    assert set().union(*PARTS.values()) == set(agreement.FUNCTIONS) - {"scrypt"}  # scrypt: test_module_scrypt.py


@pytest.mark.parametrize("part", list(PARTS))
def test_agreement_with_the_host_suite(part, micropython, modules, tmp_path):
    seed = random.randrange(1 << 32)
    calls = agreement.calls(random.Random(seed), suite_host, PARTS[part])
    answers = agreement.native(micropython, modules, tmp_path, calls)
    agreement.compare(seed, calls, answers, agreement.expected(suite_host, calls))


def test_agreement_with_the_soft_suite(micropython, modules, tmp_path):
    seed = random.randrange(1 << 32)
    counts = {name: 20 for name in agreement.FUNCTIONS if name != "scrypt"}
    calls = agreement.calls(random.Random(seed), suite_host, counts)
    answers = agreement.native(micropython, modules, tmp_path, calls)
    agreement.compare(seed, calls, answers, agreement.expected(suite_soft, calls))


# --- errors: the same words as the suites, whatever is wrong

# Member 1's frame in a group of three.
RATCHET = bytes(54) + b"\x01\x03" + bytes(2 * 48 + 24) + b"\x00\x30" + bytes(48 + 32)
GOOD = {
    "h": (32, b"k", b"s", b"p", b"x"),
    "secretbox": (bytes(32), bytes(24), b""),
    "secretbox_open": (bytes(32), bytes(24), bytes(16)),
    "xsalsa20_xor": (bytes(32), bytes(24), b""),
    "equal": (b"", b""),
    "scalar_reduce": (bytes(64),),
    "x25519": (bytes(32), bytes(32)),
    "x25519_base": (bytes(32),),
    "ed25519_public": (bytes(32),),
    "ed25519_sign": (bytes(32), bytes(32), b""),
    "ed25519_verify": (bytes(32), bytes(64), b""),
    "ristretto_map": (bytes(64),),
    "ristretto_mul": (bytes(32), bytes(32)),
    "ristretto_add": (bytes(32), bytes(32)),
    "ristretto_sub": (bytes(32), bytes(32)),
    "ristretto_valid": (bytes(32),),
    "bd_key": (bytes(32), bytes(64)),
    "scrypt": (b"", b"", 2, 1, 1, 16),
    "seal_frame": (bytes(32), bytes(22), bytes(32), bytes(24), b"", bytes(32)),
    "open_frame": (bytes(32), bytes(62), bytes(32)),
    "genuine_frame": (bytes(32), bytes(78), bytes(32)),
    "frame_nonce": (bytes(32), bytes(8), bytes(16), bytes(54), b""),
    "signable": (bytes(54), b"", b""),
    "chain": (bytes(32), 2, 3),
    "pad": (b"", b""),
    "unpad": (bytes(32), 20),
    "x25519_xor": (bytes(32), bytes(32)),
    "x25519_column": (bytes(32), bytes(96), 2),
    "ratchet_frame": (
        bytes(64), bytes(96), bytes(32), bytes(32), bytes(32), bytes(54), bytes(24), bytes(32), b"", 2,
    ),
    "ratchet_header": (bytes(32), bytes(32), bytes(32), bytes(32), RATCHET, 2),
    "ratchet_body": (bytes(32), RATCHET),
    "ratchet_keys": (bytes(32), bytes(32), bytes(32), bytes(96), bytes(4), b"", 2),
}  # fmt: skip


def wrong_calls():
    for name, good in GOOD.items():
        for i, value in enumerate(good):
            if isinstance(value, int):
                bad = [b"1", "1", 0, 65, 3, 1 << 29, *(() if name in ("h", "scrypt") else (-1, 1, 66, 1024, 1025))]
            else:
                bad = [
                    "x" * len(value),
                    7,
                    *(value + bytes(n) for n in (1, 32, 40, 64)),
                    *(value[:-n] for n in (1, 8) if value),
                ]
                bad.append(b"\xff" * len(value))
            for wrong in bad:
                if name == "scrypt" and isinstance(value, int) and isinstance(wrong, int) and wrong > 3:
                    continue  # good values, and slow ones
                yield name, (*good[:i], wrong, *good[i + 1 :])


def test_errors_name_the_argument_in_the_words_of_the_suites(micropython, modules, tmp_path):
    calls = [*GOOD.items(), *wrong_calls()]
    assert set(GOOD) == set(agreement.FUNCTIONS)
    answers = agreement.native(micropython, modules, tmp_path, calls)
    expected = agreement.expected(suite_soft, calls)
    assert sum(str(e).startswith("error ") for e in expected) > 100
    agreement.compare("none", calls, answers, expected)
