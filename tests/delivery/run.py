"""Worlds by the dozen: `python tests/delivery/run.py FIRST [COUNT [mosquitto|embedded [lying]]]` says what was false,
and how many members had their power cut, states on real files: they were there when their process was killed.

The worlds of a run share a broker, some at a time three real processes with their members; in every second such cohort
processes are killed (kill -9).
"""

import asyncio
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT / p) for p in ("shared", "host", "tests/support/core", "tests/support", "tests")]

from delivery.hands import Hands  # noqa: E402
from delivery.world import ACTIONS, CRASH, LYING, World  # noqa: E402
from host_support import free_port, start_broker  # noqa: E402

COHORT = 25  # worlds at once
PROCESSES = 3
KILLS = 2  # of each process of a cohort


async def _cohort(seeds, port, folder, actions, crash, tell):
    hands = [Hands(str(folder), KILLS * crash) for _ in range(PROCESSES)]
    wrong = []
    for h in hands:
        await h.start()

    async def one(seed):
        world = World(seed, port, hands, folder / "sealcast", actions + CRASH * crash)
        try:
            found = await world.run()
        except Exception as e:
            found = [f"seed {seed}: {type(e).__name__}: {e}"]
        if found:
            wrong.extend(found + [f"    {line}" for line in world.log])
        tell(world, found)

    try:
        await asyncio.gather(*[one(seed) for seed in seeds])
    finally:
        for h in hands:
            await h.end()
    return wrong


async def _worlds(seeds, port, folder, actions, tell):
    wrong = []
    for n in range(0, len(seeds), COHORT):
        crash = n // COHORT % 2
        wrong += await _cohort(seeds[n : n + COHORT], port, folder / f"states{n}", actions, crash, tell)
    return wrong


def worlds(seeds, kind, folder, actions=ACTIONS, tell=lambda world, found: None):
    """Run these seeds behind one broker of this kind -> what was not true, with each world's log."""
    port = free_port()
    (folder / "broker").mkdir(parents=True)
    with start_broker(kind, port, folder / "broker"):
        return asyncio.run(_worlds(list(seeds), port, folder, actions, tell))


if __name__ == "__main__":
    if not sys.argv[1:] or not all(a.isdecimal() for a in sys.argv[1:3]):
        sys.exit(__doc__)
    first, count = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1
    kind = sys.argv[3] if len(sys.argv) > 3 else "mosquitto"
    more = LYING if sys.argv[4:] == ["lying"] else ()

    cuts = 0

    def told(world, found):
        global cuts
        cuts += world.cuts
        print(world.seed, "WRONG" if found else "ok", flush=True)

    with tempfile.TemporaryDirectory() as name:
        lines = worlds(range(first, first + count), kind, Path(name), ACTIONS + more, told)
    print("\n".join(lines + [f"{count} worlds, {cuts} members killed at work"]))
    sys.exit(1 if lines else 0)
