"""The command `sealcast`: a table of verbs. What a verb takes and does stands in the file of its name, loaded when
it is asked for.

Exit codes: 0 done, 1 it ran and failed, 2 bad input (one line on standard error that says what to do), 130 and 143
stopped by Ctrl-C or SIGTERM before it was done (0 for what lasts until it is stopped).
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, NoReturn

from sealcast_host import __version__
from sealcast_host.errors import UserError

OK, FAILED, INTERRUPTED = 0, 1, 130

# Each is a module of this package with `arguments(parser)`, which says what the verb is, takes and runs.
VERBS = {
    "broker": "run an MQTT broker here",
    "channel": "make and show channels, provision nodes",
    "listen": "print what arrives",
    "send": "send one message, or each line of standard input",
    "chat": "take part from the terminal",
    "gateway": "hand messages on: files, Home Assistant, Prometheus, webhooks, lines",
    "bridge": "connect boards on serial ports to the broker",
    "flash": "put MicroPython and the node on a board",
    "provision": "make boards members of a channel",
    "doctor": "say what is wrong with a board, a broker or a channel",
    "invite": "show a channel's invitation, as text and QR code",
    "join": "add the channel of an invitation",
    "hil": "examine a board against the desktop reference",
    "agent": "hold this computer's members for all its commands and programs",
    "group": "the ratcheting group: who is in it",
    "lost": "leave a lost board behind: a new key for all others",
}


class _Parser(argparse.ArgumentParser):
    """Argparse, but an error is one line and names the help that explains it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **kwargs)

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; see: {self.prog} --help")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    try:
        args = _parser(sys.argv[1:] if argv is None else argv).parse_args(argv)
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


def _parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    """All verbs by name; only the one that is asked for with its arguments."""
    parser = _Parser(prog="sealcast", description=_ABOUT, epilog=_EXAMPLES)
    parser.add_argument("--version", action="version", version=f"sealcast {__version__}")
    verbs = parser.add_subparsers(metavar="COMMAND", required=True)
    asked = next((word for word in argv if not word.startswith("-")), None)  # no option before it takes a value
    for verb, what in VERBS.items():
        p = verbs.add_parser(verb, help=what)
        if verb == asked:
            import_module(f"sealcast_host.cli.{verb}").arguments(p)
    return parser


_ABOUT = """Secure group messaging for microcontrollers and computers, over a broker that nobody has to trust."""
_EXAMPLES = """\
the first five minutes, in three terminals:
  sealcast broker                          a broker on this computer
  sealcast channel new greenhouse          prints a word phrase, once
  sealcast listen greenhouse               what arrives, and how secret it is
  sealcast send greenhouse "hello"         one message
  sealcast chat greenhouse                 both, as a conversation

Each command explains itself: sealcast COMMAND --help
"""
