"""The core's own Channel on the board, driven over the raw REPL: calls in, effects out (PROTOCOL.md section 11).

What it stores goes to two slots and a journal on the board's filesystem, through the code that a node uses, and is
read from there again after a reset. Its hardware randomness is scripted: a text that is constant for one start, which
section 5 makes enough.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sealcast_host.hil.results import Wrong
from sealcast_host.hil.rig import Rig, decoded, literal

FOLDER = "/hil"
STATE = FOLDER + "/state"

# The whole core leaves little of a small board's heap: what Device put there for files makes room.
_ROOM = "for _x in ('_hash', '_show', '_names', '_gone', 'hashlib'): globals().pop(_x, None)"
_LOAD = """
import gc, os
from sealcast.crypto import best_suite
_s = best_suite()
from sealcast.run.filestore import FileStore
from sealcast.run.slots import key_for
from sealcast.channel import Channel
gc.threshold(4096)
_top = 0
try: os.mkdir('/hil')
except OSError: pass
def _hw(b):
    return lambda n: (b * (n // len(b) + 1))[:n]
"""
_SPEAK = """
def _m(m):
    return (m.sender, bytes(m.body), m.secrecy, m.origin, m.time, m.seq, m.historic, m.epoch, m.private, m.again)
def _e(effects):
    global _top
    _top = max(_top, gc.mem_alloc())
    gc.collect()
    for e in effects:
        k = e[0]
        if k == 'store':
            d = e[1] if isinstance(e[1], list) else [e[1]]
            _f.store(e[1])
            print(k, sum([len(p) for p in d]), any([_n in p for p in d]), sep='\\t')
        elif k == 'append':
            _f.append(e[1])
            print(k, len(e[1]), sep='\\t')
        elif k == 'message':
            print(k, _m(e[1]), sep='\\t')
            _ch.taken(e[1])
        else:
            print(k, *[_t(a) for a in e[1:]], sep='\\t')
"""


@dataclass(frozen=True)
class Heard:
    """A message that the board handed over, in the core's own words."""

    sender: str
    body: bytes
    secrecy: str
    origin: str
    time: int
    seq: int
    historic: bool
    epoch: str | None
    private: bool
    again: bool


_TOGETHER = 1000  # characters: the board compiles them


def _program(method: str, arguments: tuple[object, ...]) -> str:
    return f"_e(_ch.{method}({', '.join(literal(a) for a in arguments)}))"


class RemoteChannel:
    """One start of one member on the board. Every call returns the effects as tuples, the bytes in them exact."""

    def __init__(
        self, rig: Rig, config: dict[str, Any], hardware: bytes, next_seed: Callable[[bytes], bytes], forget: bool
    ) -> None:
        """hardware: what the board's hardware randomness repeats in this start. next_seed(stored seed) -> what
        must be stored now.
        forget: begin without storage."""
        self._rig = rig
        rig.fresh()
        if config["ratchet"]:
            rig.run(_ROOM)
        rig.run(_LOAD)
        rig.run(_SPEAK)
        rig.run(f"_cfg = {{{', '.join(f'{k!r}: {literal(v)}' for k, v in config.items())}}}")
        names = f"{config['channel'].encode()!r}, {config['uid'].encode()!r}"
        rig.run(f"_f = FileStore(_s, key_for(_s, _cfg['identity'], {names}), {STATE!r})")
        if forget:
            rig.run("_f.forget()")
        self.next_seed = next_seed(b"" if forget else self._stored_seed())
        rig.run(f"_n = {literal(self.next_seed)}\n_ch = Channel(_s, _cfg, _f.load(), _hw({literal(hardware)}))")
        rig.run("_ch.journal.room = _f.room")
        self.start_heap = rig.heap()

    def _stored_seed(self) -> bytes:
        """The seed in the stored state: 32 bytes behind the format byte (section 12)."""
        found = decoded(self._rig.run("_d = _f.load()\nprint(_t(_d[1:33] if _d else b''))\ndel _d").strip())
        if not isinstance(found, bytes) or len(found) != 32:
            raise Wrong("12", "the state that the board had stored is not there any more", "a state", "none")
        return found

    def do(self, method: str, *arguments: object) -> list[tuple[Any, ...]]:
        """One call. Raises BoardError when it raised."""
        return self._effects(self._rig.run(_program(method, arguments)))

    def do_some(self, calls: list[tuple[Any, ...]]) -> tuple[int, list[tuple[Any, ...]]]:
        """The first of these calls, one after the other, as many as make one program. -> (how many, their effects)"""
        lines = [_program(calls[0][0], calls[0][1:])]
        for method, *arguments in calls[1:]:
            line = _program(method, tuple(arguments))
            if sum(map(len, lines)) + len(line) > _TOGETHER:
                break
            lines.append(line)
        return len(lines), self._effects(self._rig.run("\n".join(lines)))

    def _effects(self, text: str) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = []
        for line in text.splitlines():
            kind, *rest = line.split("\t")
            values = [decoded(value) for value in rest]
            if kind == "store" and values[1] is not True:
                raise Wrong(
                    "5", "the state that the board stored does not hold the next seed", self.next_seed, "another"
                )
            found.append((kind, Heard(*values[0])) if kind == "message" else (kind, *values))
        return found

    def ask(self, expression: str) -> Any:
        """A look at the board's channel, as `_ch`."""
        return decoded(self._rig.run(f"print(_t({expression}))").strip())

    def allocated(self) -> int:
        """The most heap that was in use after any call so far, garbage of at most 4 KB included."""
        return int(self._rig.run("print(_top)"))

    def slots(self) -> list[bytes]:
        """The files of the stored state that are there."""
        found = [self._rig.device.get(f"{STATE}.{i}") for i in (0, 1)]
        return [data for data in found if data]
