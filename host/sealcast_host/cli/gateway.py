"""`sealcast gateway`: a member that hands messages on: files, a database, Home Assistant, Prometheus, webhooks."""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
import time
from pathlib import Path

from sealcast_host.agent import start
from sealcast_host.agent.visit import visit
from sealcast_host.cli.options import add_member, channel_of
from sealcast_host.cli.render import clean
from sealcast_host.cli.signals import run
from sealcast_host.errors import UserError
from sealcast_host.gateway.config import KINDS, Wish, from_file, from_words, joined
from sealcast_host.gateway.gateway import Gateway
from sealcast_host.member import channels
from sealcast_host.member.channels import ChannelFile

PAGE_S, POLL_S = 20.0, 0.1  # for the page to say where it is


def arguments(p: argparse.ArgumentParser) -> None:
    p.description, p.epilog = _ABOUT, _EXAMPLES
    add_member(p)
    p.add_argument(
        "--to", action="append", default=[], metavar="OUTPUT", help="an output, KIND or KIND=VALUE; several are allowed"
    )
    p.add_argument("--config", type=Path, metavar="FILE", help="a TOML file with outputs and their options")
    where = p.add_mutually_exclusive_group()
    where.add_argument("--detach", action="store_true", help="the agent runs it from now on, each later one too")
    where.add_argument("--stop", action="store_true", help="end the one that the agent runs for this channel")
    where.add_argument("--by-agent", action="store_true", help=argparse.SUPPRESS)  # as the agent starts it
    p.set_defaults(run=_command, appended=True)


def _command(args: argparse.Namespace) -> int:
    if args.stop:
        return stop(args.channel)
    wishes = joined((from_file(args.config) if args.config is not None else []) + from_words(args.to))
    if not wishes:
        raise UserError("no output: give --to KIND, or --config FILE; the kinds: sealcast gateway --help")
    if sum(wish.kind == "lines" for wish in wishes) > 1:
        raise UserError("there is one standard output: name lines once")
    if sum(wish.kind == "web" for wish in wishes) > 1:  # all would show the last one's messages
        raise UserError("a gateway has one page: name web once")
    if args.detach:
        return detach(channel_of(args), args, wishes)
    return gateway(channel_of(args), args.uid, wishes, args.by_agent)


def detach(known: ChannelFile, args: argparse.Namespace, wishes: list[Wish]) -> int:
    """Have the agent run it; one is started if need be. Raises UserError, Failed when it does not begin."""
    Gateway(known.channel, wishes, _say)  # says what is wrong with the options before anything is started
    if known.broker != channels.load(known.name).broker:
        raise UserError("with --detach the broker is the channel's own: change it with sealcast channel set")
    if any(wish.kind == "lines" for wish in wishes):
        raise UserError("lines is for a program that reads this command's output: run it without --detach")
    try:
        folder = os.getcwd()
    except FileNotFoundError:
        raise UserError("the folder that you are in is gone: cd to one that is there") from None
    words = [f"--to={word}" for word in args.to]
    words += [f"--uid={args.uid}"] if args.uid is not None else []
    words += [f"--config={args.config.absolute()}"] if args.config is not None else []
    start.staying()
    said = start.ask("gateway", channel=known.name, words=words, folder=folder)
    pages = tuple(f"{word}:" for wish in wishes if wish.kind == "web" for word in ("web", wish.name))
    deadline = time.monotonic() + PAGE_S
    while pages and not any(line.startswith(pages) for line in said) and time.monotonic() < deadline:
        time.sleep(POLL_S)
        said = next((g["said"] for g in start.ask("agent")["gateways"] if g["channel"] == known.name), said)
    for line in [*said, f"the agent runs it; sealcast gateway {known.name} --stop ends it"]:
        _say(line)
    return 0


def stop(channel: str) -> int:
    """Raises NoAgent, UserError when the agent runs none for this channel."""
    if not start.ask("gateway", channel=channel, words=None):
        raise UserError(f'the agent runs no gateway for "{channel}": sealcast agent --status shows those that it runs')
    _say(f'the gateway of "{channel}" has ended')
    return 0


def gateway(known: ChannelFile, uid: str | None, wishes: list[Wish], by_agent: bool) -> int:
    """Run until it is ended, or every output has finished; 1 when it ends with what it has not handed on. by_agent:
    until standard input ends. Raises UserError."""
    served = Gateway(known.channel, wishes, _say)
    code = run(_gateway(known, uid, served, by_agent), lasting=True)
    return code or int(served.left > 0)


async def _gateway(known: ChannelFile, uid: str | None, served: Gateway, by_agent: bool) -> int:
    if by_agent:
        _end_with_the_agent()
    async with visit(known, uid, served.heard, starts=not by_agent, waits=True) as session:
        how = "" if by_agent else "; Ctrl-C ends it"
        _say(f'gateway of "{known.channel}": {", ".join(runner.name for runner in served.runners)}{how}')
        await served.run(session)
    return 0


def _end_with_the_agent() -> None:
    """Nothing is ever written to our standard input: it ends, however the agent does."""
    loop = asyncio.get_running_loop()

    def ended() -> None:
        loop.remove_reader(sys.stdin)
        signal.raise_signal(signal.SIGTERM)

    loop.add_reader(sys.stdin, ended)


def _say(line: str) -> None:
    with contextlib.suppress(OSError):  # nobody hears it: no output stops for that
        print("sealcast: " + clean(line), file=sys.stderr, flush=True)


_ABOUT = """\
Take part in a channel, and hand every message on. An output that fails is said and tried again; the others go on."""
_OUTPUTS = "".join(f"  {kind:14} {what}\n" for kind, what in KINDS.items())
_EXAMPLES = f"""\
outputs:
{_OUTPUTS}
examples:
  sealcast gateway greenhouse --to csv=readings.csv --to sqlite=readings.db
  sealcast gateway greenhouse --to homeassistant=mqtt://127.0.0.1:1883 --to prometheus
  sealcast gateway greenhouse --to webhook=https://example.org/hook
  sealcast gateway greenhouse --to lines | jq .text
  sealcast gateway greenhouse --to web --to sqlite=readings.db       a page with plots; it says where
  sealcast gateway greenhouse --config gateway.toml
  sealcast gateway greenhouse --to web --detach      the agent runs it; sealcast agent --status shows what it says
  sealcast gateway greenhouse --stop

gateway.toml:
  [output.csv]
  path = "readings.csv"
  senders = ["bench-1"]          # for every output: senders, secrecy, history, events
  [output.homeassistant]
  broker = "mqtt://ha@192.168.1.5"
  password_file = "ha-password"
  [[output.homeassistant.command]]
  member = "roof"
  kind = "switch"                # switch, number, button
  name = "Roof"
  on = "open"
  off = "close"
"""
