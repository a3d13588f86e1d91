"""How long the board takes for each primitive, and what of its heap the parts of a node take."""

from sealcast_host.hil.results import Results, Wrong
from sealcast_host.hil.rig import Rig

PART = "timing"
_LEAST_US = (
    20000  # an operation is repeated until so much time has passed: clocks of boards tick in microseconds or coarser
)
_SLOW_S = 120.0

_BEGIN = (
    """
import time
_k = bytes(range(32)); _n = bytes(24); _m = bytes(1024)
_P = _s.ristretto_map(bytes(range(64))); _A = _s.ed25519_public(_k); _g = _s.ed25519_sign(_k, _A, _k)
def _time(f):
    n = 1
    while True:
        t = time.ticks_us()
        for _ in range(n): f()
        d = time.ticks_diff(time.ticks_us(), t)
        if d >= %d or n >= 4096: break
        n *= 2
    print(d, n)
"""
    % _LEAST_US
)
# operation -> the call
OPERATIONS = {
    "blake2b 64 bytes, keyed": "_s.h(32, _k, b'', b'sc/test', _k, _k)",
    "blake2b 1,024 bytes": "_s.h(32, _k, b'', b'sc/test', _m)",
    "secretbox 1,024 bytes": "_s.secretbox(_k, _n, _m)",
    "xsalsa20 1,024 bytes": "_s.xsalsa20_xor(_k, _n, _m)",
    "x25519": "_s.x25519(_k, _A)",
    "x25519_base": "_s.x25519_base(_k)",
    "ed25519_sign": "_s.ed25519_sign(_k, _A, _k)",
    "ed25519_verify": "_s.ed25519_verify(_A, _g, _k)",
    "ristretto_map": "_s.ristretto_map(_k + _k)",
    "ristretto_mul": "_s.ristretto_mul(_k, _P)",
    "ristretto_add": "_s.ristretto_add(_P, _P)",
}
# What is loaded, one on top of the other; the heap is measured after each.
STEPS = {
    "suite": "from sealcast.crypto import best_suite\nbest_suite()",
    "channel": "from sealcast.channel import Channel",
    "group": "from sealcast.smmp import order",
}


def check(rig: Rig, results: Results, icount: bool) -> None:
    """icount: the emulator's clock counts instructions, one a nanosecond (QEMU -icount shift=0)."""
    results.timing_unit = "instructions" if icount else "us"
    rig.fresh(calls=True)
    rig.run(_BEGIN)
    for name, call in OPERATIONS.items():
        with results.check(PART, name, "docs/PERFORMANCE.md") as made:
            took, times = (int(word) for word in rig.run(f"_time(lambda: {call})", _SLOW_S).split())
            if took <= 0:
                raise Wrong("docs/HARDWARE.md", "the board's clock stands still", "more than 0 us", took)
            made.count = times
            results.timings[name] = round(took * (1000 if icount else 1) / times, 2)
            made.detail = f"{results.timings[name]:,.0f} {results.timing_unit}"
    with results.check(PART, "heap of what a node loads", "docs/HARDWARE.md") as made:
        rig.fresh()
        before = rig.heap()[0]
        results.heap["at_the_prompt.free"] = before
        for name, program in STEPS.items():
            rig.run(program)
            free = rig.heap()[0]
            results.heap[f"{name}.bytes"], before = before - free, free
        results.heap["loaded.free"] = before
        made.detail = f"{before:,} bytes free with all of it loaded"
