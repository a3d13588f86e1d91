"""`sealcast channel new | join | show | list | node`."""

import json
import os
import shlex
import stat
import sys
from pathlib import Path

from sealcast_host.cli.brokeroptions import BrokerOptions
from sealcast_host.cli.secretinput import read_secret
from sealcast_host.errors import UserError
from sealcast_host.member import channels
from sealcast_host.member import phrases as words
from sealcast_host.member.privatefiles import write_private

_LOCAL = {"host": "127.0.0.1"}


def new(channel: str, uid: str | None, broker: BrokerOptions, password_stdin: bool, force: bool) -> int:
    """Make a channel with a phrase of our own, or with a password that is strong enough."""
    own = read_secret("channel password", stdin=True) if password_stdin else None
    if own is not None:
        bits = words.estimate_bits(own)
        if bits < words.MIN_BITS and not force:
            raise UserError(
                f"this password is worth {bits:.0f} bits at most, and {words.MIN_BITS} are needed: whoever stores the channel's notes"
                " can guess it offline; leave out --password-stdin to get a strong phrase, or insist with --force"
            )
    password = own if own is not None else words.new_phrase()
    known = channels.create(channel, password, broker.over(_LOCAL), uid)
    print(f"channel   {channel}")
    if own is None:
        print(f"phrase    {password}")
        print("          Write it down now: it is shown this once, and whoever joins needs it.")
    print(f"kept in   {channels.path_of(channel)} (mode 0600: key, admin key, broker)")
    print(f"broker    {_where(known.broker)}")
    print(f"next      sealcast listen {_quoted(channel)}")
    return 0


def join(channel: str, uid: str | None, broker: BrokerOptions, password_stdin: bool) -> int:
    """Store a channel that another computer made; its admin key stays there."""
    password = read_secret("channel phrase", stdin=password_stdin)
    known = channels.create(channel, password, broker.over(_LOCAL), uid, admin=False)
    print(f"channel   {channel}, kept in {channels.path_of(channel)} (mode 0600)")
    print(f"broker    {_where(known.broker)}")
    print(f"next      sealcast listen {_quoted(channel)}   (a mistyped phrase is a different channel: nobody is there)")
    return 0


def show(channel: str) -> int:
    """Everything about a channel but its secrets."""
    known = channels.load(channel)
    print(f"channel   {known.channel}")
    print(f"uid       {known.uid} (this computer's name in it)")
    print(f"broker    {_where(known.broker)}")
    print(f"admin     {'this computer' if known.admin_secret else 'another computer, or none'}")
    print(f"roster    {', '.join(sorted(known.roster)) if known.roster else 'empty: members are pinned when first seen'}")
    print(f"kept in   {channels.path_of(channel)}")
    return 0


def list_channels() -> int:
    names = channels.known_channels()
    for name in names:
        print("".join(c if c.isprintable() else "?" for c in name))
    if not names:
        print("no channel yet: make one with: sealcast channel new NAME", file=sys.stderr)
    return 0


def node(channel: str, uid: str, broker: BrokerOptions, output: Path | None) -> int:
    """Write a node's sealcast.json to `output` or to standard output; only the owner may read it."""
    known = channels.load(channel)
    if uid == known.uid:
        raise UserError("--uid is this computer's own name in the channel: every member needs a name of its own")
    known.broker = broker.over(known.broker)
    settings = known.settings(uid)
    channels.raise_wrong_settings(settings, "node")
    text = json.dumps(settings, indent=2, ensure_ascii=False) + "\n"
    if output is not None:
        write_private(output, text, replace=False)
        print(f"{output} written: put it on the node as sealcast.json, then delete it here")
        return 0
    if sys.stdout.isatty():
        raise UserError("this holds the channel's key: send it to a file (> sealcast.json) or use --output FILE")
    if stat.S_ISREG(os.fstat(sys.stdout.fileno()).st_mode):
        os.fchmod(sys.stdout.fileno(), 0o600)
    sys.stdout.write(text)
    return 0


def _where(broker: dict[str, object]) -> str:
    port = broker.get("port") or (8883 if broker.get("tls") else 1883)
    user = f", user {broker['username']}" if broker.get("username") else ""
    return f"{broker['host']} port {port}{', TLS' if broker.get('tls') else ''}{user}"


def _quoted(text: str) -> str:
    return shlex.quote(text)
