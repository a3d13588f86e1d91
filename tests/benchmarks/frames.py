"""What the higher calls of the suite save: instructions on an
emulated board, called from Python, as one call and composed.
"""

import os
import tempfile

from benchmarks.protocol import CORE, counted, install, missing

__all__ = ("measure", "missing")
# The same functions twice: the native ones, and soft_frames.py over the native primitives (what the core did before).
_PREPARE = """
import time
from sealcast.crypto import native, soft_frames
class Composed: pass
composed = Composed()
for _name in ("h", "secretbox", "secretbox_open", "x25519", "equal"):
    setattr(composed, _name, getattr(native, _name))
soft_frames.install(composed)
k, place, head, nonce, body = bytes(range(32)), bytes(32), b"\\x01\\x02" + bytes(20), bytes(24), bytes(76)
frame, closed = native.seal_frame(k, head, place, nonce, body), native.seal_frame(k, head, place, nonce, body, k)
padded = native.pad(b"", bytes(20))
eight, seven, lead, text = k * 8, k * 7, b"\\x01\\x08" + bytes(52), bytes(41)
whole = native.ratchet_frame(seven, eight, k, k, k, lead, nonce, k, text, 1) + bytes(32)
CALLS = (
    ("seal_frame", (k, head, place, nonce, body)), ("open_frame", (k, frame, place)),
    ("genuine_frame", (k, closed, place)), ("frame_nonce", (k, bytes(8), bytes(16), bytes(54), body)),
    ("signable", (bytes(54), b"", body)), ("chain", (k, 0, 1)), ("pad", (bytes(24), bytes(20))),
    ("unpad", (padded, 2000)), ("x25519_column", (k, eight, 1)), ("x25519_xor", (k, eight)),
    ("ratchet_frame", (seven, eight, k, k, k, lead, nonce, k, text, 1)), ("ratchet_header", (k, k, k, k, whole, 0)),
    ("ratchet_body", (k, whole)), ("ratchet_keys", (k, k, k, eight, bytes(4), text, 1)),
)
def took(function, args):
    least = None
    for _ in range(3):
        before = time.ticks_cpu()
        function(*args)
        count = time.ticks_diff(time.ticks_cpu(), before)
        least = count if least is None or count < least else least
    return least
"""
_RUN = """
for _name, _args in CALLS:
    _one, _parts = getattr(native, _name), getattr(composed, _name)
    print(_name, took(_one, _args), took(_parts, _args), _one(*_args) == _parts(*_args))
"""


def measure(put):
    with tempfile.TemporaryDirectory() as folder:
        disk = os.path.join(folder, "disk")
        install(disk)
        with counted(disk) as board:
            for name in ("soft_frames.py",):
                with open(os.path.join(CORE, "crypto", name), "rb") as file:
                    board.put("/lib/sealcast/crypto/" + name, file.read())
            board.interrupt()
            board.run(_PREPARE)
            for line in board.run(_RUN, timeout=300).splitlines():
                name, one, several, same = line.split()
                if same != "True":
                    raise SystemExit("%s: the native call and its parts differ" % name)
                put("rv32imc.%s.instructions" % name, int(one))
                put("rv32imc.%s.composed.instructions" % name, int(several))
