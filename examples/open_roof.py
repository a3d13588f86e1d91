"""Opens the roof, and ends well only when the roof has said that it is open: a receipt that means something."""

import asyncio
import sys

import sealcast

WAIT_S = 60


async def main():
    ch = await sealcast.join("greenhouse", uid="gardener")
    try:
        async with asyncio.timeout(WAIT_S):
            while ("roof", "awake") not in ch.members:  # what is sent before it is there is history to it
                await asyncio.sleep(0.1)
            await ch.send(b"open", "note")
            async for m in ch:
                if (m.sender, m.body, m.historic) == ("roof", b"roof open", False):
                    print("the roof is open")
                    return 0
    except TimeoutError:
        print("the roof did not answer")
    finally:
        await ch.leave()
    return 1


sys.exit(asyncio.run(main()))
