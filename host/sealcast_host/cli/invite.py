"""`sealcast invite` and `sealcast join`: another computer comes in by a line of text or a picture."""

import shlex
import sys

import segno

from sealcast_host.cli.brokeroptions import PASSWORD_ENV, BrokerOptions
from sealcast_host.cli.secretinput import read_secret
from sealcast_host.errors import UserError
from sealcast_host.member import channels, invites


def invite(channel: str, broker: BrokerOptions, qr: bool) -> int:
    """Show the invitation, with a warning, as a URL and as a picture."""
    known = channels.load(channel)
    known.broker = broker.over(known.broker)
    if invites.only_here(known.broker["host"]):
        raise UserError("the channel's broker is known as an address of this computer only: add --broker with one that others can reach")
    url = invites.make(known)
    print("Whoever sees this is in the channel and can read its notes, now and later: show it to nobody else.", file=sys.stderr)
    if qr and sys.stdout.isatty():
        segno.make(url, error="m", micro=False).terminal(compact=True)
    print(url)
    password = "; the broker's password is asked for as well" if known.broker.get("username") else ""
    print(f"on the other computer: sealcast join   (and paste it{password})", file=sys.stderr)
    return 0


def join(url: str | None, uid: str | None, broker: BrokerOptions) -> int:
    """Add the channel of an invitation; a channel that is known already is left as it is."""
    if url is None or url == "-":
        url = read_secret("invitation", stdin=url == "-")
    known = invites.read(url.strip(), uid or channels.default_uid())
    known.broker = broker.over(known.broker)
    if known.broker.get("username") and not known.broker.get("password"):
        known.broker["password"] = read_secret("broker password", env=PASSWORD_ENV)
    path = channels.store(known, replace=False)
    name = shlex.quote(known.channel)
    print(f"channel   {known.channel}, kept in {path} (mode 0600)")
    print(f"next      sealcast listen {name}   (sealcast doctor {name}, if nothing comes)")
    return 0
