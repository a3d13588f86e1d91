"""`sealcast gateway`: a member that hands messages on: files, a database, Home Assistant, Prometheus, webhooks."""

import argparse
import sys
from pathlib import Path

from sealcast_host.agent.visit import visit
from sealcast_host.cli.options import add_member, channel_of
from sealcast_host.cli.render import clean
from sealcast_host.cli.signals import run
from sealcast_host.errors import UserError
from sealcast_host.gateway.config import KINDS, Wish, from_file, from_words, joined
from sealcast_host.gateway.gateway import Gateway
from sealcast_host.member.channels import ChannelFile


def arguments(p: argparse.ArgumentParser) -> None:
    p.description, p.epilog = _ABOUT, _EXAMPLES
    add_member(p)
    p.add_argument(
        "--to", action="append", default=[], metavar="OUTPUT", help="an output, KIND or KIND=VALUE; several are allowed"
    )
    p.add_argument("--config", type=Path, metavar="FILE", help="a TOML file with outputs and their options")
    p.set_defaults(run=_command)


def _command(args: argparse.Namespace) -> int:
    wishes = joined((from_file(args.config) if args.config is not None else []) + from_words(args.to))
    if not wishes:
        raise UserError("no output: give --to KIND, or --config FILE; the kinds: sealcast gateway --help")
    if sum(wish.kind == "lines" for wish in wishes) > 1:
        raise UserError("there is one standard output: name lines once")
    return gateway(channel_of(args), args.uid, wishes)


def gateway(known: ChannelFile, uid: str | None, wishes: list[Wish]) -> int:
    """Run until it is ended, or every output has finished. Raises UserError."""
    return run(_gateway(known, uid, wishes), lasting=True)


async def _gateway(known: ChannelFile, uid: str | None, wishes: list[Wish]) -> int:
    served = Gateway(known.channel, wishes, _say)
    async with visit(known, uid, served.heard, starts=True, waits=True) as session:
        _say(f'gateway of "{known.channel}": {", ".join(wish.name for wish in wishes)}; Ctrl-C ends it')
        await served.run(session)
    return 0


def _say(line: str) -> None:
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
