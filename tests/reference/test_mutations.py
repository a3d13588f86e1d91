"""Is the cross-check awake? One constant, index or order of the core changed at a time: each change must make it fail.

A mutant is a copy of the core in which a text is replaced wherever it stands, so that its members still agree with each
other, and only the independent implementation can tell. The scenario named beside it is run on the copy in a process of
its own; it must end as a disagreement, not as a crash of the copy.
"""

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCENARIOS = Path(__file__).with_name("scenarios.py")
DISAGREEMENTS = ("reference.known.Deviation", "reference.encoding.Reject", "AssertionError")

# label: the scenario in which it must be missed. Every personalisation of PROTOCOL.md section 14 is here.
LABELS = {
    "pieces": "mhf fp store store-key",
    "conversations": "ckey msgkey siv siv-mac siv-enc aead sign join rng random nonce bind id-x25519 id-ed25519 slot ring "
    "hid cpace isk tr kckey kc hk chain msg hmac",
    "unsigned_small_rings": "next",
    "ratchet": "kdf L G mk body bh hdr m cd rk ck fm gm frame p0 ph pm pr",
    "declared": "notice share",
}

# (what, scenario, text, its replacement)
TEXTS = [
    ("a handshake's kind", "conversations", "HANDSHAKE = const(4)", "HANDSHAKE = const(12)"),
    ("a note's kind", "conversations", "NOTE = const(2)", "NOTE = const(12)"),
    ("the version", "conversations", "VERSION = const(1)", "VERSION = const(3)"),
    ("bytes of a topic's prefix", "conversations", '"zp/1/"', '"zp/2/"'),
    ("the floor of the padding", "conversations", "PAD_FLOOR = const(32)", "PAD_FLOOR = const(48)"),
    ("lists with little endian lengths", "conversations", 'len(item).to_bytes(2, "big")', 'len(item).to_bytes(2, "little")'),
    ("sender before channel in ad", "conversations", "head + self.rp[:TAG] + tag", "head + tag + self.rp[:TAG]"),
    ("pt before ad in a signature", "conversations", 'b"sc/sign", lv(ad, extra), pt)', 'b"sc/sign", pt, lv(ad, extra))'),
    ("scrypt's N", "pieces", "SCRYPT_N = const(32768)", "SCRYPT_N = const(16384)"),
    ("the letters of a fingerprint", "pieces", "abcdefghijkmnpqrstuvwxyz23456789", "abcdefghjkmnopqrstuvwxyz23456789"),
    ("hid before sid_latest in g", "conversations", "lv(*names), latest, self.hid)", "lv(*names), self.hid, latest)"),
    ("Z_{i+1} for Z_{i-1} in A_i", "conversations", "self.Z[i - 1]", "self.Z[(i + 1) % n]"),
    ("X_i of the other sign", "conversations", "ristretto_sub(B, self._A)", "ristretto_sub(self._A, B)"),
    ("the second factor first in ISK", "conversations", "K + outer", "outer + K"),
    ("the transcript without sid_latest", "conversations", 'b"sc/tr", self.hid, self.latest, t)', 'b"sc/tr", self.hid, t)'),
    ("eight bytes of a slot's digest", "conversations", 'b"sc/slot", frame)[:8]', 'b"sc/slot", frame)[8:16]'),
    ("the ring's digest from its tail", "unsigned_small_rings", "lv(*digests))[:16]", "lv(*digests[1:]))[:16]"),
    ("tag and W swapped in L", "ratchet", "lv(group, W, organizer, party_tag, ", "lv(group, W, party_tag, organizer, "),
    ("the number after R in T", "ratchet", "tag + B + u32(number) + R", "tag + B + R + u32(number)"),
    ("i before j in a header's key", "ratchet", "bytes((j, i))", "bytes((i, j))"),
    ("HK from another step of the paper", "ratchet", "st.NHK, kdf(suite, RK, 2)", "st.NHK, kdf(suite, RK, 1)"),
    ("digest before R in RK", "ratchet", "mixed), R.data, digest)", "mixed), digest, R.data)"),
    ("the digest without the epoch", "ratchet", 'b"sc/cd", u32(st.epoch), bytes((j,))', 'b"sc/cd", bytes((j,))'),
    ("nonce after the body in its hash", "ratchet", 'b"sc/bh", nonce, box)', 'b"sc/bh", box, nonce)'),
    ("the larger tag first in PR", "ratchet", "min(my_tag, peer_tag), max(my_tag, peer_tag)",
     "max(my_tag, peer_tag), min(my_tag, peer_tag)"),
    ("identities before one-time keys in PR", "ratchet", "dh(suite, r, R_peer) + dh(suite, b, B_peer)",
     "dh(suite, b, B_peer) + dh(suite, r, R_peer)"),
    ("a private key without its epoch", "ratchet", 'b"sc/pm", z, u32(epoch), sender)', 'b"sc/pm", z, sender)'),
    ("generation and keys swapped in a share", "declared", "u32(generation), z1, z2)", "z1, z2, u32(generation))"),
]  # fmt: skip


def mutants():
    for scenario, labels in LABELS.items():
        for label in labels.split():
            yield label, scenario, f'b"sc/{label}"', f'b"sc/{label}!"'
    yield from TEXTS


MUTANTS = list(mutants())


def run(core, scenario):
    """The scenario on the core in this folder."""
    return subprocess.run(
        [sys.executable, str(SCENARIOS), str(core), scenario],
        cwd=ROOT, env={"PYTHONPATH": f"{ROOT / 'host'}", "PYTHONDONTWRITEBYTECODE": "1"}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def spoil(folder, text, replacement):
    """Replace a text in a copy of the core."""
    shutil.copytree(ROOT / "shared" / "sealcast", folder / "sealcast", ignore=shutil.ignore_patterns("__pycache__"))
    found = 0
    for path in (folder / "sealcast").glob("*.py"):
        before = path.read_text()
        found += before.count(text)
        if text in before:
            path.write_text(before.replace(text, replacement))
    assert found, f"{text} does not stand in the core any more: mend the list of mutants"


def survived(folder, mutant):
    """What is wrong with a mutant that was not found out; None if it was."""
    what, scenario, text, replacement = mutant
    spoil(folder, text, replacement)
    result = run(folder, scenario)
    shutil.rmtree(folder)
    lines = result.stderr.splitlines()
    if result.returncode == 0:
        return f"{what}: the scenario {scenario} did not notice"
    if not any(line.startswith(DISAGREEMENTS) for line in lines):
        return f"{what}: the scenario {scenario} crashed: {lines[-1:]}"
    return None


@pytest.mark.parametrize("scenario", LABELS)
def test_healthy(tmp_path, scenario):
    """A copy without a change passes: what the mutants fail on is their change."""
    spoil(tmp_path, "VERSION = const(1)", "VERSION = const(1)")
    result = run(tmp_path, scenario)
    assert result.returncode == 0, result.stderr


def test_every_mutant_is_found_out(tmp_path):
    assert len(MUTANTS) >= 60
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda pair: survived(tmp_path / str(pair[0]), pair[1]), enumerate(MUTANTS)))
    assert not any(found), [problem for problem in found if problem]
