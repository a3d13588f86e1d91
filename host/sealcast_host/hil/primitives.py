"""Every primitive of the board's crypto suite: known answers, then random calls against libsodium. One check each."""

from typing import Any

from sealcast_host.hil import answers, random_calls
from sealcast_host.hil.results import Results, Wrong
from sealcast_host.hil.rig import Rig

PART = "primitives"
_STEP = 50  # iterations a program: each of them must end before the board is taken for hung
_SLOW_S = 180.0
_ITERATE = "for _i in range(%d): _k, _u = _s.x25519(_k, _u), _k"


def check(rig: Rig, results: Results, rounds: int) -> None:
    """All of it. rounds: random calls a function."""
    rig.fresh(calls=True)
    name = rig.run("print(_s.NAME)").strip()
    results.facts["suite"] = name
    for known in answers.known_answers():
        with results.check(PART, f"known answers: {known.name}", known.source) as made:
            made.count = len(known.calls)
            _compare(known.calls, rig.call(known.calls, _SLOW_S), known.results, known.source)
    if name == "native":
        _iterated(rig, results)
    else:
        results.skip(
            PART, "known answers: x25519_iterated", "a thousand multiplications take the pure Python suite too long"
        )
    for function, calls in random_calls.calls(results.seed, rounds if name == "native" else min(rounds, 3)).items():
        with results.check(PART, f"libsodium: {function}", "1") as made:
            made.count = len(calls)
            _compare(calls, rig.call(calls, _SLOW_S), [random_calls.expected(call) for call in calls], "1")


def _compare(calls: list[Any], found: list[Any], expected: list[Any], section: str) -> None:
    for (name, arguments), got, wanted in zip(calls, found, expected, strict=True):
        if got != wanted:
            shown = ", ".join(a.hex() if isinstance(a, bytes) else repr(a) for a in arguments)
            raise Wrong(section, f"{name}({shown})", wanted, got)


def _iterated(rig: Rig, results: Results) -> None:
    source, cases = answers.iterated()
    with results.check(PART, "known answers: x25519_iterated", source) as made:
        made.count = answers.ITERATIONS
        rig.run("_k = _u = b'\\x09' + bytes(31)")
        for done in range(1, answers.ITERATIONS // _STEP + 1):
            first = 1 if done == 1 else 0
            if first:
                rig.run(_ITERATE % 1)
                _step(rig, cases[1], "after 1 step", source)
            rig.run(_ITERATE % (_STEP - first), _SLOW_S)
        _step(rig, cases[answers.ITERATIONS], f"after {answers.ITERATIONS} steps", source)


def _step(rig: Rig, expected: str, when: str, source: str) -> None:
    found = rig.run("from binascii import hexlify\nprint(hexlify(_k).decode())").strip()
    if found != expected:
        raise Wrong(source, f"k {when} of X25519 on itself", expected, found)
