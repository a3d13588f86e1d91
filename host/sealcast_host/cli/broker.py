"""`sealcast broker`: mosquitto where it is installed, with a private configuration of ours, else the embedded broker;
until Ctrl-C or SIGTERM."""

import argparse
import asyncio
import ipaddress
from pathlib import Path

from sealcast_host.broker import mosquitto
from sealcast_host.cli.arguments import whole
from sealcast_host.cli.secretinput import BROKER_ENV, read_secret
from sealcast_host.cli.signals import on_stop
from sealcast_host.errors import UserError


def arguments(p: argparse.ArgumentParser) -> None:
    p.description, p.epilog = _ABOUT, _EXAMPLES
    p.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: %(default)s, this computer only)"
    )
    p.add_argument(
        "--port",
        type=whole(0, 65535),
        default=1883,
        help="port to listen on (default: %(default)s; 0 takes a free one)",
    )
    p.add_argument(
        "--persist", type=Path, metavar="DIR", help="keep retained messages here, so that a restart loses nothing"
    )
    p.add_argument(
        "--user",
        metavar="NAME",
        help="let only this user in; the password comes from SEALCAST_BROKER_PASSWORD or a prompt",
    )
    p.add_argument(
        "--password-file", type=Path, metavar="FILE", help="read that password from the first line of FILE (mode 0600)"
    )
    p.add_argument(
        "--with",
        dest="program",
        choices=("mosquitto", "embedded"),
        help="which broker (default: mosquitto where it is installed, else the embedded one, made for a try)",
    )
    p.add_argument("--open", action="store_true", help="listen to others without a user name and password")
    p.set_defaults(
        run=lambda args: broker(
            args.host, args.port, args.persist, args.user, args.password_file, args.open, args.program
        )
    )


def broker(
    host: str,
    port: int,
    persist: Path | None,
    user: str | None,
    password_file: Path | None,
    open_to_all: bool,
    program: str | None = None,
) -> int:
    """Run the broker. Raises UserError before it listens when the options do not fit together."""
    if password_file is not None and user is None:
        raise UserError("--password-file needs --user NAME as well")
    if user is None and not open_to_all and not is_loopback(host):
        raise UserError(
            f"{host} can be reached by others: add --user NAME (it asks for a password), or --open to let anybody use "
            "this broker"
        )
    credentials = None
    if user is not None:
        if not user or len(user.encode()) > 256:
            raise UserError("--user must be 1 to 256 bytes long")
        credentials = (user, read_secret("broker password", file=password_file, env=BROKER_ENV, confirm=True))
    found = mosquitto.find() if program != "embedded" else None
    if program == "mosquitto" and found is None:
        raise UserError("mosquitto is not installed: install it, or leave --with out")
    if found is not None and port and not (persist is not None and mosquitto.has_ours(persist)):
        return mosquitto.run(found, mosquitto.Wishes(host, port, persist, credentials), _listening)
    asyncio.run(_serve(host, port, persist, credentials))
    return 0


def _listening(host: str, port: int, persist: Path | None, user: str | None, what: str) -> None:
    who = f"for user {user}" if user else "for anybody who can reach it"
    kept = (
        f"retained messages in {persist}"
        if persist
        else "retained messages in memory only (keep them with --persist DIR)"
    )
    print(f"sealcast broker: listening on {host} port {port} ({what}), {who}; {kept}", flush=True)


def is_loopback(host: str) -> bool:
    """True when only this computer can reach `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


async def _serve(host: str, port: int, persist: Path | None, credentials: tuple[str, str] | None) -> None:
    from sealcast_host.broker.server import running_broker

    stop = asyncio.Event()
    on_stop(stop.set)
    async with running_broker(host, port, credentials=credentials, persist=persist) as running:
        _listening(host, running.port, persist, credentials[0] if credentials else None, "embedded")
        await stop.wait()
    print("sealcast broker: stopped", flush=True)


_ABOUT = """\
Run an MQTT 3.1.1 broker. Any other broker (mosquitto, NATS, a hosted one) does as well: none of them can read
what it carries. Stop it with Ctrl-C."""
_EXAMPLES = """\
examples:
  sealcast broker                                        for this computer only
  sealcast broker --persist ~/broker                     history survives a restart
  sealcast broker --host 0.0.0.0 --user farm             for the whole network; asks for a password
  sealcast broker --host 0.0.0.0 --user farm --password-file /etc/sealcast/broker.password
"""
