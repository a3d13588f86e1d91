"""The command `sealcast`: every argument is parsed here; what a command does stands in its own module.

Exit codes: 0 done, 1 it ran and failed, 2 bad input (one line on standard error that says what to do), 130 Ctrl-C.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from sealcast_host import __version__
from sealcast_host.cli import boardcli, groupcli
from sealcast_host.cli import hil as hilcli
from sealcast_host.cli.arguments import seconds, whole
from sealcast_host.errors import UserError

OK, FAILED, INTERRUPTED = 0, 1, 130


class _Parser(argparse.ArgumentParser):
    """Argparse, but an error is one line and names the help that explains it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **kwargs)

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; see: {self.prog} --help")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    try:
        args = _parser().parse_args(argv)
        run: Callable[[argparse.Namespace], int] = args.run
        code = run(args)
        sys.stdout.flush()
        return code
    except UserError as e:
        _complain(str(e))
        return e.code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away (`sealcast listen NAME | head`): nothing is wrong.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except Exception as e:
        if os.environ.get("SEALCAST_DEBUG"):
            raise
        # The text of an unforeseen error could hold anything, a key too: only its kind is shown.
        _complain(f"internal error ({type(e).__name__}); run again with SEALCAST_DEBUG=1 to see where, and report it")
        return FAILED


def _complain(text: str) -> None:
    line = " ".join(text.split())
    print("sealcast: " + "".join(c if c.isprintable() else "?" for c in line), file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="sealcast", description=_TOP, epilog=_TOP_EXAMPLES)
    parser.add_argument("--version", action="version", version=f"sealcast {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_broker(commands)
    _add_channel(commands)
    _add_listen(commands)
    _add_send(commands)
    _add_chat(commands)
    _add_bridge(commands)
    boardcli.add(commands, _add_broker_options, _broker_options)
    hilcli.add(commands, _add_broker_options, _broker_options)
    groupcli.add(commands, _add_member_options, _broker_options)
    return parser


def _add_broker(commands: Any) -> None:
    p = commands.add_parser("broker", help="run an MQTT broker here", description=_BROKER, epilog=_BROKER_EXAMPLES)
    p.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s, this computer only)")
    p.add_argument("--port", type=whole(0, 65535), default=1883, help="port to listen on (default: %(default)s; 0 takes a free one)")
    p.add_argument("--persist", type=Path, metavar="DIR", help="keep retained messages here, so that a restart loses nothing")
    p.add_argument("--user", metavar="NAME", help="let only this user in; the password comes from SEALCAST_BROKER_PASSWORD or a prompt")
    p.add_argument("--password-file", type=Path, metavar="FILE", help="read that password from the first line of FILE (mode 0600)")
    p.add_argument("--open", action="store_true", help="listen to others without a user name and password")
    p.set_defaults(run=_run_broker)


def _add_channel(commands: Any) -> None:
    channel = commands.add_parser("channel", help="make and show channels, provision nodes", description=_CHANNEL, epilog=_CHANNEL_EXAMPLES)
    sub = channel.add_subparsers(metavar="ACTION", required=True)

    new = sub.add_parser("new", help="make a channel", description=_NEW, epilog=_NEW_EXAMPLES)
    new.add_argument("channel", metavar="NAME")
    new.add_argument("--uid", help="this computer's name in the channel (default: its host name)")
    _add_broker_options(new)
    new.add_argument("--password-stdin", action="store_true", help="use a password of your own, from standard input")
    new.add_argument("--force", action="store_true", help="accept a weak password")
    new.set_defaults(run=_run_channel_new)

    join = sub.add_parser("join", help="add a channel that another computer made", description=_JOIN, epilog=_JOIN_EXAMPLES)
    join.add_argument("channel", metavar="NAME")
    join.add_argument("--uid", help="this computer's name in the channel (default: its host name)")
    _add_broker_options(join)
    join.add_argument("--password-stdin", action="store_true", help="read the phrase from standard input")
    join.set_defaults(run=_run_channel_join)

    show = sub.add_parser("show", help="show a channel, without its keys")
    show.add_argument("channel", metavar="NAME")
    show.set_defaults(run=_run_channel_show)

    sub.add_parser("list", help="list the channels known here").set_defaults(run=_run_channel_list)

    node = sub.add_parser("node", help="write a node's sealcast.json", description=_NODE, epilog=_NODE_EXAMPLES)
    node.add_argument("channel", metavar="NAME")
    node.add_argument("--uid", required=True, help="the node's name in the channel")
    _add_broker_options(node)
    node.add_argument("--output", type=Path, metavar="FILE", help="write to FILE (mode 0600) instead of standard output")
    node.set_defaults(run=_run_channel_node)


