"""`sealcast broker`: the embedded broker as a program, until Ctrl-C or SIGTERM."""

import asyncio
import ipaddress
import signal
from pathlib import Path

from sealcast_host.broker.server import running_broker
from sealcast_host.cli.brokeroptions import PASSWORD_ENV
from sealcast_host.cli.secretinput import read_secret
from sealcast_host.errors import UserError


def broker(host: str, port: int, persist: Path | None, user: str | None, password_file: Path | None, open_to_all: bool) -> int:
    """Run the broker. Raises UserError before it listens when the options do not fit together."""
    if password_file is not None and user is None:
        raise UserError("--password-file needs --user NAME as well")
    if user is None and not open_to_all and not is_loopback(host):
        raise UserError(
            f"{host} can be reached by others: add --user NAME (it asks for a password), or --open to let anybody use this broker"
        )
    credentials = None
    if user is not None:
        if not user or len(user.encode()) > 256:
            raise UserError("--user must be 1 to 256 bytes long")
        credentials = (user, read_secret("broker password", file=password_file, env=PASSWORD_ENV, confirm=True))
    asyncio.run(_serve(host, port, persist, credentials))
    return 0


def is_loopback(host: str) -> bool:
    """True when only this computer can reach `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


async def _serve(host: str, port: int, persist: Path | None, credentials: tuple[str, str] | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(signum, stop.set)
    async with running_broker(host, port, credentials=credentials, persist=persist) as running:
        who = f"for user {credentials[0]}" if credentials else "for anybody who can reach it"
        kept = f"retained messages in {persist}" if persist else "retained messages in memory only (keep them with --persist DIR)"
        print(f"sealcast broker: listening on {host} port {running.port}, {who}; {kept}", flush=True)
        await stop.wait()
    print("sealcast broker: stopped", flush=True)
