"""A button: says "pressed" to all who are there. On a computer the button is the Enter key."""

import asyncio
import sys

import sealcast


async def pressed():
    """On a board: wait until machine.Pin(9, machine.Pin.IN, machine.Pin.PULL_UP).value() is 0."""
    return await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)


async def main():
    ch = await sealcast.join("greenhouse", uid="button")
    while await pressed():
        await ch.send(b"pressed", "note")
        print("sent")
    await ch.leave()


asyncio.run(main())
