"""Passwords come from a prompt, a file, standard input or the environment; never from the command line, which
others see."""

import os
import stat
import sys
from pathlib import Path

from sealcast_host.errors import UserError
from sealcast_host.member import system
from sealcast_host.member.privatefiles import reason

MAX_PASSWORD = 1024
BROKER_ENV = "SEALCAST_BROKER_PASSWORD"  # the variables' names, not passwords
WIFI_ENV = "SEALCAST_WIFI_PASSWORD"


def read_secret(
    what: str, *, file: Path | None = None, stdin: bool = False, env: str | None = None, confirm: bool = False,
    piped: str = "--password-stdin reads it from there",
) -> str:  # fmt: skip
    """One line of text: from `file`, else standard input, else the environment variable `env`, else a prompt.

    piped: what to do where it cannot be asked for, and there is no variable for it."""
    if file is not None:
        text = _from_file(what, file)
    elif stdin:
        text = _from_stdin(what)
    elif env is not None and env in os.environ:
        text = os.environ[env]
    elif sys.stdin.isatty():
        text = _asked(what)
        if confirm and _asked(f"{what}, again") != text:
            raise UserError("the two entries differ: try again")
    else:
        ways = "standard input is not a terminal, so it cannot be asked for"
        raise UserError(f"no {what}: {ways}" + (f"; set {env} or name a file" if env else f"; {piped}"))
    text = text.rstrip("\r\n")
    if not text:
        raise UserError(f"the {what} is empty: give one")
    if len(text.encode("utf-8", "surrogateescape")) > MAX_PASSWORD:
        raise UserError(f"the {what} is too long: {MAX_PASSWORD} bytes at most")
    if "\0" in text:
        raise UserError(f"the {what} holds a NUL character, which none may have: give another")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise UserError(f"the {what} is not UTF-8 text") from None
    return text


def wifi_password(ssid: str) -> str:
    """The password of a Wi-Fi, from the environment or a prompt."""
    return read_secret(f"password of the Wi-Fi {ssid}", env=WIFI_ENV)


def _asked(what: str) -> str:
    import getpass  # of those who can be asked alone

    try:
        return getpass.getpass(f"{what}: ")
    except EOFError:
        raise UserError(f"no {what}, the input has ended: run it again") from None


def _from_stdin(what: str) -> str:
    try:
        return sys.stdin.readline(MAX_PASSWORD + 2)
    except OSError as e:
        raise UserError(f"cannot read the {what} from standard input: {reason(e)}") from None
    except UnicodeDecodeError:
        raise UserError(f"the {what} is not UTF-8 text") from None


def _from_file(what: str, file: Path) -> str:
    try:
        mode = stat.S_IMODE(file.stat().st_mode)
        if file.is_file() and not system.private(mode):
            raise UserError(f"{file} holds the {what} but others may read it (mode {mode:04o}): run chmod 600 {file}")
        with file.open(encoding="utf-8") as f:
            return f.readline(MAX_PASSWORD + 2)
    except OSError as e:
        raise UserError(f"cannot read the {what} from {file}: {reason(e)}") from None
    except UnicodeDecodeError:
        raise UserError(f"the {what} in {file} is not UTF-8 text") from None
