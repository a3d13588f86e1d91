"""A reading every minute, as JSON. The same program on a board (main.py) and on a computer.

    python examples/sensor.py [SECONDS]
"""

import asyncio
import json
import sys

import sealcast


async def measure():
    return {"temperature": 21.5, "humidity": 48}  # your sensor here


async def main(every):
    ch = await sealcast.join("greenhouse", uid="sensor")
    while True:
        await ch.send(json.dumps(await measure()).encode(), "note")  # a note: members that sleep get it later
        print("sent")
        await asyncio.sleep(every)


asyncio.run(main(float(sys.argv[1]) if len(sys.argv) > 1 else 60))
