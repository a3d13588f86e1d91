"""`sealcast channel new | join | show | list | node`; what changes a channel that is known stands in
channelchanges.py."""

import argparse
import json
import os
import shlex
import stat
import sys
from pathlib import Path
from typing import Any

from sealcast_host.cli import channelchanges, talk
from sealcast_host.cli.channelchanges import facts, told
from sealcast_host.cli.channelchanges import where as _where
from sealcast_host.cli.options import BrokerOptions, add_broker, broker_of, channel_of
from sealcast_host.cli.render import clean
from sealcast_host.cli.secretinput import read_secret
from sealcast_host.errors import Failed, UserError
from sealcast_host.member import channels, phrases
from sealcast_host.member.privatefiles import reason, write_private
from sealcast_host.terminal import is_one


def arguments(p: argparse.ArgumentParser) -> None:
    p.description, p.epilog = _ABOUT, _EXAMPLES
    sub = p.add_subparsers(metavar="ACTION", required=True)

    p = sub.add_parser("new", help="make a channel", description=_NEW, epilog=_NEW_EXAMPLES)
    _add_own(p)
    p.add_argument("--password-stdin", action="store_true", help="use a password of your own, from standard input")
    p.add_argument("--force", action="store_true", help="accept a weak password")
    p.set_defaults(
        run=lambda args: new(
            args.channel, args.uid, broker_of(args), args.password_stdin, args.force,
            args.stretch or channels.STRETCH, args.data,
        )  # fmt: skip
    )

    p = sub.add_parser(
        "join", help="add a channel that another computer made", description=_JOIN, epilog=_JOIN_EXAMPLES
    )
    _add_own(p)
    p.add_argument("--password-stdin", action="store_true", help="read the phrase from standard input")
    p.add_argument("--as-is", action="store_true", help="a password of your own, not a phrase of words")
    p.set_defaults(
        run=lambda args: join(
            args.channel, args.uid, broker_of(args), args.password_stdin, args.as_is, args.stretch, args.data
        )
    )

    p = sub.add_parser("show", help="show a channel, without its keys")
    p.add_argument("channel", metavar="NAME")
    p.set_defaults(run=lambda args: show(args.channel))

    sub.add_parser("list", help="list the channels known here").set_defaults(run=lambda args: list_channels())

    p = sub.add_parser("node", help="write a node's sealcast.json", description=_NODE, epilog=_NODE_EXAMPLES)
    p.add_argument("channel", metavar="NAME")
    p.add_argument("--uid", required=True, help="the node's name in the channel")
    p.add_argument("--data", metavar="TEXT", help=channelchanges.DATA)
    add_broker(p)
    p.add_argument("--output", type=Path, metavar="FILE", help="write to FILE (mode 0600) instead of standard output")
    p.set_defaults(run=lambda args: node(channel_of(args), args.uid, args.output, args.data))
    channelchanges.arguments(sub)
    for p in dict.fromkeys(sub.choices.values()):
        if p.prog.split()[-1] != "node":  # that one prints JSON in any case
            talk.add_json(p)


def _add_own(p: argparse.ArgumentParser) -> None:
    p.add_argument("channel", metavar="NAME")
    p.add_argument("--uid", help="this computer's name in the channel (default: its host name)")
    p.add_argument("--data", metavar="TEXT", help=channelchanges.DATA)
    p.add_argument(
        "--stretch",
        type=int,
        choices=range(15, 21),
        help="how hard the phrase is to try: making the key of it takes 2^N KiB of memory (default: "
        f"{channels.STRETCH}, 256 MiB and about a second; phrases say it; 15 where a board must do it, and for a "
        "password of your own in a channel of version 0.1)",
        metavar="N",
    )
    add_broker(p)


_LOCAL = {"host": "127.0.0.1"}


def new(
    channel: str, uid: str | None, broker: BrokerOptions, password_stdin: bool, force: bool, stretch: int,
    data: str | None,
) -> int:  # fmt: skip
    """Make a channel with a phrase of our own, or with a password that is strong enough."""
    own = read_secret("channel password", stdin=True) if password_stdin else None
    if own is not None:
        bits = phrases.estimate_bits(own)
        if bits < phrases.MIN_BITS and not force:
            raise UserError(
                f"this password is worth {bits:.0f} bits at most, and {phrases.MIN_BITS} are needed: whoever stores "
                "the channel's notes"
                " can guess it offline; leave out --password-stdin to get a strong phrase, or insist with --force"
            )
    password = own if own is not None else phrases.new_phrase(stretch)
    shown = False

    def show(known: channels.ChannelFile) -> None:
        nonlocal shown
        try:
            _show_new(known, None if own is not None else password, stretch)
        except OSError as e:
            raise Failed(f"the channel is not made: what is shown this once cannot be written: {reason(e)}") from None
        shown = True

    try:
        channels.create(channel, password, broker.over(_LOCAL), uid, stretch=stretch, data=data, show=show)
    except UserError as e:
        raise type(e)(f"{e}; what is shown above is void" if shown else str(e)) from None
    return 0


def _show_new(known: channels.ChannelFile, phrase: str | None, stretch: int) -> None:
    """phrase: of ours; None for a password of the user's own."""
    lines = [f"channel   {clean(known.channel)}"]
    if phrase is not None:
        lines.append(f"phrase    {phrase}")
        lines.append("          Write it down now: it is shown this once, and whoever joins needs it.")
    if phrase is None or stretch != channels.STRETCH:
        lines.append(f"stretch   {stretch}{_needed(stretch)}")
    lines.append(f"kept in   {channels.path_of(known.channel)} (mode 0600: key, admin key, broker)")
    lines.append(f"broker    {_where(known.broker)}")
    lines.append(f"next      sealcast listen {clean(shlex.quote(known.channel))}")
    told({"phrase": phrase} if phrase is not None else {}, known, *lines)


