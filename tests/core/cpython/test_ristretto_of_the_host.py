"""ristretto255 of the host suite (libsodium's, through rbcl) against
plain integers (host/reference/ristretto.py), written from RFC 9496.

The random cases come from a seed that is printed; SEALCAST_SEED=<number> replays it.
"""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random

from reference import ristretto as plain
from sealcast.crypto import host
from suite_cases import cases

ROOT = Path(__file__).resolve().parents[3]


def scalar(s):
    return int.from_bytes(s, "little") % plain.L


def point(encoded):
    found = plain.decode(encoded)
    if found is None:
        raise ValueError
    return found


def bd_key(A, xs):
    """n A + (n - 1) X_1 + ... + X_(n-1), if the X add up to the neutral element."""
    total, K = plain.NEUTRAL, point(A)
    parts = [point(xs[i : i + 32]) for i in range(0, len(xs), 32)]
    K = plain.multiply(len(parts), K)
    for i, X in enumerate(parts):
        total = plain.add(total, X)
        K = plain.add(K, plain.multiply(len(parts) - 1 - i, X))
    return plain.encode(K) if plain.is_neutral(total) else None


PLAIN = {
    "ristretto_map": lambda uniform: plain.encode(plain.one_way_map(uniform)),
    "ristretto_mul": lambda s, P: plain.encode(plain.multiply(scalar(s), point(P))),
    "ristretto_add": lambda P, Q: plain.encode(plain.add(point(P), point(Q))),
    "ristretto_sub": lambda P, Q: plain.encode(plain.subtract(point(P), point(Q))),
    "ristretto_valid": lambda P: P != bytes(32) and plain.decode(P) is not None,
    "scalar_reduce": lambda b: scalar(b).to_bytes(32, "little"),
    "bd_key": bd_key,
}


def outcome(function, args):
    try:
        return function(*args)
    except ValueError:
        return "refused"


def test_the_host_and_plain_integers_agree():
    seed = int(os.environ.get("SEALCAST_SEED") or Random().getrandbits(32))
    print(f"replay with SEALCAST_SEED={seed}")
    seen = {name: Counter() for name in PLAIN}
    for name, args in cases(Random(seed), 4):
        if name in PLAIN:
            got = outcome(getattr(host, name), args)
            assert got == outcome(PLAIN[name], args), (name, [x.hex() for x in args])
            seen[name]["element" if isinstance(got, bytes) else got] += 1
    assert all(sum(count.values()) >= 20 for count in seen.values()), seen
    assert all(seen[name]["refused"] for name in ("ristretto_mul", "ristretto_add", "ristretto_sub", "bd_key")), seen
    assert set(seen["ristretto_valid"]) == {True, False} and seen["bd_key"][None] and seen["bd_key"]["element"], seen


def test_rbcl_is_loaded_when_it_is_needed_and_leaves_nothing_behind(tmp_path):
    """rbcl unpacks its libsodium into the temporary folder at each
    start: a script that sends each minute would fill it.
    """
    ask = (
        "import sys; from sealcast.crypto import host; assert 'rbcl' not in sys.modules;"
        "host.h(32, b'', b'', b'', b'x'); assert 'rbcl' not in sys.modules;"
        "print(host.ristretto_map(bytes(64)).hex()); assert 'rbcl' in sys.modules"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT / "shared"), "TMPDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", ask], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == plain.encode(plain.one_way_map(bytes(64))).hex()
    assert list(tmp_path.iterdir()) == []
