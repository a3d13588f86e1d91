"""Real brokers as processes of their own, for the tests of the host: ours and mosquitto, started, killed, restarted."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import ClassVar

from sealcast_host.broker.mosquitto import find as mosquitto

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 120.0  # a busy machine


def environment(**extra: str) -> dict[str, str]:
    """The environment of a child that must find this checkout's packages."""
    env = dict(os.environ)
    env["PYTHONPATH"] = os.pathsep.join((str(ROOT / "shared"), str(ROOT / "host")))
    env["PYTHONUNBUFFERED"] = "1"
    env.pop("SEALCAST_BROKER_PASSWORD", None)
    env.update(extra)
    return env


_ports = random.SystemRandom().sample(range(10_000, 32_000), 20_000)  # below those that Linux gives to whoever connects


def free_port() -> int:
    """One that nobody has, nor is given before a broker binds it: the system's own choice (port 0) may be the next
    client's, of any of the processes that run tests."""
    while True:
        port = _ports.pop()
        with socket.socket() as s, contextlib.suppress(OSError):
            s.bind(("127.0.0.1", port))
            return port


class Child:
    """A process whose output lines can be waited for. Always killed at the end of the block."""

    of_this_test: ClassVar[list["Child"]] = []  # what a failure shows (tests/conftest.py)

    def __init__(self, argv: list[str], extra_env: dict[str, str] | None = None, **kwargs: object) -> None:
        self.lines: list[str] = []
        self._more = threading.Condition()  # its lock is re-entrant: lines are looked at inside wait_for()
        self._ended = False
        env = environment(**(extra_env or {}))
        self.process = subprocess.Popen(
            argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", env=env, **kwargs
        )
        self.of_this_test.append(self)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout:
            with self._more:
                self.lines.append(line.rstrip("\n"))
                self._more.notify_all()
        with self._more:
            self._ended = True
            self._more.notify_all()

    def wait_for(self, text: str) -> str:
        """The first line that contains `text`. Fails when the process ends without it, or at the deadline."""
        with self._more:
            self._more.wait_for(lambda: self._ended or any(text in line for line in self.lines), DEADLINE_S)
            for line in self.lines:
                if text in line:
                    return line
        raise AssertionError(f"no line with {text!r} in {self.lines}")

    def type(self, line: str) -> None:
        """One line for the process's standard input (started with stdin=subprocess.PIPE)."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def lines_at_end(self) -> list[str]:
        """All it said, once it has ended."""
        self._reader.join(DEADLINE_S)
        return self.lines

    def stop(self, signum: int | None = signal.SIGTERM) -> int:
        """Send the signal (None: it ends by itself) and wait for the end; the exit code."""
        if signum is not None:
            self.process.send_signal(signum)
        return self.ends()

    def ends(self, seconds: float = DEADLINE_S) -> int:
        """Wait for it -> the exit code."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it still runs after {seconds} s, and said at last {self.lines[-20:]}") from None
        self._reader.join(DEADLINE_S)
        return code

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._reader.join(DEADLINE_S)
        self.process.stdout.close()


def sealcast(*args: str, **kwargs: object) -> Child:
    return Child([sys.executable, "-m", "sealcast_host", *args], **kwargs)


def start_broker(kind: str, port: int, directory: Path, deaf: bool = False) -> Child:
    """A broker ready for clients on 127.0.0.1:port, keeping retained
    messages in `directory`. kind: embedded, mosquitto. deaf: it refuses all that is published.
    """
    if kind == "embedded":
        child = sealcast("broker", "--with", "embedded", "--port", str(port), "--persist", str(directory / "kept"))
        ready = "listening on"
    else:
        # autosave after each change, so that a SIGKILL finds on disk what was acknowledged a moment before
        keep = ["persistence true", f"persistence_location {directory}/", "autosave_on_changes true"]
        rules = directory / "rules"
        rules.write_text("topic read #\n" if deaf else "topic #\n")
        return start_mosquitto(port, directory, *keep, "autosave_interval 1", f"acl_file {rules}")
    return _once_it_says(ready, child)


def start_mosquitto(port: int, directory: Path, *lines: str, address: str = "127.0.0.1") -> Child:
    """mosquitto, ready for clients, with these lines of mosquitto.conf; unless they say otherwise it lets all in."""
    config = directory / f"mosquitto-{port}.conf"
    rights = [] if any(line.startswith("allow_anonymous ") for line in lines) else ["allow_anonymous true"]
    config.write_text("\n".join([f"listener {port} {address}", *rights, "user root", *lines, ""]))
    return _once_it_says("running", Child([mosquitto() or "mosquitto", "-v", "-c", str(config)]))


def _once_it_says(ready: str, child: Child) -> Child:
    try:
        child.wait_for(ready)
    except BaseException:
        child.__exit__()
        raise
    return child
