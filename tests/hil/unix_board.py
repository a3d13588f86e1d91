"""MicroPython's unix port as a board: a pty instead of a USB port, a
folder instead of flash, a cable that can be pulled.
"""

import contextlib
import errno
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import threading
import time
from collections import deque
from pathlib import Path

REPL = Path(__file__).with_name("unix_repl.py")


class UnixBoard:
    """Powered as long as the `with` block lasts. `port` is a link that
    stays; it points to a pty only while the cable is plugged in.
    """

    def __init__(self, micropython, folder):
        self.flash = Path(folder) / "flash"
        self.port = Path(folder) / "port"
        self._micropython = micropython
        self._pull_after = self._hang_after = None
        self.lag_s = 0.0  # so long each answer is on its way
        self.boot_s = 0.0  # so long it takes from a reset to the first word
        self._stopped = threading.Event()
        self._late = deque()  # (when it arrives, bytes)
        self.passed = 0  # bytes from the host to the board
        self.pulled = threading.Event()

    def __enter__(self):
        self.flash.mkdir(exist_ok=True)
        self._inner, self._slave = pty.openpty()  # the program's side
        attributes = termios.tcgetattr(self._slave)
        attributes[0] &= ~(termios.ICRNL | termios.IXON | termios.BRKINT)
        attributes[1] &= ~termios.OPOST
        attributes[3] = termios.ISIG | termios.NOFLSH  # Ctrl-C interrupts the program, as on a board
        attributes[6][termios.VMIN], attributes[6][termios.VTIME] = 1, 0
        for name in (termios.VQUIT, termios.VSUSP):
            attributes[6][name] = b"\0"
        termios.tcsetattr(self._slave, termios.TCSANOW, attributes)
        self._stop_r, self._stop_w = os.pipe()
        self._process = None
        self._ended = False
        self._outer = None
        self.plug_in()
        self._threads = [threading.Thread(target=target, daemon=True) for target in (self._power, self._wire)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._ended = True
        self._stopped.set()
        os.write(self._stop_w, b"x")
        if self._process:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGKILL)
        for thread in self._threads:
            thread.join(10)
        self.unplug()
        for fd in (self._inner, self._slave, self._stop_r, self._stop_w):
            os.close(fd)

    def plug_in(self):
        master, slave = pty.openpty()
        attributes = termios.tcgetattr(slave)
        attributes[0] = attributes[1] = attributes[3] = 0
        termios.tcsetattr(slave, termios.TCSANOW, attributes)
        with contextlib.suppress(FileNotFoundError):
            self.port.unlink()
        self.port.symlink_to(os.ttyname(slave))
        self._keep, self._outer = slave, master
        if hasattr(self, "_threads"):
            os.write(self._stop_w, b"w")  # look again at what is to be watched

    def unplug(self):
        """Pull the cable: the port is gone for whoever has it open. The board keeps running."""
        outer, self._outer = self._outer, None
        if outer is not None:
            with contextlib.suppress(FileNotFoundError):
                self.port.unlink()
            os.close(outer)
            os.close(self._keep)
            self.pulled.set()

    def unplug_after(self, count):
        """Pull the cable once `count` more bytes went to the board."""
        self.pulled.clear()
        self._pull_after = self.passed + count

    def silent_after(self, count):
        """The board hangs once `count` more bytes went to it; its port stays."""
        self._hang_after = self.passed + count

    def _power(self):
        mode, crashes = "friendly", 0
        env = dict(os.environ, MICROPYPATH=".frozen", TERM="dumb")
        command = [
            sys.executable,
            "-c",
            _CONTROLLING,
            str(self._micropython),
            "-X",
            "heapsize=1m",
            "-c",
            _BEGIN,
            str(REPL),
            str(self.flash),
        ]
        while not self._ended:
            if self._stopped.wait(self.boot_s):
                return
            self._process = subprocess.Popen(
                [*command, mode],
                stdin=self._slave,
                stdout=self._slave,
                stderr=self._slave,
                env=env,
                cwd=self.flash,
                start_new_session=True,
            )
            code = self._process.wait()
            if code not in (85, 86) and not self._ended:
                print(f"unix board: MicroPython ended with {code}", file=sys.stderr)
                crashes += 1
                if crashes > 5:
                    return  # else it starts again, as a board does after a fault
            mode = "raw" if code == 85 else "friendly"

    def _wire(self):
        while not self._ended:
            outer = self._outer
            watched = [self._stop_r, self._inner] + ([outer] if outer is not None else [])
            ready = select.select(watched, [], [], max(0, self._late[0][0] - time.monotonic()) if self._late else None)[
                0
            ]
            if self._stop_r in ready:
                os.read(self._stop_r, 1)
                continue
            try:
                if self._inner in ready:
                    self._late.append((time.monotonic() + self.lag_s, os.read(self._inner, 4096)))
                while self._late and self._late[0][0] <= time.monotonic():
                    data = self._late.popleft()[1]
                    if self._outer is not None:
                        os.write(self._outer, data)
                if outer is not None and outer in ready and outer == self._outer:
                    data = os.read(outer, 4096)
                    self.passed += len(data)
                    if self._hang_after is None or self.passed < self._hang_after:
                        os.write(self._inner, data)
                    if self._pull_after is not None and self.passed >= self._pull_after:
                        self._pull_after = None
                        self.unplug()
            except OSError as e:
                if e.errno not in (errno.EIO, errno.EBADF):
                    raise


# Ctrl-C may come while unix_repl.py is read, and where it catches another one.
_BEGIN = """
import sys
board = {}
while True:
    try:
        if "run" not in board:
            exec(open(sys.argv[1]).read(), board)
        board["interrupted"] = True
        board["run"]()
    except KeyboardInterrupt:
        pass
"""

# Makes the pty the session's controlling terminal, so that its Ctrl-C arrives as SIGINT, once it is MicroPython that
# takes it; then becomes MicroPython.
_CONTROLLING = (
    "import fcntl, os, signal, sys, termios; signal.signal(signal.SIGINT, signal.SIG_IGN); "
    "fcntl.ioctl(0, termios.TIOCSCTTY, 1); os.execv(sys.argv[1], sys.argv[1:])"
)
