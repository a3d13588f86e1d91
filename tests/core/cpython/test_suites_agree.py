"""The suites agree byte for byte, with each other and with
implementations that are not ours, on CPython and MicroPython.

The random cases come from a seed that is printed; SEALCAST_SEED=<number> replays it.
"""

import json
import os
from collections import Counter
from pathlib import Path
from random import Random

import pytest

import dual
import suite_reference as reference
from sealcast.crypto import host as suite_host
from sealcast.crypto import soft as suite_soft
from sealcast.crypto import soft_salsa
from suite_cases import VECTORS, cases, vectors

FUNCTIONS = sorted(name for name in vars(reference) if callable(getattr(suite_soft, name, None))) + ["xsalsa20_xor"]


@pytest.fixture
def random():
    seed = int(os.environ.get("SEALCAST_SEED") or Random().getrandbits(32))
    print(f"replay with SEALCAST_SEED={seed}")
    return Random(seed)


def outcome(function, args):
    try:
        return function(*args)
    except ValueError as e:
        return f"!{e}"


def xsalsa20_xor_by_secretbox(key, nonce, data):
    """libsodium's secretbox shows the key stream from byte 32 on; its first 32 bytes are the key of the box's tag.

    So those are checked by a tag over this very text, and by NaCl's own vector in test_suite_vectors.
    """
    result = suite_soft.xsalsa20_xor(key, nonce, data)
    zeros = reference.secretbox(key, nonce, bytes(max(0, len(data) - 32)))[16:]
    assert result[32:] == bytes(a ^ b for a, b in zip(data[32:], zeros, strict=True))
    first = suite_soft.xsalsa20_xor(key, nonce, bytes(32))
    ct = reference.secretbox(key, nonce, data)
    assert soft_salsa.poly1305(first, ct[16:]) == ct[:16]
    assert result[:32] == bytes(a ^ b for a, b in zip(data[:32], first, strict=False))
    return result


def test_soft_host_and_libsodium_agree(random):
    count = Counter()
    for name, args in cases(random, 12):
        expected = outcome(getattr(reference, name, None) or xsalsa20_xor_by_secretbox, args)
        for suite in (suite_soft, suite_host):
            got = outcome(getattr(suite, name), args)
            assert got == expected, (suite.NAME, name, [x.hex() if isinstance(x, bytes) else x for x in args])
        count[name] += 1
    assert sorted(count) == sorted(FUNCTIONS)
    assert count.total() > 4000, count


BOTH = {True, False}
EXACTLY = {
    **dict.fromkeys(("ed25519_verify", "ristretto_valid", "equal", "genuine_frame", "unpad", "x25519"), BOTH),
    "scalar_reduce": BOTH,
    "ristretto_mul": BOTH | {"!P "},
    "ristretto_sub": BOTH | {"!Q "},
}
AT_LEAST = {
    **dict.fromkeys(("secretbox_open", "open_frame", "x25519_column", "ratchet_header", "ratchet_body"), {None, False}),
    "ristretto_add": {False, "!P "},
    "bd_key": {None, True, False, "!A ", "!xs"},
}


def test_cases_reach_all_outcomes(random):
    """The comparison above would be worth little if every signature were bad, every encoding good, and so on. What is
    rare among the cases comes up sooner or later, whatever the seed: they are drawn until it has.
    """
    seen = {name: set() for name in FUNCTIONS}
    for _ in range(100):
        for name, args in cases(random, 4):
            got = outcome(getattr(suite_host, name), args)
            if isinstance(got, int) and not isinstance(got, bool):
                got = got >= 0
            seen[name].add(
                got[:3] if isinstance(got, str) else got if isinstance(got, bool | None) else got == bytes(len(got))
            )
        if all(seen[name] >= wanted for name, wanted in (EXACTLY | AT_LEAST).items()):
            break
    for name, wanted in AT_LEAST.items():
        assert seen[name] >= wanted, name
    for name, wanted in EXACTLY.items():
        assert seen[name] == wanted, name


