"""The node on the board for the live part: its own settings in /hil, scripted randomness, and a reset that can be
armed.

Nothing of the board's own member is touched: /sealcast.json and its state stay as they are.
"""

import json
from dataclasses import dataclass
from typing import Any

from reference.encoding import Reject
from reference.storage import pack_slot, parse_slot, slot_key
from sealcast_host.hil.foresight import Foreseen
from sealcast_host.hil.place import BOARD, secret
from sealcast_host.hil.results import Wrong
from sealcast_host.hil.rig import Rig, literal

CHANNEL = "hil-live"
FOLDER = "/hil/live"
SETTINGS = FOLDER + "/sealcast.json"
STATE = FOLDER + "/state"
RESET = "hil_reset"  # the event that says that an armed reset is about to happen
WINDOW = 16  # packets on the serial link

_LAUNCH = """
import gc, sys
for _x in ('curve25519', 'symcrypto'):  # as main.py does it
    try: __import__(_x)
    except ImportError: pass
try:
    import xip_start
    xip_start.start()
    del sys.modules['xip_start']
except ImportError: pass
for _x in ('_hash', '_show', '_names', '_gone', '_b', '_t'): globals().pop(_x, None)  # they are in the node's way
gc.collect()
gc.threshold(4096)
from node import storage, app
_h = %s
del _a
storage.hardware = lambda n: (_h * (n // len(_h) + 1))[:n]
def _reset():
    import machine, time
    print('{"event": "%s"}')
    time.sleep_ms(100)  # the line must leave the UART: there is no flush to wait for
    getattr(machine, 'reset', sys.exit)()
%s
app.ON_BOARD = True
app.main([%r])
"""
# Just before the armed publication leaves: what goes out of it is stored, nothing of it is sent.
_AT_PUBLISH = """
_left = %d
_p = _T.publish
async def _publish(self, topic, payload, retain=False, qos=0):
    global _left
    if len(payload) > 1 and payload[1] == %d:
        _left -= 1
        if _left == 0: _reset()
    await _p(self, topic, payload, retain, qos)
_T.publish = _publish
"""
# In the middle of a write of the state: half of it is in the file, then the power is gone.
_AT_WRITE = """
from sealcast.run.filestore import Files
_left = %d
_o = Files.open
class _Half:
    def __init__(self, f): self._f = f
    def write(self, d):
        if len(d) > 64:
            self._f.write(bytes(d[:len(d) // 2]))
            self._f.flush()
            _reset()
        return self._f.write(d)
    def flush(self):
        self._f.flush()
        _reset()
    def __enter__(self): return self
    def __exit__(self, *_): self._f.close()
def _open(self, path, mode):
    global _left
    f = _o(self, path, mode)
    if mode in ('wb', 'ab'):
        _left -= 1
        if _left == 0: return _Half(f)
    return f
Files.open = _open
"""


@dataclass(frozen=True)
class Fault:
    """When the board resets itself: before it publishes its nth frame of a kind (section 2), or in its nth write
    of the state."""

    kind: int | None
    nth: int

    def program(self, transport: str) -> str:
        if self.kind is None:
            return _AT_WRITE % self.nth
        return transport + _AT_PUBLISH % (self.nth, self.kind)


def clear(rig: Rig) -> None:
    """Nothing of a run stays on the board: its settings hold the passwords of Wi-Fi and broker."""
    for path in (SETTINGS, *(f"{STATE}.{end}" for end in ("0", "1", "0j", "1j"))):
        rig.device.remove(path)


class LiveNode:
    """Puts settings and a seed on the board, starts the node there, and foretells each start."""

    def __init__(self, rig: Rig, seed: int, foreseen: Foreseen, network: dict[str, Any]) -> None:
        """network: what the settings say of the way to the broker. The group is tried: all that a board can bear is
        examined."""
        self._rig, self._seed, self._foreseen = rig, seed, foreseen
        self._identity = secret(seed, BOARD)
        self._serial = network["transport"] == "serial"
        self._key = slot_key(self._identity, CHANNEL, BOARD)
        from sealcast.wire import b64

        self._settings = {
            "uid": BOARD, "channel": CHANNEL, "key": b64(secret(seed, "root")), "identity": b64(self._identity),
            "log": "json", "keepalive": 20, "ratchet": True, **network,
        }  # fmt: skip
        rig.fresh()
        rig.run("from node import setup")  # what ends at once is not heard on a port that is being handed over
        rig.fresh()
        clear(rig)  # a journal of another run would belong to no state of this one
        self._write_settings()
        rig.device.put(STATE + ".0", pack_slot(self._key, 1, b"\x01" + secret(seed, "live seed")))

    def _write_settings(self) -> None:
        self._rig.device.put(SETTINGS, json.dumps(self._settings).encode())

    def without_group(self) -> None:
        """Leave the ratcheting half out: it needs more heap than this board has."""
        self._settings["ratchet"] = False
        self._rig.fresh()
        self._write_settings()

    def stored(self) -> tuple[int, bytes]:
        """(generation, state) of the newest slot that is whole. Raises Wrong when there is none."""
        whole = []
        for i in (0, 1):
            data = self._rig.device.get(f"{STATE}.{i}")
            try:
                whole.append(parse_slot(self._key, data or b""))
            except (Reject, IndexError, ValueError):
                continue
        if not whole:
            raise Wrong("12", "no slot of the stored state is whole", "one at least", "none")
        return max(whole)

    def launch(self, fault: Fault | None = None) -> None:
        """Start the node and let go of the port. What is running on the board is stopped."""
        if self._serial:
            self._rig.fresh()
        else:
            self._rig.from_reset()
        number = len(self._foreseen.starts) + 1
        hardware = secret(self._seed, f"live hardware {number}")
        self._foreseen.start(self.stored()[1][1:33], hardware)
        transport = (
            "from node.serialport import Serial as _T\n" if self._serial else "from node.mqtt import Client as _T\n"
        )
        armed = fault.program(transport) if fault else ""
        program = _LAUNCH % (literal(hardware), RESET, armed, SETTINGS)
        self._rig.launch(program)
