"""What is left of a run: the lines on the terminal, and build/hil/<target>.json, whose keys docs/HARDWARE.md
explains."""

import json
from pathlib import Path
from typing import Any

from sealcast_host import __version__
from sealcast_host.errors import UserError
from sealcast_host.hil.results import FAILED, PASSED, SKIPPED, Check, Results
from sealcast_host.member.privatefiles import reason
from sealcast_host.terminal import painted

FORMAT = "sealcast hil 1"
_MARK = {PASSED: "ok  ", FAILED: "FAIL", SKIPPED: "-   "}
_STYLE = {PASSED: "green", FAILED: "bold red", SKIPPED: "dim"}
_LONG = 700  # characters of a byte string on the terminal; the JSON has all of it


def shown(check: Check, seed: int) -> str:
    """The lines of one check, on a terminal in colours."""
    first, *more = lines(check, seed)
    return "\n".join([painted([(first[:4], _STYLE[check.verdict]), (first[4:], "")]), *more])


def lines(check: Check, seed: int) -> list[str]:
    """One check, as the terminal shows it; a failure with the two byte strings, the section and the seed."""
    if check.verdict == PASSED:
        many = f"{check.count:>5}x" if check.count > 1 else "      "
        line = f"{_MARK[PASSED]} {check.part:<10} {check.name:<52.52} {many} {check.seconds:>7.2f} s  {check.detail}"
        return [line.rstrip()]
    if check.verdict == SKIPPED:
        return [f"{_MARK[SKIPPED]} {check.part:<10} {check.name:<52.52} not run: {check.why}"]
    out = [f"{_MARK[FAILED]} {check.part:<10} {check.name}"]
    where = f"{check.section}" if check.section.startswith(("RFC", "docs")) else f"PROTOCOL.md {check.section}"
    out.append(f"     {where}: {check.why}   (replay: --seed {seed})")
    if check.expected or check.found:
        out += [f"     expected {_cut(check.expected)}", f"     found    {_cut(check.found)}"]
    return out


def _cut(text: str) -> str:
    return text if len(text) <= _LONG else f"{text[:_LONG]}... ({len(text)} characters)"


def verdict(results: Results) -> str:
    return "lost" if results.lost else "passed" if results.good else "failed"


def summary(results: Results, seconds: float) -> list[str]:
    """The last lines."""
    counts = (
        f"{results.number(PASSED)} checks passed ({results.comparisons:,} comparisons), {results.number(FAILED)} failed"
    )
    out = [f"{counts}, {results.number(SKIPPED)} not run, in {seconds:.0f} s; seed {results.seed}"]
    if results.lost:
        out.append(f"the board was given up: {results.lost}")
    return [*out, f"verdict: {verdict(results)}"]


def document(results: Results, target: str, seconds: float) -> dict[str, Any]:
    """The JSON document. Its keys stay."""
    return {
        "format": FORMAT,
        "sealcast": __version__,
        "target": target,
        "verdict": verdict(results),
        "why": results.lost,
        "seed": results.seed,
        "seconds": round(seconds, 1),
        "board": results.facts,
        "counts": {
            "passed": results.number(PASSED),
            "failed": results.number(FAILED),
            "not_run": results.number(SKIPPED),
            "comparisons": results.comparisons,
        },
        "checks": [vars(check) for check in results.checks],
        "timings": {"unit": results.timing_unit, "values": results.timings},
        "heap": results.heap,
        "live": results.live,
    }


def write(folder: Path, target: str, made: dict[str, Any], page: str) -> tuple[Path, Path]:
    """<target>.json and <target>.html in the folder. Raises UserError."""
    out = folder / f"{target}.json", folder / f"{target}.html"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        out[0].write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n")
        out[1].write_text(page)
    except OSError as e:
        raise UserError(
            f"cannot write the report into {folder}: {reason(e)}; choose another folder with --report"
        ) from None
    return out
