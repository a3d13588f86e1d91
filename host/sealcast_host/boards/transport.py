"""mpremote's transport to a board, more patient. In a file of its own: it is loaded when a board is spoken to, so that
the commands of boards explain themselves where what they need is not installed.
"""

from collections.abc import Callable
from typing import Any

import serial as serial
from mpremote import transport_serial
from mpremote.transport import TransportError as TransportError
from mpremote.transport_serial import SerialTransport

# It prints what it did not expect, which helps nobody. Its own name for that: others may be printing meanwhile
vars(transport_serial)["print"] = lambda *_, **__: None


class _Patient(SerialTransport):
    """mpremote's, which gives a board ten seconds whatever it is told; patience_s is what this one is given."""

    patience_s = 0.0
    _read_until: Any = SerialTransport.read_until

    def read_until(
        self,
        min_num_bytes: int,
        ending: bytes,
        timeout: float = 10,
        data_consumer: Callable[[bytes], None] | None = None,
        timeout_overall: float | None = None,
    ) -> Any:
        return self._read_until(min_num_bytes, ending, max(timeout, self.patience_s), data_consumer, timeout_overall)

    def glance(self, ending: bytes) -> bytes:
        """What comes within two seconds, up to `ending`, or until it is silent for one."""
        return bytes(self._read_until(1, ending, timeout=1, timeout_overall=2))

    def be_patient(self, seconds: float) -> None:
        self.patience_s = self.serial.timeout = seconds


Transport: Any = _Patient  # its base has no types
