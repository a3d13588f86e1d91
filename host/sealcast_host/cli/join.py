"""`sealcast join`: the channel of an invitation, in one command."""

import argparse
import shlex

from sealcast_host.cli.options import BrokerOptions, add_broker, broker_of
from sealcast_host.cli.render import clean
from sealcast_host.cli.secretinput import BROKER_ENV, read_secret
from sealcast_host.member import channels, invites


def arguments(p: argparse.ArgumentParser) -> None:
    p.description, p.epilog = _ABOUT, _EXAMPLES
    p.add_argument("url", metavar="URL", nargs="?", help="the invitation (default: asked for; - reads standard input)")
    p.add_argument("--uid", help="this computer's name in the channel (default: its host name)")
    add_broker(p)
    p.set_defaults(run=lambda args: join(args.url, args.uid, broker_of(args)))


def join(url: str | None, uid: str | None, broker: BrokerOptions) -> int:
    """Add the channel of an invitation; a channel that is known already is left as it is."""
    if url is None or url == "-":
        url = read_secret("invitation", stdin=url == "-", piped="- in its place reads it from there")
    known = invites.read(url.strip(), channels.default_uid())
    known.uid = known.uid if uid is None else uid
    known.broker = broker.over(known.broker)
    if known.broker.get("username") and not known.broker.get("password"):
        known.broker["password"] = read_secret("broker password", env=BROKER_ENV)
    path = channels.store(known, replace=False)
    name = clean(shlex.quote(known.channel))
    print(f"channel   {clean(known.channel)}, kept in {path} (mode 0600)")
    print(f"next      sealcast listen {name}   (sealcast doctor {name}, if nothing comes)")
    return 0


_ABOUT = """\
Add the channel of an invitation. A channel of the same name that is here already is never replaced."""
_EXAMPLES = """\
examples:
  sealcast join                     asks for the invitation, which then stands in no history
  sealcast join 'sealcast://192.168.1.10/greenhouse?key=...&sum=...'
"""
