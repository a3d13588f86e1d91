"""What `sealcast doctor --port` knows of a board's memory: it lets the board start as its main.py does, step by step,
up to the member itself and its broker, and looks at what is left then.

Natives, bytecode, settings, Wi-Fi, first connection, growth of the heap, member: the node's own functions, in its
order (firmware/node/main.py and app.py). Nothing is published and nothing is stored.
"""

import json
import time
from collections.abc import Iterator

from sealcast.run.settings import check
from sealcast_host.boards import names
from sealcast_host.boards.provision import SETTINGS
from sealcast_host.boards.repl import BoardError, Device, Gone, wait_for
from sealcast_host.errors import garbled
from sealcast_host.findings import NOTE, OK, TOO_SMALL, WRONG, Finding

# Beside a member that has just begun. What a channel of eight needs then: eight members' state, a handshake's code.
HEAP_BYTES = 24 * 1024
RESERVE_BYTES = 12_000  # for Wi-Fi under traffic, of the chip's own heap. docs/HARDWARE.md, "Memory"
NETWORK_S = 60
_LIMIT_S = 150.0
_BACK_S = 30.0
STAY = "/stay"  # main.py knows it
_GROWS = "try:\n import esp32\n print(hasattr(esp32, 'idf_heap_info'))\nexcept ImportError: print(False)"
_SMALL = "a board with more memory, or a firmware with the node in it (make firmware, docs/HARDWARE.md)"
_XIP = "`sealcast flash --xip` where it was not done, or a firmware with the node in it (docs/HARDWARE.md)"

# What Device put there for files is in the node's way. The last line that was printed is the step that was reached.
_ROOM = "for _x in ('_hash', '_show', '_names', '_gone', 'hashlib', 'os'): globals().pop(_x, None)"
_BEGIN = """
import gc, sys
def _at(*what): print('@', *what)
def _go():
    _at('natives')
    for n in ('curve25519', 'symcrypto'):
        try: __import__(n)
        except ImportError: pass
    _at('bytecode')
    try:
        import xip_start
        xip_start.start()
        del sys.modules['xip_start']
    except ImportError: pass
    _at('node')
    from node import app
    gc.threshold(4096)
_go()
from sealcast import rare
"""
_BEGIN += f"print('long' if hasattr(rare, {names.MARK!r}) else 'short')\n"
_MEMBER = """
import asyncio, gc
from node import app
def _at(*what): print('@', *what)
def _step(given, patience):
    from sealcast.crypto import best_suite
    from sealcast.errors import SealcastError
    from sealcast.run.aio import Clock, explain, within
    def say(name, info): print('=', name, *[str(v) for v in info.values()])
    _at('settings')
    try: config, directory = app.configured(given)
    except SealcastError as e:
        print('!', e)
        return
    def part():
        from node import setup
        return setup
    async def go():
        suite, way = best_suite(), None
        kept = None
        if config['transport'] != 'serial':
            _at('network')
            try: way, kept = await within(part().begin(config, suite, directory, say), patience, 'network')
            except OSError: return
        else:
            from node import serialport
            class Line:
                def read(self, n): return None
                readinto = write = read
            part().identify(config, suite, directory, lambda line: None)
            way = serialport.Serial(Line(), config['keepalive'], config['serial']['window'])
        _at('member')
        session = part().member(config, suite, directory, Clock(), way, lambda line: None)
        app.forget('setup', 'heap')
        del kept
        if config['sensor']:
            from node import sensors
            try: source = sensors.make(config['sensor'])
            except SealcastError as e: print('~', e)
        if config['transport'] != 'serial':
            _at('broker')
            try:
                await within(way.connect(None, b''), patience, 'the broker does not answer')
                print('= broker ')
            except OSError as e: print('?', explain(e))
        gc.collect()
        heap = free = largest = 0
        try:
            import esp32
            if hasattr(esp32, 'idf_heap_info'):
                heap = esp32.idf_heap_info(esp32.HEAP_DATA)
                free, largest = sum([h[1] for h in heap]), max([h[2] for h in heap])
        except ImportError: pass
        print('#', gc.mem_free() - largest, free, int(bool(config['ratchet'])))
        if config['transport'] != 'serial':
            try: await way.abort()
            except OSError: pass
        return session
    asyncio.run(go())
_step(%r, %d)
"""

