"""The board on the bench: small programs over the raw REPL, a fresh heap between parts, and a clear word when it
is gone.

Nothing here knows what kind of board it is: a USB port and a pty to an emulator are the same.
"""

import ast
import contextlib
from collections.abc import Sequence
from typing import Any, Self

from sealcast_host.boards import names, start
from sealcast_host.boards.repl import BoardError, Device, Facts, Gone, wait_for
from sealcast_host.errors import Failed, garbled

SILENCE_S = 30.0
COMING_BACK_S = 60.0
_BATCH = 1200  # characters of program at a time: the board compiles them

# What every program of ours may use: bytes in and out as base64, which is the shortest that a REPL carries.
_PRELUDE = """
from binascii import a2b_base64 as _a, b2a_base64 as _b
def _t(v):
    if isinstance(v, (bytes, bytearray)): return 'b' + _b(v).decode().strip()
    return repr(v)
"""
_CALLS = """
from sealcast.crypto import best_suite
_s = best_suite()
def _c(n, *a):
    try: print(_t(getattr(_s, n)(*a)))
    except Exception as e: print('error', type(e).__name__ + ':', e)
"""
# Are the modules there called by the board's shorter names (boards/names.py)? Not in a firmware, or in sources.
_SHORT = f"from sealcast import rare\nprint(not hasattr(rare, {names.MARK!r}))"
_HEAP = "import gc\ngc.collect()\nprint(gc.mem_free(), gc.mem_alloc())"


def literal(value: object) -> str:
    """A value as a program of the board's, short and in ASCII."""
    if isinstance(value, bytes | bytearray):
        import base64

        return f"_a({base64.b64encode(bytes(value)).decode()!r})"
    return repr(value)


def decoded(text: str) -> Any:
    """The inverse of the board's _t."""
    import base64

    if text.startswith("b") and not text.startswith(("b'", 'b"')):
        return base64.b64decode(text[1:])
    if text.startswith("error "):
        return text
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        raise Failed(f"the board answered {text[:60]!r}, which is no value") from None


class Rig:
    """An open board. Raises Gone when it hangs or vanishes; the caller gives it up then."""

    def __init__(self, port: str, silence_s: float = SILENCE_S) -> None:
        self.port, self.silence_s = port, silence_s
        self._device: Device | None = Device(port)
        self._short: bool | None = None  # not known

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.let_go()

    @property
    def device(self) -> Device:
        if self._device is None:
            self._device = Device(self.port)
        return self._device

    def let_go(self) -> None:
        """Close the port: another part of this program, or another program, takes it."""
        device, self._device = self._device, None
        if device is not None:
            device.close()

    def come_back(self) -> None:
        """After a reset that took the port away for a while."""
        if not wait_for(self.port, COMING_BACK_S):
            raise Gone(f"{self.port}: the board did not come back within {COMING_BACK_S:.0f} s of its reset")

    def fresh(self, calls: bool = False) -> None:
        """A soft reset: an empty heap. calls: load the crypto suite, for `call`."""
        if self._device is None:
            self._device = Device(self.port)
        else:
            self._device.fresh()
        if self._short is None:
            with contextlib.suppress(BoardError):  # there is no node yet
                self._short = self._device.run(_SHORT, self.silence_s).strip() == "True"
            self._device.fresh()
        self.run(_PRELUDE)
        if calls:
            self.run(_CALLS)

    def from_reset(self) -> None:
        """As `fresh`, without what a radio keeps through a soft reset (boards/start.py)."""
        self.fresh()
        if start.ask_to_stay(self.device):
            self.device.restart()
            self._device = start.open_again(self.port)
            self.run(_PRELUDE)

    def run(self, program: str, silence_s: float | None = None) -> str:
        return self.device.run(self._named(program), silence_s or self.silence_s)

    def _named(self, program: str) -> str:
        return names.source(program) if self._short else program

    def call(self, calls: Sequence[tuple[str, Sequence[object]]], silence_s: float | None = None) -> list[Any]:
        """Suite functions with their arguments -> results, in order; a raised error as the text "error Name: text"."""
        lines = [f"_c({name!r},{','.join(literal(a) for a in arguments)})" for name, arguments in calls]
        answers: list[str] = []
        batch: list[str] = []
        for line in [*lines, ""]:
            if batch and (not line or sum(map(len, batch)) + len(line) > _BATCH):
                answers += self.run("\n".join(batch), silence_s).splitlines()
                batch = []
            batch.append(line)
        if len(answers) != len(calls):
            raise BoardError(f"the board gave {len(answers)} answers to {len(calls)} calls")
        return [decoded(answer) for answer in answers]

    def facts(self) -> Facts:
        return self.device.facts()

    def heap(self) -> tuple[int, int]:
        """(bytes free, bytes used) after a collection."""
        try:
            free, used = map(int, self.run(_HEAP).split())
        except ValueError:
            raise garbled() from None
        return free, used

    def launch(self, program: str) -> None:
        """Start a program that goes on by itself, and let go of the port."""
        device, self._device = self.device, None
        device.launch(self._named(program))

    def restart(self) -> None:
        """Leave the board to its own program."""
        with contextlib.suppress(Failed):
            self.device.restart()
        self._device = None
