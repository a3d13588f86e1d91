"""Buffers of the caller, and scrypt's memory, under the real
MicroPython (buffers_on_module.py); scrypt against hashlib.
"""

import hashlib
import os
import random
import re
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import agreement  # noqa: E402


@pytest.fixture(scope="module")
def modules(tmp_path_factory):
    """A folder with the x64 modules, built just now."""
    return agreement.built_for_this_machine(tmp_path_factory.mktemp("modules"))


def test_buffers(micropython, modules):
    done = agreement.micropython(micropython, modules, "buffers_on_module.py")
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stdout + done.stderr
    with open(os.path.join(HERE, "buffers_on_module.py")) as file:
        tests = re.findall(r"^def (test_\w+)", file.read(), re.M)
    assert lines == [*sorted(tests), "ok"]


def least(r, p):
    return 128 * r * (p + 4) + 256


# RFC 7914, section 12 has these parameters; the memory goes from the least to more than enough.
SCRYPT = [(16, 1, 1), (64, 3, 2), (256, 8, 16), (1024, 8, 1), (16384, 8, 1)]


@pytest.mark.parametrize(("n", "r", "p"), SCRYPT)
def test_scrypt_in_bounded_memory_gives_hashlibs_key(n, r, p, micropython, modules, tmp_path):
    seed = random.randrange(1 << 32)
    rng = random.Random(seed)
    full = 128 * r * (n + p + 3) + 256
    # The cost grows as memory shrinks: the least memory only where that takes a moment.
    bounds = [full, full - 1, full // 3, full // 20] + ([least(r, p)] if n <= 1024 and r * p <= 16 else [])
    calls, expected = [], []
    for mem in bounds:
        password, salt = rng.randbytes(rng.choice([0, 8, 64, 65, 200])), rng.randbytes(rng.randrange(40))
        size = rng.choice([1, 32, 64, 100])
        calls.append(("scrypt", (password, salt, n, r, p, size, max(mem, least(r, p)))))
        expected.append(hashlib.scrypt(password, salt=salt, n=n, r=r, p=p, dklen=size, maxmem=1 << 28))
    assert agreement.native(micropython, modules, tmp_path, calls, heap="64m") == expected, f"seed {seed}"


def test_scrypt_takes_what_memory_the_heap_has(micropython, modules, tmp_path):
    """Without `mem`, on a heap far below the 1 MB that N = 1024, r = 8 wants: the same key."""
    calls = [("scrypt", (b"pleaseletmein", b"SodiumChloride", 1024, 8, 1, 32))]
    want = hashlib.scrypt(b"pleaseletmein", salt=b"SodiumChloride", n=1024, r=8, p=1, dklen=32)
    for heap in ("160k", "400k", "4m"):
        assert agreement.native(micropython, modules, tmp_path, calls, heap=heap) == [want]
