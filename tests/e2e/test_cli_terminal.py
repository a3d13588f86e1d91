"""`sealcast chat` on a real terminal, as a terminal emulator shows it: what is typed is kept together while messages
arrive, history, editing, paste; the terminal is given back.
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

import pyte

from cli_users import User, messages
from host_support import environment, free_port, start_broker

DEADLINE_S = 60
UP, LEFT, TAB, ENTER = "\x1b[A", "\x1b[D", "\t", "\r"
CLI = [sys.executable, "-m", "sealcast_host"]


class Terminal:
    """A process on a pseudo-terminal that somebody looks at, and that answers what a terminal is asked."""

    def __init__(self, argv, env):
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, b"\x18\0\x64\0\0\0\0\0")  # 24 lines of 100
        self.before = termios.tcgetattr(self.slave)
        self.screen = pyte.Screen(100, 24)
        self.screen.write_process_input = self.type
        self._stream = pyte.ByteStream(self.screen)
        streams = {"stdin": self.slave, "stdout": self.slave, "stderr": self.slave}
        self.process = subprocess.Popen(argv, env=env, start_new_session=True, preexec_fn=self._own, **streams)

    def _own(self):
        fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)  # or Ctrl-C would be nobody's

    def type(self, text):
        os.write(self.master, text.encode())

    @property
    def lines(self):
        """What is shown, without what is empty."""
        return [line.rstrip() for line in self.screen.display if line.strip()]

    def wait_for(self, *patterns):
        """Until the last line that is shown ends like the last pattern, and lines above like the others, in order."""
        end = time.monotonic() + DEADLINE_S
        while not self._shows(*patterns):
            left = end - time.monotonic()
            assert left > 0 and select.select([self.master], [], [], left)[0], (patterns, self.lines)
            self._stream.feed(os.read(self.master, 65536))

    def _shows(self, *patterns):
        *above, last = self.lines or [""]
        above = iter(above)
        rest = all(any(re.search(f"{pattern}$", line) for line in above) for pattern in patterns[:-1])
        return rest and re.search(f"{patterns[-1]}$", last)

    def wait(self):
        """Until it has ended -> its exit code. Somebody goes on reading what it writes."""
        end = time.monotonic() + DEADLINE_S
        while self.process.poll() is None:
            assert time.monotonic() < end, self.lines
            if select.select([self.master], [], [], 0.05)[0]:
                self._stream.feed(os.read(self.master, 65536))
        return self.process.returncode

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)


def test_chat_in_a_terminal(tmp_path):
    port = free_port()
    anna = User(tmp_path / "anna", port)
    ben = User(tmp_path / "ben", port)
    with start_broker("embedded", port, tmp_path):
        ben.join(anna.new())
        terminal = Terminal([*CLI, "chat", "g"], environment(**anna.env, TERM="xterm"))
        try:
            terminal.wait_for("/help explains", r"\* nobody else is here just now.*", "g 1 awake, notes only >")
            assert not termios.tcgetattr(terminal.slave)[3] & termios.ICANON
            terminal.type("half a li")
            terminal.wait_for("notes only > half a li")
            ben.ok("send", "g", "--mode", "note", "meanwhile")
            # The message stands on a line of its own, and what was typed stays below it.
            terminal.wait_for(r"ben  \[note, member]  meanwhile", "notes only > half a li")
            terminal.type("m" + LEFT + "k" + "\x7f" + "\x1b[F" + "\x7f" + "ne" + ENTER)
            terminal.wait_for(r"you  \[note, acknowledged]  half a line", "notes only >")
            terminal.type(UP)
            terminal.wait_for("notes only > half a line")
            terminal.type(" again" + ENTER)
            terminal.wait_for(r"you  \[note, acknowledged]  half a line again", "notes only >")
            terminal.type("/mem" + TAB)
            terminal.wait_for("notes only > /members")
            terminal.type(ENTER)
            terminal.wait_for("  epoch none: only notes can be sent", "notes only >")
            assert "  ben  asleep" in terminal.lines
            with ben.listen() as listening:
                terminal.wait_for("g 2 awake, epoch [0-9a-f]{6} >")
                # A paste is not sent before Enter, and is no command.
                terminal.type("\x1b[200~one\r\n/leave\r\n\r\ntwo \x1b[2Jthree\x1b[201~")
                terminal.wait_for("> one", "/leave", r"two \^\[\[2Jthree")
                terminal.type(ENTER)
                listening.wait_for("two  [2Jthree")
                assert [m["text"] for m in messages(listening.lines)][-3:] == ["one", "/leave", "two  [2Jthree"]
            terminal.type("/leave" + ENTER)
            assert terminal.wait() == 0
            assert termios.tcgetattr(terminal.slave) == terminal.before
            assert list(tmp_path.rglob("*history*")) == []
        finally:
            terminal.close()


def test_the_end_of_the_input_at_a_prompt_is_one_line(tmp_path):
    terminal = Terminal([*CLI, "channel", "join", "x"], environment(**User(tmp_path, 1).env, TERM="xterm"))
    try:
        terminal.wait_for(".*: ?")
        terminal.type("\x04")
        assert terminal.wait() == 2
        assert re.search("sealcast: no .*, the input has ended", terminal.lines[-1])
    finally:
        terminal.close()


def test_the_terminal_is_given_back_after_a_signal_and_after_a_failure(tmp_path):
    port = free_port()
    anna = User(tmp_path, port)
    anna.new()
    env = environment(**anna.env, TERM="xterm")
    refused = Terminal([*CLI, "chat", "g"], env)
    try:
        assert refused.wait() == 2
        assert "no connection to the broker" in " ".join(refused.lines)
        assert termios.tcgetattr(refused.slave) == refused.before
    finally:
        refused.close()
    with start_broker("embedded", port, tmp_path):
        for end in (
            lambda t: t.process.send_signal(signal.SIGTERM),
            lambda t: t.process.send_signal(signal.SIGINT),
            lambda t: t.type("\x03"),
            lambda t: t.type("\x04"),
        ):
            terminal = Terminal([*CLI, "chat", "g"], env)
            try:
                terminal.wait_for("notes only >")
                end(terminal)
                assert terminal.wait() == 0
                assert termios.tcgetattr(terminal.slave) == terminal.before
            finally:
                terminal.close()


def test_a_dumb_terminal_gets_plain_lines(tmp_path):
    port = free_port()
    anna = User(tmp_path, port)
    anna.new()
    with start_broker("embedded", port, tmp_path):
        terminal = Terminal([*CLI, "chat", "g"], environment(**anna.env, TERM="dumb"))
        try:
            terminal.wait_for("/help explains", r"\* nobody else is here.*", r"too\)")
            assert termios.tcgetattr(terminal.slave) == terminal.before
            terminal.type("hello" + ENTER)
            terminal.wait_for("hello", r"  you  \[note, acknowledged]  hello")
            terminal.type("/leave" + ENTER)
            assert terminal.wait() == 0
        finally:
            terminal.close()


def test_a_terminal_that_is_not_set_to_utf_8(mosquitto, tmp_path):
    anna = User(tmp_path, mosquitto.port)
    anna.new()
    with anna.listen() as ears:
        terminal = Terminal([*CLI, "chat", "g"], environment(**anna.env, TERM="xterm"))
        try:
            terminal.wait_for("1 awake, .* >")
            os.write(terminal.master, "gr\u00fcn\r".encode("latin-1"))
            terminal.wait_for(r"\* not sent: no UTF-8 text \(set the terminal to it\): gr\ufffdn", " >")
            terminal.type("/note after\r")
            ears.wait_for('"after"')
            terminal.type("\x04")
            assert terminal.wait() == 0
        finally:
            terminal.close()
    assert not [line for line in ears.lines if "gr" in line]
