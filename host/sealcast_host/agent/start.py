"""Start the agent as a process of its own, stop it, and have systemd do so at each login."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from sealcast_host.agent import lines, place
from sealcast_host.agent.place import NoAgent
from sealcast_host.errors import Failed, UserError
from sealcast_host.member.privatefiles import make_private_dir, reason, write_private, xdg

UNIT = "sealcast-agent.service"
READY = b"ready\n"
ASK_S, LONG_S = 20.0, 60.0  # a gateway takes its time to begin, a member to say goodbye


def for_a_while() -> bool:
    """An agent that lasts while it is used; True when one runs now. Never raises: one can do without."""
    if not hasattr(socket, "AF_UNIX"):
        return False
    try:
        return _spawn("--while-used") == READY
    except (UserError, OSError):
        return False


def staying() -> None:
    """An agent that stays runs: the present one from now on, or a new one. Raises Failed with what it says."""
    try:
        ask("stay")
    except NoAgent:
        detached()


def detached() -> None:
    """An agent that stays: one that runs while it is used does so from now on. Raises Failed with what it says when it
    cannot."""
    with contextlib.suppress(NoAgent):
        if ask("stay"):
            return
    said = _spawn("--logged")
    if said != READY:
        text = said.decode("utf-8", "replace").strip().removeprefix("sealcast: ")
        raise Failed(text or f"the agent did not start: see {place.log_path()}")


def ask(what: str, **arguments: Any) -> Any:
    """One request to the agent itself. Raises NoAgent, UserError."""
    with place.connect() as sock, sock.makefile("rwb") as file:
        sock.settimeout(LONG_S if what in ("gateway", "drop") else ASK_S)
        try:
            file.write(lines.dump({"id": 1, "do": what} | arguments))
            file.flush()
            line = file.readline()
        except TimeoutError:
            raise place.silent(sock) from None
    if not line:
        raise Failed("the agent has ended meanwhile")
    told = lines.parse(line)
    if "error" in told:
        raise lines.raised(told["error"])
    return told.get("value")


def stop() -> int:
    """End the agent; its process number. Returns when nobody can attach any more. Raises NoAgent."""
    status = ask("agent")
    with place.connect() as sock, sock.makefile("rwb") as file:
        file.write(lines.dump({"id": 1, "do": "stop"}))
        file.flush()
        while file.readline():  # until it hangs up
            pass
    return int(status["pid"])


def install() -> tuple[Path, list[str]]:
    """Write the unit of this user's systemd -> its path, and the command that enables it. Raises UserError."""
    folder = xdg("XDG_CONFIG_HOME", ".config") / "systemd" / "user"
    make_private_dir(folder)
    path = folder / UNIT
    write_private(path, unit(), replace=True)
    return path, ["systemctl", "--user", "enable", "--now", UNIT]


def unit() -> str:
    """The unit's text. It runs this very installation, and nothing may gain rights through it."""
    command = shutil.which("sealcast")
    words = [os.path.abspath(command)] if command else [sys.executable, "-P", "-m", "sealcast_host"]
    kept = "".join(
        f"Environment={_quoted(f'{name}={os.environ[name]}')}\n"
        for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME")
        if os.path.isabs(os.environ.get(name, ""))
    )
    return _UNIT.format(start=" ".join(_quoted(word) for word in [*words, "agent"]), kept=kept)


def _quoted(text: str) -> str:
    """As systemd reads words: % begins a specifier ($ means nothing, neither in Environment nor in the first word)."""
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{text}"'


def _spawn(how: str) -> bytes:
    """What the new agent says first: READY, or why not."""
    make_private_dir(place.directory())
    environment = {k: v for k, v in os.environ.items() if k != "SEALCAST_BROKER_PASSWORD"}
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "sealcast_host", "agent", how],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=environment,
        )
    except OSError as e:
        raise Failed(f"cannot start the agent: {reason(e)}") from None
    assert process.stdout is not None
    with process.stdout as out:
        said = out.readline()
        if said != READY:
            said += out.read()
            process.wait()
    return said


_UNIT = """\
[Unit]
Description=Sealcast agent: this computer's members

[Service]
ExecStart={start}
{kept}Restart=on-failure
RestartSec=5
NoNewPrivileges=yes
LockPersonality=yes
UMask=0077

[Install]
WantedBy=default.target
"""
