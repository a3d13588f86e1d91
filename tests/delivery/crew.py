"""A real process that holds members of several worlds, for world.py: it can be killed. Orders come as JSON lines on its
standard input, answers and what the members tell go out as JSON lines.

    {"n": 1, "do": "start", "who": "s5/anna", "life": 2, "settings": {...}}        then {"n": 1}
    {"n": 2, "do": "send", "who": "s5/anna", "body": "..", "mode": null}        then {"n": 2, "sent": [mode, audience]}
    {"n": 3, "do": "leave" | "sleep" | "close" | "approve", ...}        then {"n": 3} or {"n": 3, "error": type}
    {"who": "s5/anna", "life": 2, "name": "gap", "info": {...}}        an event; name "message": the message's fields
"""

import asyncio
import json
import sys
from typing import Any

from sealcast.errors import SealcastError
from sealcast_host.errors import UserError
from sealcast_host.member.session import HostSession, join_watched


def tell(**what: Any) -> None:
    sys.stdout.write(json.dumps(what, default=str) + "\n")
    sys.stdout.flush()


class Crew:
    def __init__(self) -> None:
        self.members: dict[str, HostSession] = {}

    async def start(self, who: str, life: int, settings: dict[str, Any]) -> dict[str, Any]:
        def watch(name: str, info: Any) -> None:
            if name == "message":
                info = {"sender": info.sender, "body": info.body.decode(), "seq": info.seq, "historic": info.historic}
            tell(who=who, life=life, name=name, info=info)

        self.members[who] = await join_watched(settings, watch)
        return {}

    async def send(self, who: str, body: str, mode: str | None) -> dict[str, Any]:
        sent = await self.members[who].send(body, mode)
        return {"sent": [sent.mode, sent.audience]}

    async def approve(self, who: str, uid: str, text: str) -> dict[str, Any]:
        await self.members[who].approve(uid, text)
        return {}

    async def leave(self, who: str) -> dict[str, Any]:
        await self.members.pop(who).leave()
        return {}

    async def sleep(self, who: str) -> dict[str, Any]:
        await self.members.pop(who).sleep(60)
        return {}

    async def close(self, who: str) -> dict[str, Any]:
        await self.members.pop(who).close()
        return {}

    async def obey(self, n: int, do: str, **more: Any) -> None:
        try:
            tell(n=n, **await getattr(self, do)(**more))
        except (SealcastError, UserError, OSError) as e:
            tell(n=n, error=type(e).__name__)


async def main() -> None:
    reader = asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    crew, tasks = Crew(), set()
    tell(name="ready")
    while line := await reader.readline():
        task = asyncio.create_task(crew.obey(**json.loads(line)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


if __name__ == "__main__":
    asyncio.run(main())
