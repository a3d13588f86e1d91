"""A line that shows how far a slow thing has come: redrawn on a terminal, a line every tenth elsewhere."""

import sys

_WIDTH = 30


class Progress:
    """what: what is being done. Draws nothing until `at` is called."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._live = sys.stdout.isatty()
        self._shown = -1

    def at(self, part: float, detail: str = "") -> None:
        """part: 0 to 1."""
        percent = max(0, min(100, int(part * 100)))
        if self._live:
            bar = "#" * (_WIDTH * percent // 100)
            print(f"\r{self._what} [{bar:.<{_WIDTH}}] {percent:3d} % {detail[:40]:40}", end="", flush=True)
        elif percent // 10 > self._shown // 10 or self._shown < 0:
            print(f"{self._what} [{percent:3d} %] {detail}".rstrip(), flush=True)
        self._shown = percent

    def end(self) -> None:
        """Leave the line as it is; what is printed next begins on its own."""
        if self._live and self._shown >= 0:
            print(flush=True)