def _add_listen(commands: Any) -> None:
    p = commands.add_parser("listen", help="print what arrives", description=_LISTEN, epilog=_LISTEN_EXAMPLES)
    _add_member_options(p)
    p.add_argument("--json", action="store_true", help="one JSON object a line")
    p.add_argument("--count", type=whole(1), metavar="N", help="stop after N messages")
    p.set_defaults(run=_run_listen)


def _add_send(commands: Any) -> None:
    p = commands.add_parser("send", help="send one message, or each line of standard input", description=_SEND, epilog=_SEND_EXAMPLES)
    _add_member_options(p)
    p.add_argument("text", metavar="TEXT", help="the message; - sends each line of standard input")
    p.add_argument(
        "--mode",
        choices=("auto", "note", "conversation", "ratchet"),
        default="auto",
        help="auto takes the strongest that is available (default)",
    )
    p.add_argument("--to", metavar="UID", help="to this member of the group alone; nobody else sees to whom (--mode ratchet)")
    p.add_argument("--timeout", type=seconds, default=60.0, metavar="S", help="give up after S seconds (default: %(default)g)")
    p.set_defaults(run=_run_send)


def _add_chat(commands: Any) -> None:
    p = commands.add_parser("chat", help="take part from the terminal", description=_CHAT, epilog=_CHAT_EXAMPLES)
    _add_member_options(p)
    p.set_defaults(run=_run_chat)


def _add_bridge(commands: Any) -> None:
    p = commands.add_parser("bridge", help="connect boards on serial ports to the broker", description=_BRIDGE, epilog=_BRIDGE_EXAMPLES)
    p.add_argument("--port", action="append", required=True, metavar="PORT", help="a board's port; again for each further board")
    p.add_argument("--baud", type=whole(1200, 4_000_000), default=115200, metavar="N", help="speed of UART ports (default: %(default)s)")
    _add_broker_options(p)
    p.set_defaults(run=_run_bridge)


def _add_member_options(p: argparse.ArgumentParser) -> None:
    p.add_argument("channel", metavar="NAME", help="the channel")
    p.add_argument("--uid", help="take part under this name (default: the one of `channel new`)")
    _add_broker_options(p)


def _add_broker_options(p: argparse.ArgumentParser) -> None:
    g = p.add_argument_group("broker", "where the channel's broker is; kept by `channel new`, which others then use")
    g.add_argument("--broker", metavar="HOST[:PORT]", help="default: 127.0.0.1:1883")
    g.add_argument("--broker-user", metavar="NAME", help="its password comes from SEALCAST_BROKER_PASSWORD or a prompt")
    g.add_argument("--broker-password-file", type=Path, metavar="FILE", help="or from the first line of FILE (mode 0600)")
    g.add_argument("--tls", action="store_true", help="encrypt the connection (default port: 8883)")
    g.add_argument("--ca", type=Path, metavar="FILE", help="the authority's certificate (default: those of the system)")


def _broker_options(args: argparse.Namespace) -> Any:
    from sealcast_host.cli.brokeroptions import BrokerOptions

    return BrokerOptions(args.broker, args.broker_user, args.broker_password_file, args.tls, args.ca)


def _run_broker(args: argparse.Namespace) -> int:
    from sealcast_host.cli.broker import broker

    return broker(args.host, args.port, args.persist, args.user, args.password_file, args.open)


def _run_channel_new(args: argparse.Namespace) -> int:
    from sealcast_host.cli.channel import new

    return new(args.channel, args.uid, _broker_options(args), args.password_stdin, args.force)


def _run_channel_join(args: argparse.Namespace) -> int:
    from sealcast_host.cli.channel import join

    return join(args.channel, args.uid, _broker_options(args), args.password_stdin)


def _run_channel_show(args: argparse.Namespace) -> int:
    from sealcast_host.cli.channel import show

    return show(args.channel)


def _run_channel_list(args: argparse.Namespace) -> int:
    from sealcast_host.cli.channel import list_channels

    return list_channels()


def _run_channel_node(args: argparse.Namespace) -> int:
    from sealcast_host.cli.channel import node

    return node(args.channel, args.uid, _broker_options(args), args.output)


def _run_listen(args: argparse.Namespace) -> int:
    from sealcast_host.cli.listen import listen

    return listen(args.channel, args.uid, _broker_options(args), args.json, args.count)


def _run_send(args: argparse.Namespace) -> int:
    from sealcast_host.cli.send import send

    return send(args.channel, args.uid, _broker_options(args), args.text, args.mode, args.timeout, args.to)