_STEPS = {
    "natives": "the native modules are loaded",
    "bytecode": "the bytecode is found",
    "node": "the node's code is loaded",
    "settings": "the settings are read",
    "network": "Wi-Fi and the first connection take their memory",
    "member": "the member is made",
    "broker": "the broker is connected to",
}


def usable(data: bytes | None) -> bool:
    """Are these settings that the node would start with?"""
    try:
        return data is not None and not check(json.loads(data))
    except ValueError:
        return False


def ask_to_stay(device: Device) -> bool:
    """Where the radio lives on what Python's heap grows by, only a start from the reset shows what is left: the
    interrupted node's radio keeps its memory through a soft reset. main.py then waits once, for us. -> is it so?"""
    if device.run(_GROWS).strip() != "True":
        return False
    device.run(f"open({STAY!r}, 'w').close()")
    return True


def open_again(port: str) -> Device:
    """The board after its reset, stopped before its node began. Raises Gone."""
    deadline = time.monotonic() + _BACK_S
    while True:
        try:
            wait_for(port, _BACK_S)
            return Device(port)
        except Gone:
            if time.monotonic() > deadline:
                raise


def look(device: Device, settings: bool, again: str) -> Iterator[Finding]:
    """settings: has the board some that can be used? Else as far as the code."""
    device.fresh()
    device.run(_ROOM)
    said: list[str] = []
    try:
        said += device.run(_BEGIN, _LIMIT_S).splitlines()
        if settings:
            program = _MEMBER % (SETTINGS, NETWORK_S * 1000)
            program = names.source(program) if "short" in said else program  # as the board's files call things
            said += device.run(program, _LIMIT_S).splitlines()
    except BoardError as e:
        said += e.printed.splitlines()
        yield _failed(_reached(said), e, again)
        return
    if not settings:
        yield Finding("start", NOTE, "the node's code loads; what is left for a member is seen once it is provisioned")
        return
    yield from judged(said)


def judged(said: list[str]) -> Iterator[Finding]:
    """What the board printed on its way -> findings."""
    for line in said:
        if line.startswith("!"):
            text = line[1:].strip()
            yield Finding("start", TOO_SMALL if text.startswith("memory:") else WRONG, text)
            return
    for line in said:
        if line.startswith("?"):
            yield Finding("broker", WRONG, f"{line[1:].strip()}; the channel's broker: sealcast doctor CHANNEL")
        elif line == "= broker ":
            yield Finding("broker", OK, "it takes the board's connection")
        elif line.startswith("~"):
            yield Finding("sensor", WRONG, line[1:].strip())
    told = [line[1:].strip() for line in said if line.startswith("=")]
    figures = [line[1:].split() for line in said if line.startswith("#")]
    if not figures:
        why = next((line for line in reversed(told) if not line.startswith("info")), "nothing was said")
        small = any(word in why for word in ("Memory", "ENOMEM", "0x0101"))
        yield Finding(
            "start",
            TOO_SMALL if small else WRONG,
            f"no connection to the broker within {NETWORK_S} s ({why})" + (f": {_SMALL}" if small else ""),
        )
        return
    try:
        free, reserve, ratchet = (int(word) for word in figures[-1])
    except ValueError:
        raise garbled() from None
    free += max(0, reserve - RESERVE_BYTES)  # what the heap can still grow by without starving Wi-Fi
    both = ", with the ratcheting group" if ratchet else ""
    line = f"{free // 1024} KB free beside the member{both}, {HEAP_BYTES // 1024} KB are wanted for a channel of eight"
    yield Finding("heap", OK, line) if free >= HEAP_BYTES else Finding("heap", TOO_SMALL, f"{line}: {_SMALL}")
    if reserve:
        line = f"{reserve / 1000:.1f} KB of the chip's own memory are free, {RESERVE_BYTES // 1000} are for Wi-Fi"
        yield Finding("radio", OK, line) if reserve >= RESERVE_BYTES else Finding("radio", TOO_SMALL, f"{line}: {_XIP}")


def _reached(said: list[str]) -> str:
    return next((line[1:].strip() for line in reversed(said) if line.startswith("@")), "natives")


def _failed(step: str, error: BoardError, again: str) -> Finding:
    if error.memory:
        return Finding("start", TOO_SMALL, f"no memory is left when {_STEPS[step]}: {_XIP}, or {_SMALL}")
    return Finding("start", WRONG, f"it fails when {_STEPS[step]} ({error}): {again}")
