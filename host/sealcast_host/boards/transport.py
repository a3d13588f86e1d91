"""mpremote's transport to a board, more patient. In a file of its own: it is loaded when a board is spoken to, so that
the commands of boards explain themselves where what they need is not installed.
"""

import time
from collections.abc import Callable
from typing import Any

from mpremote import transport_serial
from mpremote.transport import TransportError as TransportError
from mpremote.transport_serial import SerialTransport

# It prints what it did not expect, which helps nobody. Its own name for that: others may be printing meanwhile
vars(transport_serial)["print"] = lambda *_, **__: None

MOST = 1 << 20  # bytes of one answer: a board that prints without end does not fill this computer's memory
_FLUSHES = 1000
_RAW = b"raw REPL; CTRL-B to exit\r\n"


class _Patient(SerialTransport):
    """mpremote's, which gives a board ten seconds whatever it is told, and one that prints without end for ever;
    patience_s is what this one is given."""

    patience_s = 0.0

    def read_until(
        self,
        min_num_bytes: int,
        ending: bytes,
        timeout: float = 10,
        data_consumer: Callable[[bytes], None] | None = None,
        timeout_overall: float | None = None,
    ) -> Any:
        return self._read(ending, max(timeout, self.patience_s), timeout_overall)

    def _read(self, ending: bytes, silence_s: float, overall_s: float | None) -> bytes:
        """What comes up to `ending`, or until it is silent for so long, or at most so long in all. Raises
        TransportError when it does not end."""
        data = bytearray()
        begin = heard = time.monotonic()
        while not data.endswith(ending):
            new = self.serial.read(1) if self.is_pty or self.serial.in_waiting else b""
            now = time.monotonic()
            if new:
                data += new
                heard = now
            if now - heard >= silence_s or (overall_s is not None and now - begin >= overall_s):
                break
            if len(data) > MOST:
                raise TransportError("no end")
            if not new:
                time.sleep(0.01)
        return bytes(data)

    def enter_raw_repl(self, soft_reset: bool = True, timeout_overall: float = 10) -> None:
        """As mpremote's, which waits for a pause before it asks: some boards never make one."""
        self.serial.write(b"\r\x03")
        for _ in range(_FLUSHES):
            if not self.serial.in_waiting:
                break
            self.serial.read(self.serial.in_waiting)
        self.serial.write(b"\r\x01")
        if soft_reset:
            self._expect(_RAW + b">", timeout_overall)
            self.serial.write(b"\x04")
            self._expect(b"soft reboot\r\n", timeout_overall)
        self._expect(_RAW, timeout_overall)
        self.in_raw_repl = True

    def _expect(self, ending: bytes, overall_s: float) -> None:
        if not self.read_until(1, ending, timeout_overall=overall_s).endswith(ending):
            raise TransportError("could not enter raw repl")

    def glance(self, ending: bytes) -> bytes:
        """What comes within two seconds, up to `ending`, or until it is silent for one."""
        return self._read(ending, 1, 2)

    def be_patient(self, seconds: float) -> None:
        """For an answer, and for a port that takes nothing."""
        self.patience_s = self.serial.timeout = self.serial.write_timeout = seconds


Transport: Any = _Patient  # its base has no types
