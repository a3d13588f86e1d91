"""`sealcast listen`: print what arrives, until Ctrl-C, or until --count messages came."""

import asyncio
import sys
from typing import Any

from sealcast_host.cli import render
from sealcast_host.cli.brokeroptions import BrokerOptions
from sealcast_host.member.visit import member, run


def listen(channel: str, uid: str | None, broker: BrokerOptions, as_json: bool, count: int | None) -> int:
    return run(_listen(channel, uid, broker, as_json, count))


async def _listen(channel: str, uid: str | None, broker: BrokerOptions, as_json: bool, count: int | None) -> int:
    enough = asyncio.Event()
    broken: list[BaseException] = []
    seen = 0

    def show(name: str, info: Any) -> None:
        nonlocal seen
        if enough.is_set():
            return
        try:
            if name == "message":
                print(render.message_json(info) if as_json else render.message_line(info), flush=True)
                seen += 1
                if seen == count:
                    enough.set()
            elif as_json:
                print(render.event_json(name, info), flush=True)
            elif line := render.event_line(name, info):
                print(line, flush=True)
        except OSError as e:  # nobody reads our output any more
            broken.append(e)
            enough.set()

    async with member(channel, uid, broker, show) as session:
        if not as_json:
            where = f'listening on "{render.clean(channel)}" as "{render.clean(session.channel.me.uid)}"; Ctrl-C ends it'
            print(f"sealcast: {where}", file=sys.stderr, flush=True)
        await enough.wait()
    if broken:
        raise broken[0]
    return 0
