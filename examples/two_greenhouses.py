"""One program in two channels: alarms of either greenhouse go to the other. Each channel has a key of its own."""

import asyncio

import sealcast


async def carry(source, goal):
    async for m in source:
        if m.body.startswith(b"alarm") and not m.historic:
            await goal.send(m.body + b" (from " + m.sender.encode() + b")", "note")
            print("carried")


async def main():
    one = await sealcast.join("greenhouse", uid="carrier")
    two = await sealcast.join("orangery", uid="carrier")
    print("ready")
    await asyncio.gather(carry(one, two), carry(two, one))


asyncio.run(main())