def _needed(stretch: int | None) -> str:
    return "" if stretch == channels.STRETCH else f" (to join by the password: --stretch {stretch})"


def join(
    channel: str,
    uid: str | None,
    broker: BrokerOptions,
    password_stdin: bool,
    as_is: bool = False,
    stretch: int | None = None,
    data: str | None = None,
) -> int:
    """Store a channel that another computer made; its admin key stays there. as_is: a password of one's own, not to be
    looked at as a phrase."""
    password = read_secret("channel phrase", stdin=password_stdin)
    password, stretch = (
        (password, stretch or channels.STRETCH) if as_is else phrases.read_phrase(password, stretch)
    )
    known = channels.create(channel, password, broker.over(_LOCAL), uid, admin=False, stretch=stretch, data=data)
    told(
        {},
        known,
        f"channel   {clean(channel)}, kept in {channels.path_of(channel)} (mode 0600)",
        f"broker    {_where(known.broker)}",
        f"next      sealcast listen {clean(shlex.quote(channel))}   (with another phrase it is a different channel: "
        "nobody is there)",
    )
    return 0


def show(channel: str) -> int:
    """Everything about a channel but its secrets."""
    known = channels.load(channel)
    told(
        {},
        known,
        f"channel   {clean(known.channel)}" + (f" (here: {clean(known.name)})" if known.alias else ""),
        f"uid       {clean(known.uid)} (this computer's name in it)",
        f"broker    {_where(known.broker)}",
        f"admin     {'this computer' if known.admin_secret else 'another computer, or none'}",
        *([f"data      {clean(known.data)}"] if known.data else ()),
        *([f"group     {clean(known.group_name)} (on this computer)"] if known.group_name else ()),
        *([f"stretch   {known.stretch}{_needed(known.stretch)}"] if known.stretch else ()),
        f"roster    {', '.join(map(clean, sorted(known.roster))) or 'empty: members are pinned when first seen'}",
        f"kept in   {channels.path_of(channel)}",
    )
    return 0


def list_channels() -> int:
    """On a terminal with what they are; elsewhere each name is a line."""
    names = channels.known_channels()
    rows: list[tuple[dict[str, Any], tuple[str, ...]]] = []
    for name in names:
        try:
            known = channels.load(name)
        except UserError as e:  # it is there all the same
            rows.append(({"channel": name, "trouble": str(e)}, (clean(name), "", str(e))))
        else:
            rows.append((facts(known), (clean(name), clean(known.uid), _where(known.broker))))
    if not talk.as_json() and not is_one(sys.stdout):
        rows = [(fields, cells[:1]) for fields, cells in rows]
    talk.table("channel", ("channel", "as", "broker"), rows, ("bold",))
    if not names:
        talk.note("no channel yet: make one with: sealcast channel new NAME")
    return 0


def node(known: channels.ChannelFile, uid: str, output: Path | None, data: str | None = None) -> int:
    """Write a node's sealcast.json to `output` or to standard output; only the owner may read it."""
    if uid == known.uid:
        raise UserError("--uid is this computer's own name in the channel: every member needs a name of its own")
    channels.raise_if_no_board(known.broker)
    settings = known.settings(uid) | ({"data": data} if data is not None else {})
    channels.raise_wrong_settings(settings, "node")
    text = json.dumps(settings, indent=2, ensure_ascii=False) + "\n"
    if output is not None:
        write_private(output, text, replace=False)
        print(f"{output} written: put it on the node as sealcast.json, then delete it here")
        return 0
    if sys.stdout.isatty():
        raise UserError("this holds the channel's key: send it to a file (> sealcast.json) or use --output FILE")
    if hasattr(os, "fchmod") and stat.S_ISREG(os.fstat(sys.stdout.fileno()).st_mode):
        os.fchmod(sys.stdout.fileno(), 0o600)
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as e:
        raise Failed(f"cannot write the settings to standard output: {reason(e)}") from None
    return 0


_ABOUT = """\
A channel is a group's secret meeting place at the broker. Who knows its word phrase (or the key made from it) is in."""
_EXAMPLES = """\
examples:
  sealcast channel new greenhouse                                  make it; note the phrase down
  sealcast channel join greenhouse                                 on a second computer: asks for the phrase
  sealcast channel node greenhouse --uid bench-1 > sealcast.json   settings for a board
  sealcast channel list
"""
_NEW = """\
Make a channel. Its word phrase is printed once and kept nowhere: whoever joins needs it. The key made from it is kept
in this user's configuration directory (mode 0600), with the channel's admin key, which stays on this computer. A
channel has room for 32 members, boards and computers together."""
_NEW_EXAMPLES = """\
examples:
  sealcast channel new greenhouse
  sealcast channel new greenhouse --broker 192.168.1.10 --broker-user farm
  sealcast channel new greenhouse --password-stdin < my-phrase      refused when it is easy to guess
"""
_JOIN = """Add a channel that was made on another computer. Asks for its word phrase."""
_JOIN_EXAMPLES = """\
examples:
  sealcast channel join greenhouse --broker 192.168.1.10
  sealcast channel join greenhouse --password-stdin < phrase
"""
_NODE = """\
Write the settings of one node: its name, the channel's key (so that the board need not do the slow derivation), the
broker. Whoever has this file is in the channel: it is written with mode 0600; put it on the board and delete it."""
_NODE_EXAMPLES = """\
examples:
  sealcast channel node greenhouse --uid bench-1 > sealcast.json
  sealcast channel node greenhouse --uid bench-1 --broker 192.168.1.10 --output bench-1.json
"""
