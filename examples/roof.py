"""A roof: does what a member asks for, and says that it did. Runs on a board, with your motor in move()."""

import asyncio

import sealcast

COMMANDS = {b"open": "open", b"close": "closed"}


async def move(state):
    await asyncio.sleep(0)  # your motor here


async def main():
    ch = await sealcast.join("greenhouse", uid="roof")
    print("ready")
    async for m in ch:
        # Not what was sent before we came, and only what a member has signed.
        if m.historic or m.origin != "member" or m.body not in COMMANDS:
            continue
        await move(COMMANDS[m.body])
        await ch.send(("roof " + COMMANDS[m.body]).encode(), "note")
        print("roof", COMMANDS[m.body], "for", m.sender)


asyncio.run(main())