def _run_chat(args: argparse.Namespace) -> int:
    from sealcast_host.cli.chat import chat

    return chat(args.channel, args.uid, _broker_options(args))


def _run_bridge(args: argparse.Namespace) -> int:
    from sealcast_host.bridge.ports import bridge

    double = [port for i, port in enumerate(args.port) if port in args.port[:i]]
    if double:
        raise UserError(f"--port {double[0]} is given twice; name each board's port once")
    return bridge(args.port, args.baud, _broker_options(args))


_TOP = """Secure group messaging for microcontrollers and computers, over a broker that nobody has to trust."""
_TOP_EXAMPLES = """\
the first five minutes, in three terminals:
  sealcast broker                          a broker on this computer
  sealcast channel new greenhouse          prints a word phrase, once
  sealcast listen greenhouse               what arrives, and how secret it is
  sealcast send greenhouse "hello"         one message
  sealcast chat greenhouse                 both, as a conversation

Each command explains itself: sealcast COMMAND --help
"""
_BROKER = """\
Run an MQTT 3.1.1 broker. Any other broker (mosquitto, NATS, a hosted one) does as well: none of them can read
what it carries. Stop it with Ctrl-C."""
_BROKER_EXAMPLES = """\
examples:
  sealcast broker                                        for this computer only
  sealcast broker --persist ~/broker                     history survives a restart
  sealcast broker --host 0.0.0.0 --user farm             for the whole network; asks for a password
  sealcast broker --host 0.0.0.0 --user farm --password-file /etc/sealcast/broker.password
"""
_CHANNEL = """\
A channel is a group's secret meeting place at the broker. Who knows its word phrase (or the key made from it) is in."""
_CHANNEL_EXAMPLES = """\
examples:
  sealcast channel new greenhouse                                  make it; note the phrase down
  sealcast channel join greenhouse                                 on a second computer: asks for the phrase
  sealcast channel node greenhouse --uid bench-1 > sealcast.json   settings for a board
  sealcast channel list
"""
_NEW = """\
Make a channel. Its word phrase is printed once and kept nowhere: whoever joins needs it. The key made from it is kept
in this user's configuration directory (mode 0600), with the channel's admin key, which stays on this computer."""
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
_LISTEN = """\
Print each message with its sender, how secret it is and who can have written it, and what happens in the group.

secrecy  note: readable, now and later, by all who know the channel's phrase
         conversation: keys of those present, forgotten after use
         ratchet: keys of the group's members, new with every message; private: for this member alone
origin   member: signed by the sender's own key; group: somebody who knows the group's key
history  it was sent before this computer joined
"""
_LISTEN_EXAMPLES = """\
examples:
  sealcast listen greenhouse
  sealcast listen greenhouse --json | jq -r 'select(.type == "message") | .text'
  sealcast listen greenhouse --count 1

keys of a message line (--json):
  type "message", sender, secrecy, origin, time (seconds since 1970, 0 unknown), seq, historic, again, epoch,
  private, text (or body_b64 when it is not text)
keys of an event line: type "event", event (joined, left, vanished, asleep, rekeyed, gap, ...), and what it tells
"""
_SEND = """Send, and wait until the broker has it. A note reaches members that are asleep or join later as well."""
_SEND_EXAMPLES = """\
examples:
  sealcast send greenhouse "open the roof"
  sealcast send greenhouse --mode note "kept for who comes later"
  sealcast send greenhouse --mode ratchet --to bench-1 "for you alone"
  sensors | sealcast send greenhouse -                 each line is a message
  sealcast send greenhouse -- "-5 degrees"             a text that begins with a hyphen
"""
_CHAT = """\
Take part from the terminal. A line is a message. Commands: /note, /private, /members, /group, /rekey, /leave, /help."""
_CHAT_EXAMPLES = """\
examples:
  sealcast chat greenhouse
  sealcast chat greenhouse --uid anna --broker 192.168.1.10
"""
_BRIDGE = """\
Connect boards without radio (and emulated ones) to the broker: each talks over its serial port, USB or UART, and gets a
connection of its own to the broker, with its own last will. The bridge relays sealed frames; it holds no key and can read
nothing. A board's settings say "transport": "serial". Its log lines are shown behind the port's name. Stop with Ctrl-C."""
_BRIDGE_EXAMPLES = """\
examples:
  sealcast bridge --port /dev/ttyACM0                                   to the broker on this computer
  sealcast bridge --port /dev/ttyACM0 --port /dev/ttyUSB0 --broker 192.168.1.10
  sealcast bridge --port /dev/pts/7                                     an emulated board

a board that is unplugged, switched off or silent is told to the others by the broker; plug it in again and it goes on
"""
