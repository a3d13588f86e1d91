"""Opens the roof: its receipt says that it has the command, and its answer that it is open. Else ends with 1."""

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
            sent = await ch.send(b"open", "note", receipt=True, timeout=WAIT_S / 2)
            if "roof" not in sent.confirmed:
                print("the roof does not have it; not confirmed by", ", ".join(sent.unconfirmed))
                return 1
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
