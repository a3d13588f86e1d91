"""`sealcast chat` on a real terminal: what is typed is kept together
while messages arrive; the terminal is given back.
"""

import fcntl
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time

from host_support import environment, free_port, start_broker

DEADLINE_S = 60


class Terminal:
    """A pseudo-terminal with a process in it."""

    def __init__(self, argv, env):
        self.master, self.slave = pty.openpty()
        self.before = termios.tcgetattr(self.slave)
        self.output = ""
        streams = {"stdin": self.slave, "stdout": self.slave, "stderr": self.slave}
        self.process = subprocess.Popen(argv, env=env, start_new_session=True, preexec_fn=self._own, **streams)

    def _own(self):
        fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)  # or Ctrl-C would be nobody's

    def type(self, text):
        os.write(self.master, text.encode())

    def wait_for(self, pattern):
        """Read until the output so far matches; -> the match."""
        end = time.monotonic() + DEADLINE_S
        while not (found := re.search(pattern, self.output, re.S)):
            left = end - time.monotonic()
            assert left > 0 and select.select([self.master], [], [], left)[0], f"{pattern!r} not in {self.output!r}"
            self.output += os.read(self.master, 65536).decode("utf-8", "replace")
        return found

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)


def test_chat_in_a_terminal(tmp_path):
    port = free_port()
    env = environment(
        XDG_CONFIG_HOME=str(tmp_path / "c"), XDG_STATE_HOME=str(tmp_path / "s"), TERM="xterm", COLUMNS="80"
    )
    cli = [sys.executable, "-m", "sealcast_host"]
    with start_broker("embedded", port, tmp_path):
        where = ["--broker", f"127.0.0.1:{port}"]
        subprocess.run(
            [*cli, "channel", "new", "barn", "--uid", "anna", *where],
            env=env,
            check=True,
            capture_output=True,
            timeout=60,
        )
        terminal = Terminal([*cli, "chat", "barn"], env)
        try:
            terminal.wait_for("barn 1 awake, notes only > ")
            assert not termios.tcgetattr(terminal.slave)[3] & termios.ICANON
            terminal.type("half a li")
            terminal.wait_for("notes only > half a li")
            sent = subprocess.run(
                [*cli, "send", "barn", "--uid", "ben", "--mode", "note", "meanwhile"], env=env, timeout=60
            )
            assert sent.returncode == 0
            # The message stands on a line of its own, and what was typed comes again below it.
            terminal.wait_for(r"\r\x1b\[K[^\r\n]*ben  \[note, member\]  meanwhile\r\n.*> half a li")
            terminal.type("ne\r")
            terminal.wait_for(r"you  \[(note|conversation), acknowledged\]  half a line\r\n")
            terminal.type("/members\r")
            terminal.wait_for("  ben  asleep")
            terminal.type("/leave\r")
            terminal.wait_for("$") if terminal.process.poll() is not None else terminal.process.wait(DEADLINE_S)
            assert terminal.process.returncode == 0
            assert termios.tcgetattr(terminal.slave) == terminal.before
        finally:
            terminal.close()


def test_the_terminal_is_given_back_after_a_signal_and_after_a_failure(tmp_path):
    port = free_port()
    env = environment(XDG_CONFIG_HOME=str(tmp_path / "c"), XDG_STATE_HOME=str(tmp_path / "s"), TERM="xterm")
    cli = [sys.executable, "-m", "sealcast_host"]
    where = ["--broker", f"127.0.0.1:{port}"]
    subprocess.run(
        [*cli, "channel", "new", "barn", "--uid", "anna", *where], env=env, check=True, capture_output=True, timeout=60
    )
    refused = Terminal([*cli, "chat", "barn"], env)
    try:
        assert refused.process.wait(DEADLINE_S) == 2
        refused.wait_for("no connection to the broker")
        assert termios.tcgetattr(refused.slave) == refused.before
    finally:
        refused.close()
    with start_broker("embedded", port, tmp_path):
        for end in (
            lambda t: t.process.send_signal(signal.SIGTERM),
            lambda t: t.type("\x03"),
            lambda t: t.type("\x04"),
        ):
            terminal = Terminal([*cli, "chat", "barn"], env)
            try:
                terminal.wait_for("awake, ")
                end(terminal)
                assert terminal.process.wait(DEADLINE_S) == 0
                assert termios.tcgetattr(terminal.slave) == terminal.before
            finally:
                terminal.close()