def test_vectors_hold_elsewhere():
    """Each case of tests/vectors/primitives_*.json against libsodium
    or OpenSSL, so that a wrong one is not believed.
    """
    count = 0
    for path in sorted(VECTORS.glob("primitives_*.json")):
        for section, body in json.loads(path.read_text()).items():
            same = {"h_parameters": "h", "scrypt_small": "scrypt", "x25519_edges": "x25519"}
            if section not in same and (isinstance(body, str) or "arguments" not in body):
                continue
            name = same.get(section, section)
            for case in body["cases"]:
                if name == "scrypt":
                    args = [case[0].encode(), case[1].encode(), *case[2:5], len(case[5]) // 2]
                else:
                    args = [bytes.fromhex(x) if isinstance(x, str) else x for x in case[:-1]]
                expected = bytes.fromhex(case[-1]) if isinstance(case[-1], str) else case[-1]
                function = getattr(reference, name, None) or xsalsa20_xor_by_secretbox
                assert function(*args) == expected, (section, case)
                count += 1
    assert count > 100


def test_curve_vectors_hold_elsewhere():
    """The sections with rules of their own."""
    x25519 = vectors("x25519")
    for u in x25519["x25519_zero"]["cases"]:
        assert reference.x25519(bytes(range(32)), bytes.fromhex(u)) == bytes(32)
    for times, result in x25519["x25519_iterated"]["cases"]:
        k = u = b"\x09" + bytes(31)
        for _ in range(times):
            k, u = reference.x25519(k, u), k
        assert k.hex() == result
    ed25519 = vectors("ed25519")
    for seed, public, msg, sig in (map(bytes.fromhex, case) for case in ed25519["ed25519"]["cases"]):
        assert (reference.ed25519_public(seed), reference.ed25519_sign(seed, public, msg)) == (public, sig)
    for why, public, sig, msg, valid in ed25519["ed25519_verify"]["cases"]:
        assert reference.ed25519_verify(bytes.fromhex(public), bytes.fromhex(sig), bytes.fromhex(msg)) is valid, why
    ristretto = vectors("ristretto")
    base = bytes.fromhex(ristretto["ristretto_multiples"]["cases"][1])
    for i, encoding in enumerate(ristretto["ristretto_multiples"]["cases"]):
        assert reference.ristretto_mul(i.to_bytes(32, "little"), base).hex() == encoding
    for why, encodings in ristretto["ristretto_bad"]["cases"]:
        assert not any(reference.ristretto_valid(bytes.fromhex(x)) for x in encodings), why
    for _, uniform, result in ristretto["ristretto_map"]["cases"]:
        assert reference.ristretto_map(bytes.fromhex(uniform)).hex() == result
    same = ristretto["ristretto_map_same"]
    assert {reference.ristretto_map(bytes.fromhex(x)).hex() for x in same["cases"]} == {same["result"]}


def text(x):
    return "x" + x.hex() if isinstance(x, bytes) else x


def test_micropython_agrees(random, micropython, mpy_cross, monkeypatch):
    """MicroPython's soft suite (and native, where installed) recomputes a file of the host suite's results."""
    path: Path = dual.BUILD / f"suite_cases.{os.getpid()}.jsonl"
    count = 0
    path.parent.mkdir(exist_ok=True)
    try:
        with path.open("w") as lines:
            for name, args in cases(random, 2):
                result = outcome(getattr(suite_host, name), args)
                lines.write(json.dumps([name, [text(x) for x in args], text(result)]) + "\n")
                count += 1
        monkeypatch.setenv("SEALCAST_CASES", str(path))
        done = dual.run(micropython, mpy_cross, "suite_recompute", "recompute")
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"compared {count} in soft" in done.stdout
        assert count > 1000
    finally:
        path.unlink(missing_ok=True)
