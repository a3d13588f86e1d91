"""Everything that arrives, as a line in a file; `sealcast gateway greenhouse --to csv=FILE` does it with no program."""

import asyncio
import sys
import time

import sealcast


async def main(path):
    ch = await sealcast.join("greenhouse", uid="logger")
    with open(path, "a") as out:
        print("ready")
        async for m in ch:  # coming back for the next one is what marks this one as taken
            out.write(f"{m.time or int(time.time())} {m.sender} [{m.secrecy}] {m.body!r}\n")
            out.flush()


asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "greenhouse.log"))
