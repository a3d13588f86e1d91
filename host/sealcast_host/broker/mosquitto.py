"""mosquitto as the broker behind `sealcast broker`, with a configuration of ours in a private folder that goes with
it."""

import base64
import hashlib
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sealcast_host.errors import Failed, UserError
from sealcast_host.member.parent import die_with_parent
from sealcast_host.member.privatefiles import make_private_dir, write_private

ROUNDS = 1000  # of PBKDF2, over a password that guards nothing but the broker's peace
DATABASE = "mosquitto.db"


@dataclass(frozen=True)
class Wishes:
    """Where to listen, where retained messages are kept (None: nowhere), and the only (user, password) let in (None:
    everybody)."""

    host: str
    port: int
    persist: Path | None
    credentials: tuple[str, str] | None


def find() -> str | None:
    """The program; Debian and Homebrew put it where a user's PATH may not reach."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin")


def has_ours(persist: Path) -> bool:
    """Does the embedded broker keep its messages there already? Then it goes on with them."""
    return persist.is_dir() and any(persist.iterdir()) and not (persist / DATABASE).exists()


def configuration(wishes: Wishes, passwords: Path | None, root: bool) -> str:
    """The text of mosquitto.conf. passwords: the file with the only user, or None."""
    lines = [
        f"listener {wishes.port} {wishes.host}",
        f"allow_anonymous {'false' if passwords else 'true'}",
        "max_packet_size 65536",
        "max_queued_messages 10000",
        "retain_available true",
        "set_tcp_nodelay true",
        "log_dest stderr",
        "log_type error",
        "log_type warning",
        "log_type information",
    ]
    if passwords is not None:
        lines.append(f"password_file {passwords}")
    if wishes.persist is not None:
        lines += ["persistence true", f"persistence_location {wishes.persist.absolute()}/"]
        lines += [f"persistence_file {DATABASE}", "autosave_on_changes true", "autosave_interval 1"]
    if root:
        lines.append("user root")  # else it becomes a user who cannot read this
    return "\n".join(lines) + "\n"


def password_line(user: str, password: str) -> str:
    """A line of mosquitto's password file: PBKDF2 with SHA-512."""
    salt = secrets.token_bytes(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ROUNDS)
    return f"{user}:$7${ROUNDS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}\n"


def run(program: str, wishes: Wishes, ready: Callable[[str, int, Path | None, str | None, str], None]) -> int:
    """Run it until a signal. ready(host, port, persist, user, what): it listens. Raises Failed, UserError."""
    for text in (wishes.host, str(wishes.persist or ""), (wishes.credentials or ("",))[0]):
        if not text.isprintable() or ":" in text and text == (wishes.credentials or ("",))[0]:
            raise UserError("--host, --persist and --user must be plain text for mosquitto: or use --with embedded")
    if wishes.persist is not None:
        make_private_dir(wishes.persist)
    with tempfile.TemporaryDirectory(prefix="sealcast-broker-") as folder:
        passwords = None
        if wishes.credentials is not None:
            passwords = Path(folder, "passwords")
            write_private(passwords, password_line(*wishes.credentials), replace=False)
        config = Path(folder, "mosquitto.conf")
        root = hasattr(os, "geteuid") and os.geteuid() == 0
        write_private(config, configuration(wishes, passwords, root), replace=False)
        return _supervise([program, "-c", str(config)], wishes, ready)


def _stops() -> list[int]:
    """The signals that end it: a closed terminal, too, but not under nohup."""
    hangup = getattr(signal, "SIGHUP", None)
    heard = hangup is not None and signal.getsignal(hangup) is not signal.SIG_IGN
    return [signal.SIGINT, signal.SIGTERM] + ([hangup] if hangup is not None and heard else [])


def _supervise(
    command: list[str], wishes: Wishes, ready: Callable[[str, int, Path | None, str | None, str], None]
) -> int:
    stopped = begun = False
    said = ""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
        preexec_fn=die_with_parent,
    )

    def end() -> None:
        while process.poll() is None:  # between its "running" and its loop mosquitto forgets a signal
            process.terminate()
            time.sleep(0.2)

    def stop(*_: object) -> None:
        nonlocal stopped
        if not stopped:
            stopped = True
            threading.Thread(target=end, daemon=True).start()

    before = [(number, signal.signal(number, stop)) for number in _stops()]
    try:
        assert process.stdout is not None
        for line in process.stdout:
            said = line.strip() if "rror" in line else said or line.strip()
            if line.rstrip().endswith("running"):
                begun = True
                user = wishes.credentials[0] if wishes.credentials else None
                ready(wishes.host, wishes.port, wishes.persist, user, "mosquitto")
        process.wait()
    finally:
        for number, handler in before:
            signal.signal(number, handler)
        if process.poll() is None:
            process.kill()
            process.wait()
    if not stopped:
        where = f"{wishes.host} port {wishes.port}"
        why = said.partition(": ")[2] or said or "it said nothing"
        if "in use" in said and not begun:
            raise UserError(f"port {wishes.port} on {wishes.host} is in use: take another --port, or stop who has it")
        error = Failed if begun else UserError
        raise error(f"mosquitto ended at {where} ({why}): take another --port, or --with embedded")
    print("sealcast broker: stopped", flush=True)
    return 0
