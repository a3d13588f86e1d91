"""A headless Chromium, driven over its own protocol (CDP): looks at a page and makes pictures of it."""

import asyncio
import base64
import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sealcast_host.member.parent import die_with_parent

LONGEST_TEMPORARY = 44  # bytes of a folder below which Chromium puts a socket of its own: its path may have 107
STEP_S = 120.0  # a busy machine starts a browser slowly
_FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --hide-scrollbars --remote-debugging-port=0 --disable-dev-shm-usage"
).split()


def chromium() -> str | None:
    """The program's path, None where there is none."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Browser:
    """One tab. complaints: what the page's console said, exceptions and refusals by its policy included."""

    def __init__(self, socket: Any, session: str) -> None:
        self._socket = socket
        self._session = session
        self._number = 0
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self.complaints: list[str] = []
        self.dialogs = 0  # alert(), confirm(): a page of ours has none
        self._reader = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        async for event in self._socket:
            answer = json.loads(event.data)
            if "id" in answer:
                waiting = self._waiting.pop(answer["id"], None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(answer)
            elif answer["method"] in ("Runtime.exceptionThrown", "Log.entryAdded"):
                self.complaints.append(json.dumps(answer["params"])[:600])
            elif answer["method"] == "Page.javascriptDialogOpening":
                self.dialogs += 1

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One command of the protocol; its result."""
        self._number += 1
        number = self._number
        waiting = self._waiting[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": params, "sessionId": self._session})
        async with asyncio.timeout(STEP_S):
            answer = await waiting
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error'].get('message')}")
        result: dict[str, Any] = answer["result"]
        return result

    async def ask(self, script: str) -> Any:
        """The value of an expression in the page, promises awaited."""
        done = await self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        return done["result"].get("value")

    async def until(self, script: str) -> None:
        """Wait until an expression is true. Raises TimeoutError."""
        async with asyncio.timeout(STEP_S):
            while not await self.ask(f"Boolean({script})"):
                await asyncio.sleep(0.05)

    async def look(self, width: int, height: int, *, dark: bool = False, phone: bool = False) -> None:
        """Be a window of this size."""
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.call("Emulation.setEmulatedMedia", features=[scheme])

    async def goto(self, url: str) -> None:
        """Open an address."""
        await self.call("Page.navigate", url=url)

    async def picture(self, path: Path, *, whole: bool = False) -> None:
        """What is seen, as PNG; with `whole` all of the page."""
        shot = await self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    async def close(self) -> None:
        """Stop listening."""
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)


@asynccontextmanager
async def browsing() -> AsyncIterator[Browser]:
    """A browser with one empty tab and a profile of its own. Raises OSError where it does not start."""
    import aiohttp

    program = chromium()
    if program is None:
        raise OSError("chromium is not installed")
    # Chromium puts a socket below TMPDIR, and ends at once ("Socket path too long") where that is a deep folder.
    base = tempfile.gettempdir()
    short = base if len(os.fsencode(base)) <= LONGEST_TEMPORARY else "/tmp"
    with tempfile.TemporaryDirectory(prefix="sealcast-", dir=short, ignore_cleanup_errors=True) as folder:
        process, address = await _begin(program, folder)
        assert process.stderr is not None
        drain = asyncio.ensure_future(process.stderr.read())  # a full pipe would stop it
        try:
            async with aiohttp.ClientSession() as web, web.ws_connect(address, max_msg_size=0) as socket:
                yield await _tab(socket)
        finally:
            await _end(process)
            await asyncio.gather(drain, return_exceptions=True)


async def _begin(program: str, folder: str) -> tuple[asyncio.subprocess.Process, str]:
    """-> a browser, and where it is to be driven."""
    process = await asyncio.create_subprocess_exec(
        program, *_FLAGS, f"--user-data-dir={folder}/profile", "about:blank",
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"TMPDIR": folder}, preexec_fn=die_with_parent,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        return process, await _address(process.stderr)
    except BaseException:
        await _end(process)
        raise


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()


async def _address(output: asyncio.StreamReader) -> str:
    """Where it is to be driven: it says so itself."""
    said = ""
    async with asyncio.timeout(STEP_S):
        while line := (await output.readline()).decode("utf-8", "replace"):
            if "DevTools listening on " in line:
                return line.split()[-1]
            said = line.strip() if "FATAL" not in said else said  # what follows that is the crash's own talk
    raise OSError(f"chromium ended before it was ready: {said or 'it said nothing'}")


async def _tab(socket: Any) -> Browser:
    async def ask(number: int, method: str, **params: Any) -> dict[str, Any]:
        await socket.send_json({"id": number, "method": method, "params": params})
        async with asyncio.timeout(STEP_S):
            async for said in socket:
                answer = json.loads(said.data)
                if answer.get("id") == number:
                    result: dict[str, Any] = answer["result"]
                    return result
        raise OSError("chromium ended before it had a tab")

    made = await ask(1, "Target.createTarget", url="about:blank")
    attached = await ask(2, "Target.attachToTarget", targetId=made["targetId"], flatten=True)
    browser = Browser(socket, attached["sessionId"])
    browser._number = 10
    for domain in ("Page", "Runtime", "Log"):
        await browser.call(f"{domain}.enable")
    return browser
