"""The raw REPL of a board, for MicroPython's unix port, which has
none: run by unix_board.py, one process a (soft) reset.

    unix_repl.py FOLDER raw|friendly      FOLDER becomes the board's filesystem
Exit codes: 85 soft reset into the raw REPL, 86 into the friendly one, 87 power off.
"""

import io
import sys

import vfs

RAW, FRIENDLY, OFF = 85, 86, 87
_WINDOW = 1024


class Disk:
    """The folder as a filesystem. VfsPosix has a mistake of its own: rename() makes both paths in one buffer."""

    def __init__(self, folder):
        self._posix = vfs.VfsPosix(folder)
        for name in (
            "open",
            "ilistdir",
            "mkdir",
            "remove",
            "rmdir",
            "stat",
            "statvfs",
            "chdir",
            "getcwd",
            "mount",
            "umount",
        ):
            setattr(self, name, getattr(self._posix, name))

    def rename(self, old, new):
        with self.open(old, "rb") as f:
            data = f.read()
        with self.open(new, "wb") as f:
            f.write(data)
        self.remove(old)


_, folder, mode = sys.argv[1:]
stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
names = {"__name__": "__main__"}


def write(data):
    stdout.write(data)
    stdout.flush() if hasattr(stdout, "flush") else None


def read():
    c = stdin.read(1)
    if not c:
        sys.exit(OFF)
    return c


def program():
    """The text of one raw command, by raw paste or as it comes; None for a soft reset, or a change of mode."""
    text = bytearray()
    c = read()
    if c == b"\x05" and read() == b"A" and read() == b"\x01":
        write(b"R\x01" + _WINDOW.to_bytes(2, "little"))
        room = _WINDOW
        while True:
            c = read()
            if c == b"\x04":
                write(b"\x04")
                return text
            text += c
            room -= 1
            if room == 0:
                write(b"\x01")
                room = _WINDOW
    while c not in b"\x01\x02\x04":
        if c != b"\x03" and not (c == b"\r" and not text):
            text += c
        c = read()
    if c == b"\x04" and text:
        write(b"OK")
        return text
    return {b"\x01": 1, b"\x02": 2, b"\x04": 4}[c]


def execute(text, names):
    error = b""
    try:
        exec(text, names)
    except SystemExit:
        sys.exit(RAW)
    except BaseException as e:
        out = io.StringIO()
        sys.print_exception(e, out)
        error = out.getvalue().encode()
    write(b"\x04" + error + b"\x04>")


def main_py(names):
    try:
        with open("/main.py") as f:
            text = f.read()
    except OSError:
        return
    try:
        exec(text, names)
    except SystemExit:
        sys.exit(FRIENDLY)
    except BaseException as e:
        sys.print_exception(e)


def start():
    """May be interrupted anywhere, and begun again."""
    try:
        vfs.umount("/")
    except OSError:
        pass
    vfs.mount(Disk(folder), "/")
    sys.path[:] = ["", ".frozen", "/lib"]
    sys.argv[:] = []
    if mode == "raw":
        write(b"raw REPL; CTRL-B to exit\r\n>")
    else:
        main_py(names)
        write(b"MicroPython\r\n>>> ")


def serve():
    """One input."""
    global mode
    if mode == "friendly":
        c = read()
        if c == b"\x01":
            mode = "raw"
            write(b"raw REPL; CTRL-B to exit\r\n>")
        elif c == b"\x04":
            write(b"MPY: soft reboot\r\n")
            sys.exit(FRIENDLY)
        return
    got = program()
    if got == 1:
        write(b"raw REPL; CTRL-B to exit\r\n>")
    elif got == 2:
        mode = "friendly"
        write(b"\r\nMicroPython\r\n>>> ")
    elif got == 4:
        write(b"OK\r\nMPY: soft reboot\r\n")
        sys.exit(RAW)
    else:
        execute(got, names)


started = interrupted = False


def run():
    """A board outlives any number of Ctrl-C, wherever they find it: whoever calls this calls it again."""
    global started, interrupted
    while True:
        try:
            if not started:
                start()
                started = True
            elif interrupted:
                write(b"\r\n>>> " if mode == "friendly" else b"\x04\x04>")
            interrupted = False
            serve()
        except KeyboardInterrupt:
            interrupted = True
