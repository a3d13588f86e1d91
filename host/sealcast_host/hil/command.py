"""`sealcast hil`: all parts on one board, a verdict, an exit code: 0 all passed, 1 something did not or the board
was lost."""

import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sealcast_host.boards.install import others, put_node, recognise
from sealcast_host.boards.models import Board
from sealcast_host.boards.repl import BoardError, Gone
from sealcast_host.boards.xip import board as in_flash
from sealcast_host.errors import UserError
from sealcast_host.hil import PARTS, REPORT, group, page, pieces, primitives, report, timing, zpinc
from sealcast_host.hil.live import story
from sealcast_host.hil.results import PASSED, SKIPPED, Results
from sealcast_host.hil.rig import SILENCE_S, Rig


@dataclass(frozen=True)
class Wishes:
    """target: the report's name (None: the board's own). parts: of PARTS, of each of which something must have run;
    None for all, and what does not fit the board is left out. broker: None for one of our own. there: its host as the
    board sees it, if that is another.

    silence_s: a board that says nothing for so long is taken for hung.
    """

    port: str
    target: str | None = None
    parts: tuple[str, ...] | None = None
    seed: int | None = None
    rounds: int = 20
    icount: bool = False
    install: bool = True
    silence_s: float = SILENCE_S
    broker: dict[str, Any] | None = None
    wifi: dict[str, str] | None = None
    there: str | None = None
    report: Path = field(default=REPORT)

    @property
    def wanted(self) -> tuple[str, ...]:
        """The parts to be tried."""
        return self.parts or PARTS


def hil(wishes: Wishes) -> int:
    """Raises UserError for a port that cannot be used, before anything is reported."""
    results = Results(secrets.randbelow(10**9) if wishes.seed is None else wishes.seed)
    results.tell = lambda check: print(report.shown(check, results.seed), flush=True)
    begun = time.monotonic()
    print(f"seed      {results.seed}", flush=True)
    try:
        with Rig(wishes.port, wishes.silence_s) as rig:
            _run(rig, results, wishes)
            if not results.lost:
                _leave(rig)
    except Gone as e:
        if not results.checks:  # there was no board to begin with
            raise
        results.lost = results.lost or str(e)
        _skip_the_rest(results, wishes.wanted)
    seconds = time.monotonic() - begun
    target = wishes.target or _slug(str(results.facts.get("name") or results.facts.get("machine") or "board"))
    made = report.document(results, target, seconds)
    for line in report.summary(results, seconds):
        print(line)
    written = report.write(wishes.report, target, made, page.page(made))
    print(f"report    {written[0]}, {written[1]}", flush=True)
    return 0 if results.good else 1


def _run(rig: Rig, results: Results, wishes: Wishes) -> None:
    board = _identify(rig, results)
    if wishes.install:
        with results.check("install", "the node is on the board", "docs/HARDWARE.md") as made:
            made.count, copied = _install(rig, board)
            results.facts["files"], results.facts["copied"] = made.count, copied
            made.detail = f"{copied} files copied" if copied else "nothing had changed"
        if made.verdict != PASSED:
            _skip_the_rest(results, wishes.wanted)
            return
    for name in wishes.wanted:
        try:
            _PARTS[name](rig, results, wishes)
        except Gone:
            raise
        except (BoardError, UserError) as e:  # before its first check: the node, or the broker, is not there or whole
            results.fail(name, "it can begin", str(e))
    for name in wishes.parts or ():
        if {check.verdict for check in results.checks if check.part == name} == {SKIPPED}:
            results.fail(name, "something of it can run", "nothing of it runs on this board: the lines above say why")


def _install(rig: Rig, board: Board | None) -> tuple[int, int]:
    """-> (files of the node, how many were copied). What lies in flash stays there, and as it is."""
    if not in_flash.is_meant(rig.device):
        return put_node(rig.device, board)
    count, differ = others(rig.device, board, in_flash.Plan().add)
    if differ:
        raise UserError(
            f"its bytecode lies in flash, and {differ} of its files are of another version: first `sealcast flash "
            "--xip`, or --no-install"
        )
    return count, 0


def _leave(rig: Rig) -> None:
    """The board as it was: its own program goes on."""
    from sealcast_host.hil.live.node import clear

    rig.fresh()
    clear(rig)
    rig.restart()


def _identify(rig: Rig, results: Results) -> Board | None:
    with results.check("identify", "chip, MicroPython, architecture, heap", "docs/HARDWARE.md") as made:
        facts = rig.facts()
        board = recognise(facts, None)
        results.facts |= {
            "name": board.name if board else "",
            "machine": facts.machine,
            "micropython": ".".join(map(str, facts.version)),
            "arch": facts.arch,
            "mpy": facts.mpy,
            "heap_bytes": facts.heap,
            "heap_free_bytes": facts.heap_free,
            "disk_free_bytes": facts.disk_free,
        }
        arch = facts.arch or "no native code"
        made.detail = f"{facts.machine}, MicroPython {results.facts['micropython']}, {arch}, {facts.heap:,} bytes"
        return board
    raise UserError(f"{rig.port}: {results.checks[-1].why}")


_PARTS: dict[str, Callable[[Rig, Results, Wishes], None]] = {
    "primitives": lambda rig, results, wishes: primitives.check(rig, results, wishes.rounds),
    "pieces": lambda rig, results, wishes: pieces.check(rig, results),
    "zpinc": lambda rig, results, wishes: zpinc.check(rig, results),
    "group": lambda rig, results, wishes: group.check(rig, results),
    "live": lambda rig, results, wishes: story.check(rig, results, wishes.broker, wishes.wifi, wishes.there),
    "timing": lambda rig, results, wishes: timing.check(rig, results, wishes.icount),
}


def _skip_the_rest(results: Results, parts: Iterable[str]) -> None:
    begun = {check.part for check in results.checks}
    for part in parts:
        if part not in begun:
            results.skip(part, "all of it", "the board was given up")


def _slug(name: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in name.lower()).strip("-") or "board"
