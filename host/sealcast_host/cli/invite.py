"""`sealcast invite`: another computer comes in by a line of text or a picture."""

import argparse
import sys

from sealcast_host.cli import talk
from sealcast_host.cli.options import add_broker, channel_of
from sealcast_host.errors import UserError
from sealcast_host.member import invites, places
from sealcast_host.member.channels import ChannelFile


def arguments(p: argparse.ArgumentParser) -> None:
    p.description, p.epilog = _ABOUT, _EXAMPLES
    p.add_argument("channel", metavar="CHANNEL")
    p.add_argument("--no-qr", action="store_true", help="the text alone")
    add_broker(p)
    p.set_defaults(run=lambda args: invite(channel_of(args), not args.no_qr))


def invite(known: ChannelFile, qr: bool) -> int:
    """Show the invitation, with a warning, as a URL and as a picture."""
    if invites.only_here(known.broker["host"]):
        raise UserError(
            "the channel's broker is known as an address of this computer only: add --broker with one that others "
            "can reach"
        )
    url = invites.make(known)
    if word := places.few(len(places.taken(known))):
        talk.note(word)
    print(
        "Whoever sees this is in the channel and can read its notes, now and later: show it to nobody else.",
        file=sys.stderr,
    )
    if qr and sys.stdout.isatty():
        import segno

        segno.make(url, error="m", micro=False).terminal(compact=True)
    print(url, flush=True)
    password = "; the broker's password is asked for as well" if known.broker.get("username") else ""
    print(f"on the other computer: sealcast join   (and paste it{password})", file=sys.stderr)
    return 0


_ABOUT = """\
Show what another computer needs to be in a channel, as a line of text and as a QR code. Whoever sees it is in."""
_EXAMPLES = """\
examples:
  sealcast invite greenhouse --broker 192.168.1.10
  sealcast invite greenhouse --no-qr | ssh pi sealcast join -
"""
