"""Which channel, as which member, over which broker: the options that most commands share, and what they come to."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sealcast_host.cli.secretinput import BROKER_ENV, read_secret
from sealcast_host.errors import UserError
from sealcast_host.member import channels
from sealcast_host.member.address import read_place


def add_member(p: argparse.ArgumentParser) -> None:
    """The channel and this member's name in it, and the broker."""
    p.add_argument("channel", metavar="NAME", help="the channel")
    p.add_argument("--uid", help="take part under this name (default: the one of `channel new`)")
    add_broker(p)


def add_broker(p: argparse.ArgumentParser) -> None:
    """Where the broker is."""
    g = p.add_argument_group("broker", "where the channel's broker is; kept by `channel new`, which others then use")
    urls = "or mqtt://, mqtts://, ws://, wss://HOST[:PORT][/PATH] (default: 127.0.0.1:1883)"
    g.add_argument("--broker", metavar="HOST[:PORT]|URL", help=urls)
    g.add_argument("--broker-user", metavar="NAME", help="its password comes from SEALCAST_BROKER_PASSWORD or a prompt")
    g.add_argument(
        "--broker-password-file", type=Path, metavar="FILE", help="or from the first line of FILE (mode 0600)"
    )
    g.add_argument("--tls", action="store_true", help="encrypt the connection (default port: 8883)")
    g.add_argument("--no-tls", action="store_true", help="do not encrypt it, whatever the channel's file says")
    g.add_argument("--ca", type=Path, metavar="FILE", help="the authority's certificate (default: those of the system)")


def broker_of(args: argparse.Namespace) -> "BrokerOptions":
    """What add_broker's options were given as."""
    return BrokerOptions(args.broker, args.broker_user, args.broker_password_file, args.tls, args.ca, args.no_tls)


def channel_of(args: argparse.Namespace) -> channels.ChannelFile:
    """The channel that was named, with the broker's options in place of what its file says. Raises UserError."""
    known = channels.load(args.channel)
    known.broker = broker_of(args).over(known.broker)
    return known


@dataclass(frozen=True)
class BrokerOptions:
    """The options as they were given; None or False where they were not."""

    broker: str | None = None
    user: str | None = None
    password_file: Path | None = None
    tls: bool = False
    ca: Path | None = None
    no_tls: bool = False

    def over(self, known: dict[str, Any]) -> dict[str, Any]:
        """`known` (from the channel's file) with these options in its place. Raises UserError."""
        out = dict(known)
        if self.broker is not None:
            place = read_place(self.broker)
            if place["host"] != out.get("host"):  # another broker: its credentials must not be sent to this one
                out = {}
            if not place.get("tls", True):
                out.pop("ca", None)
            out = {k: v for k, v in out.items() if k not in ("port", "path")} | place
            if out.get("tls") is False:
                del out["tls"]
        if self.no_tls:
            if self.tls or self.ca is not None:
                raise UserError("--no-tls and --tls (or --ca) exclude each other")
            out = {k: v for k, v in out.items() if k not in ("tls", "ca")}
        if self.tls or self.ca is not None:
            out["tls"] = True
        if self.ca is not None:
            if not self.ca.is_file():
                raise UserError(f"no such file: {self.ca}; --ca names the authority's certificate")
            out["ca"] = str(self.ca.absolute())
        if self.password_file is not None and self.user is None and not out.get("username"):
            raise UserError("--broker-password-file needs --broker-user NAME as well")
        if self.user is not None:
            out["username"] = self.user
        if self.user is not None or self.password_file is not None:
            out["password"] = read_secret("broker password", file=self.password_file, env=BROKER_ENV)
        return out
