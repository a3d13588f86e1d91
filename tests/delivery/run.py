"""Worlds by the dozen: `python tests/delivery/run.py FIRST [COUNT [mosquitto|embedded [lying]]]` prints what was not true.
"""

import asyncio
import os
import sys
import tempfile
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT / p) for p in ("shared", "firmware", "host", "tests/support/core", "tests/support", "tests")]

from delivery.world import ACTIONS, LYING, World  # noqa: E402
from host_support import free_port, start_broker  # noqa: E402

AT_ONCE = 30


async def _worlds(seeds, port, actions, tell):
    waiting, wrong = list(seeds), []

    async def worker():
        while waiting:
            world = World(waiting.pop(0), port, actions)
            try:
                found = await world.run()
            except Exception as e:
                found = [f"seed {world.seed}: {type(e).__name__}: {e}"]
            if found:
                wrong.extend(found)
                wrong.extend(f"    {line}" for line in world.log)
            tell(world, found)

    await asyncio.gather(*[worker() for _ in range(AT_ONCE)])
    return wrong


def worlds(seeds, kind, folder, actions=ACTIONS, tell=lambda world, found: None):
    """Run these seeds behind one broker of this kind -> what was not true, with each world's log."""
    port = free_port()
    (folder / "broker").mkdir(parents=True)
    before = os.environ.get("XDG_STATE_HOME")
    os.environ["XDG_STATE_HOME"] = str(folder / "state")
    warnings.simplefilter("ignore", ResourceWarning)
    try:
        with start_broker(kind, port, folder / "broker"):
            return asyncio.run(_worlds(seeds, port, actions, tell))
    finally:
        if before is None:
            del os.environ["XDG_STATE_HOME"]
        else:
            os.environ["XDG_STATE_HOME"] = before


if __name__ == "__main__":
    first, count = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1
    kind = sys.argv[3] if len(sys.argv) > 3 else "mosquitto"
    more = LYING if sys.argv[4:] == ["lying"] else ()

    def told(world, found):
        print(world.seed, "WRONG" if found else "ok", flush=True)

    with tempfile.TemporaryDirectory() as name:
        lines = worlds(range(first, first + count), kind, Path(name), ACTIONS + more, told)
    print("\n".join(lines))
    sys.exit(1 if lines else 0)
