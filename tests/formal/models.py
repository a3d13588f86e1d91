"""The runs of the formal models: which bounds, which property, and what must be refuted. See docs/ASSURANCE.md.

python tests/formal/models.py        the larger bounds (`make model`): minutes, up to two gigabytes
"""

import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import namedtuple
from pathlib import Path

HERE = Path(__file__).resolve().parent
DEPTH, MEGABYTES = 1000000, 8000

# claim: the LTL formula; defines: bounds, and what is broken on purpose; states: the least that a run that
# holds must have explored; closed: what its bounds leave unreached
Run = namedtuple("Run", "model claim defines states closed", defaults=("",))
Result = namedtuple("Result", "errors states unreached seconds")


def check(run):
    """Build the verifier of a model and run it, in a folder of its own. Raises RuntimeError when either fails."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        defines = ["-D" + name for name in run.defines.split()]
        _call(["spin", *defines, "-a", str(HERE / (run.model + ".pml"))], folder)
        _call(
            ["gcc", "-O2" if run.states else "-O0", "-w", "-DNOFAIR", "-DMEMLIM=%d" % MEGABYTES, "-o", "pan", "pan.c"],
            folder,
        )
        out = _call(["./pan", "-m%d" % DEPTH, "-a", "-N", run.claim], folder)
    if re.search("Search not completed|max search depth too small|out of memory", out) and "errors: 0" in out:
        raise RuntimeError("the search was not complete: " + out[-2000:])
    errors, states = re.search(r"errors: (\d+)", out), re.search(r"(\d+(?:\.\d+)?(?:e\+\d+)?) states, stored", out)
    if not errors or not states:
        raise RuntimeError("no result: " + out[-2000:])
    source = (HERE / (run.model + ".pml")).read_text().splitlines()
    numbers = {int(n) for n in re.findall(re.escape(run.model) + r"\.pml:(\d+), state \d+", out)}
    unreached = sorted(source[n - 1].strip() for n in numbers)
    return Result(int(errors[1]), int(float(states[1])), unreached, time.monotonic() - started)


def _call(command, folder):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError("%s: %s" % (" ".join(command), (done.stdout + done.stderr)[-2000:]))
    return done.stdout


def missing():
    return [name for name in ("spin", "gcc") if not shutil.which(name)]


# What bounds leave unreached, by the text of its line; the end of a model that never ends is always among it.
_CLOSED = {
    "double": "doubles < DOUBLES", "loss": "losses < LOSSES", "fail": r"^d_step \{$",
    "member": "^inline member", "drop": "drops < DROPS", "power": "crashes < CRASHES -> d_step",
    "return": "phase.i. == OFF ->",
    "alone": "SILENT", "out": "failed.i. ->", "lie": "j == LIAR && !TOLD",
}  # fmt: skip
# `make test`: a minute on two cores in all
SMALL = [
    Run("handshake", "safe", "LIAR=1 ATTEMPTS=1 PROPOSALS=1", 100000),
    Run("handshake", "safe", "LIAR=3 ATTEMPTS=2 PROPOSALS=2", 100000),
    Run("converges", "converges", "ATTEMPTS=3 LOSSES=1 EARLY=1", 100000, "double fail member"),
    Run("converges", "converges", "ATTEMPTS=3 LOSSES=0 CRASHES=1", 50000, "double loss"),
    Run("order", "one_winner", "ONE_ORDER FRAMES=2 CRASHES=1 DROPS=0", 30000, "drop alone out lie"),
    Run("order", "none_out", "ONE_ORDER FRAMES=2 CRASHES=1 DROPS=0", 30000, "drop alone out lie"),
    Run("order", "safe", "FRAMES=2 CRASHES=1 DROPS=0", 100000, "drop out lie"),
    Run("order", "safe", "LIAR=2 FRAMES=2 CRASHES=0 DROPS=0", 100000, "power drop return"),
    Run("order", "none_out", "FRAMES=2 CRASHES=0 DROPS=1", 100000, "power out lie"),
]
# Each property has a model that is broken so that it must not hold.
BROKEN = [
    Run("handshake", "once", "LIAR=2 ATTEMPTS=1 PROPOSALS=1 RANK_LATE", 0),
    Run("handshake", "once", "LIAR=2 ATTEMPTS=1 PROPOSALS=1 EQUAL_RANK", 0),
    Run("handshake", "one_key", "LIAR=2 ATTEMPTS=1 PROPOSALS=1 ADOPT_KEYED", 0),
    Run("handshake", "one_key", "LIAR=2 ATTEMPTS=1 PROPOSALS=1 ANY_CONFIRM", 0),
    Run("handshake", "readable", "LIAR=2 ATTEMPTS=1 PROPOSALS=1 ANY_CONFIRM", 0),
    Run("handshake", "safe", "LIAR=2 ATTEMPTS=1 PROPOSALS=1 ADOPT_KEYED", 0),
    Run("converges", "converges", "ATTEMPTS=3 LOSSES=0 EARLY=1 FIRST_WINS", 0),
    Run("converges", "converges", "ATTEMPTS=3 LOSSES=0 CRASHES=1 WISH_LOST", 0),
    Run("converges", "converges", "ATTEMPTS=2 LOSSES=1 NO_REPEAT", 0),
    Run("order", "one_winner", "ONE_ORDER FRAMES=2 ECHO_UNSEEN", 0),
    Run("order", "one_winner", "ONE_ORDER FRAMES=2 STALE_ANSWERS", 0),
    Run("order", "none_out", "ONE_ORDER FRAMES=2 PUBLISH_FIRST", 0),
    Run("order", "none_out", "FORGETS FRAMES=2 CRASHES=0 DROPS=1", 0),
    Run("order", "one_past", "FRAMES=3 CRASHES=0 DROPS=0 NO_PREV", 0),
    Run("order", "one_back", "LIAR=2 MUTE FRAMES=4 CRASHES=0 DROPS=1 BACK_TWO", 0),
]
# `make model`
LARGE = [
    Run("handshake", "safe", "LIAR=0 ATTEMPTS=1 PROPOSALS=2", 40000),
    Run("handshake", "safe", "LIAR=2 ATTEMPTS=1 PROPOSALS=2", 100000),
    Run("handshake", "safe", "LIAR=3 ATTEMPTS=2 PROPOSALS=3", 1000000),
    Run("converges", "converges", "ATTEMPTS=4 LOSSES=1 DOUBLES=1 CRASHES=1 EARLY=1", 1000000),
    Run("converges", "converges", "ATTEMPTS=6 LOSSES=2 EARLY=2", 500000),
    Run("order", "one_winner", "ONE_ORDER FRAMES=2 CRASHES=1 DROPS=1", 100000),
    Run("order", "safe", "FRAMES=2 CRASHES=1 DROPS=1", 100000),
    Run("order", "none_out", "ONE_ORDER FRAMES=2 CRASHES=1 DROPS=1", 100000),
    Run("order", "one_winner", "ONE_ORDER FRAMES=3 CRASHES=1 DROPS=0", 1000000),
    Run("order", "none_out", "ONE_ORDER FRAMES=3 CRASHES=1 DROPS=0", 1000000),
    Run("order", "safe", "FRAMES=3 CRASHES=0 DROPS=0", 1000000),
    Run("order", "one_back", "LIAR=2 MUTE FRAMES=4 CRASHES=0 DROPS=1", 300000),
    Run("order", "safe", "LIAR=2 FRAMES=2 CRASHES=0 DROPS=1", 1000000),
]


def main():
    failed = 0
    for run in SMALL + BROKEN + LARGE:
        result, wrong = check(run), run in BROKEN
        bad = bool(result.errors) != wrong or not wrong and result.states < run.states
        failed += bool(bad)
        verdict = ("NOT AS IT MUST BE (%d errors)" % result.errors) if bad else "refuted" if wrong else "holds"
        what = (run.model, run.claim, run.defines, result.states, result.seconds, verdict)
        print("%-10s %-10s %-60s %10d states %6.0f s  %s" % what, flush=True)
    sys.exit(bool(failed))


def unexpected(run, result):
    """Unreached lines that this run should have reached, and expected ones that it did reach."""
    closed = [_CLOSED[word] for word in run.closed.split()] + [r"^}$"]
    odd = [line for line in result.unreached if not any(re.search(p, line) for p in closed)]
    return odd + [p for p in closed if not any(re.search(p, line) for line in result.unreached)]


if __name__ == "__main__":
    main()
