"""What a person sees on a terminal: colours, tables and progress, by rich. Elsewhere (a pipe, a file, TERM=dumb) the
same as plain text, and with NO_COLOR without colours. rich is loaded for a terminal alone: a script that runs `sealcast
send` many times does not wait for it.
"""

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

Parts = Sequence[tuple[str, str]]  # of a line: (text, its style as rich names it, or "")


def is_one(stream: Any) -> bool:
    return stream.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")


def painted(parts: Parts, stream: Any = None) -> str:
    """The line, in colours where the stream (standard output) shows them."""
    stream = stream or sys.stdout
    if not is_one(stream):
        return "".join(text for text, _ in parts)
    from rich.text import Text

    return _shown(stream, Text.assemble(*parts), soft_wrap=True)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], styles: Sequence[str] = ()) -> str:
    """Rows below one another, on a terminal with a head and each column in its style. No text is cut off."""
    if not is_one(sys.stdout):
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for i, name in enumerate(columns):
        grid.add_column(name, style=styles[i] if i < len(styles) else "", overflow="fold")
    for row in rows:
        grid.add_row(*map(Text, row))
    return "\n".join(line.rstrip() for line in _shown(sys.stdout, grid, soft_wrap=False).rstrip("\n").split("\n"))


def _shown(stream: Any, what: Any, *, soft_wrap: bool) -> str:
    console = _console(stream)
    with console.capture() as shown:
        console.print(what, end="", soft_wrap=soft_wrap)
    return shown.get()


def _console(stream: Any) -> "Console":
    from rich.console import Console

    return Console(file=stream, highlight=False, markup=False, emoji=False)


class Progress:
    """How far a slow thing has come, inside `with`: a bar on a terminal, a line every tenth elsewhere. what: what is
    being done. Draws nothing until `at` is called."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._bar: Any = None
        self._shown = -1

    def __enter__(self) -> "Progress":
        return self

    def at(self, part: float, detail: str = "") -> None:
        """part: 0 to 1."""
        percent = max(0, min(100, int(part * 100)))
        if is_one(sys.stdout):
            if self._bar is None:
                self._bar = _bar(self._what)
            self._bar.update(self._bar.task_ids[0], completed=percent, detail=detail[:40])
        elif percent // 10 > self._shown // 10 or self._shown < 0:
            print(f"{self._what} [{percent:3d} %] {detail}".rstrip(), flush=True)
        self._shown = percent

    def __exit__(self, *_: object) -> None:
        """Leave the bar as it is; what is printed next begins on its own line."""
        if self._bar is not None:
            self._bar.stop()


def _bar(what: str) -> Any:
    from rich import progress

    columns = ("{task.description}", progress.BarColumn(30), "{task.percentage:3.0f} %", "{task.fields[detail]}")
    bar = progress.Progress(*columns, console=_console(sys.stdout))
    bar.add_task(what, total=100, detail="")
    bar.start()
    return bar
