#!/usr/bin/env python3
"""An emulated board with a serial port (a pty, like a USB port), a disk that survives power cuts, and a raw REPL.

    with Board("VIRT_RV32") as board:
        board.put("/lib/thing.mpy", data)
        print(board.run("import thing; print(thing.answer)"))

    board.py VIRT_RV32 [--disk FILE] [--profile NAME]
                runs one until interrupted; prints its serial port, for any terminal program
"""
import argparse
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import tty

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import port  # noqa: E402

MEMORY_BYTES = 16 << 20
ROM_OFFSET, ROM_BYTES = 0xA00000, 0x80000       # VIRT_RV32's ROMFS in the machine's memory: frozen/_boot.py mounts it
MACHINES = {
    "VIRT_RV32": ["qemu-system-riscv32", "-machine", "virt,memory-backend=disk", "-bios", "none"],
    "MPS2_AN385": ["qemu-system-arm", "-machine", "mps2-an385,memory-backend=disk"],
}
CHUNK = 1024
RADIO = ["-global", "virtio-mmio.force-legacy=false",
         "-netdev", "user,id=wifi", "-device", "virtio-net-device,netdev=wifi"]
RANDOM = ["-object", "rng-random,id=random,filename=/dev/urandom", "-device", "virtio-rng-device,rng=random"]
HOST = "10.0.2.2"       # this computer, for a board with a profile


class BoardError(Exception):
    """The board raised, hung or vanished; the text says which."""


def missing(name):
    """Names of the programs needed to build and run the board that are not installed."""
    return port.missing(name) + [p for p in MACHINES[name][:1] if not shutil.which(p)]


class Board:
    """One emulated board.

    name    VIRT_RV32 (runs the rv32imc code of an ESP32-C3) or MPS2_AN385 (Cortex-M3)
    disk    file that holds the machine's memory, the disk in it: the same one again starts where the power was cut
    icount  True: the clock counts instructions, one a nanosecond
    preexec what the emulator's process calls before it becomes one
    heap_bytes  a heap of another size than that of a board with a radio
    whole   True: a firmware with native modules, core and node in it
    profile  "esp32" or "esp32c3": with that chip's memory and a radio; this computer's 127.0.0.1 is HOST there
    """

    def __init__(self, name="VIRT_RV32", disk=None, icount=False, heap_bytes=port.HEAP_BYTES, whole=False,
                 profile=None, preexec=None):
        self.name = name
        self.heap_bytes = heap_bytes
        self.whole = whole
        self.profile = profile
        self._preexec = preexec
        self.port = None
        self._icount = icount
        self._folder = None if disk else tempfile.mkdtemp(prefix="sealcast-board-")
        self._disk = disk or os.path.join(self._folder, "memory")
        self._process = self._qmp = self._fd = None
        self._raw = False       # in the raw REPL, as far as we know
        self._buffer = bytearray()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *unused):
        self.close()

    def start(self, heard=False):
        """Switches the board on. heard: its serial port is open before it runs, so that nothing it says is lost."""
        ours, theirs = socket.socketpair()
        command = MACHINES[self.name] + [
            "-kernel", port.firmware(self.name, self.heap_bytes, self.whole, self.profile),
            "-nographic", "-semihosting", "-m", "%dM" % (MEMORY_BYTES >> 20),
            "-object", "memory-backend-file,id=disk,share=on,size=%d,mem-path=%s" % (MEMORY_BYTES, self._disk),
            "-serial", "pty", "-monitor", "none",
            "-chardev", "socket,id=qmp,fd=%d" % theirs.fileno(), "-mon", "chardev=qmp,mode=control"]
        if self.profile:
            command += RADIO + ([] if self._icount else RANDOM)     # counted: the same bytes each time
        if self._icount:
            command += ["-icount", "shift=0"]
        if heard:
            command += ["-S"]
        # The machine has no memory of what was on the disk unless the file is there: QEMU makes it.
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                         stderr=subprocess.STDOUT, pass_fds=[theirs.fileno()],
                                         preexec_fn=self._preexec)
        theirs.close()
        self._qmp = ours.makefile("rwb", buffering=0)
        ours.close()
        if not self._qmp.readline():
            said = self._process.stdout.read().decode(errors="replace")
            raise BoardError("%s did not start: %s" % (command[0], said))
        self._command("qmp_capabilities")
        for device in self._command("query-chardev"):
            if device["filename"].startswith("pty:"):
                self.port = device["filename"][4:]
        self._buffer.clear()
        if heard:
            self._open()
            self._command("cont")

    def wifi(self, there):
        """Switches the access point of a board with a profile on or off. Without it nothing passes, and the station
        notices in seconds."""
        self._command("set_link", name="wifi", up=there)

    def _command(self, command, **arguments):
        self._qmp.write(json.dumps({"execute": command, "arguments": arguments}).encode())
        while True:
            line = self._qmp.readline()
            if not line:
                raise BoardError("the emulator ended")
            answer = json.loads(line)
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise BoardError("%s: %s" % (command, answer["error"]["desc"]))

    def cut_power(self):
        """Stops at once, wherever the program is; start() goes on with the same disk."""
        self._raw = False
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process.stdout.close()
            self._qmp.close()
            self._process = None

    def reset(self):
        """The reset button."""
        self._raw = False
        self._command("system_reset")
        self._buffer.clear()

    def close(self):
        """Switches off and forgets a disk that nobody named."""
        self.cut_power()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def write_rom(self, image):
        """Puts a ROMFS image into the board's memory-mapped flash; used from the next reset on."""
        if len(image) > ROM_BYTES:
            raise BoardError("the ROMFS image is %d bytes too long" % (len(image) - ROM_BYTES))
        with open(self._disk, "r+b") as memory:
            memory.seek(ROM_OFFSET)
            memory.write(image)

    # --- the serial port

    def let_go(self):
        """Leaves the serial port to another program, with what runs going on."""
        self._raw = False
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _open(self):
        if self._fd is None:
            self._fd = os.open(self.port, os.O_RDWR | os.O_NOCTTY)
            tty.setraw(self._fd)
        return self._fd

    def write(self, data):
        """Sends bytes to the board's serial port."""
        fd, view = self._open(), memoryview(data)
        while len(view):
            view = view[os.write(fd, view):]

    def read_until(self, ending, timeout=30):
        """Bytes up to and including the ending. Raises BoardError with what came instead when time is up."""
        fd, deadline = self._open(), time.monotonic() + timeout
        while True:
            at = self._buffer.find(ending)
            if at >= 0:
                found = bytes(self._buffer[:at + len(ending)])
                del self._buffer[:at + len(ending)]
                return found
            if not select.select([fd], [], [], max(0, deadline - time.monotonic()))[0]:
                sent = bytes(self._buffer[-2000:])
                raise BoardError("no %r within %d s; the board sent %r" % (ending, timeout, sent))
            try:
                data = os.read(fd, 65536)
            except OSError as error:
                raise BoardError("the serial port is gone: %s" % error) from None
            self._buffer += data

    # --- the raw REPL

    def interrupt(self, timeout=30):
        """Stops what runs and enters the raw REPL with a fresh interpreter state."""
        prompt = b"raw REPL; CTRL-B to exit\r\n>"
        for left in range(timeout, 0, -1):
            self.write(b"\r\x03\x03\r\x01")
            try:
                self.read_until(prompt, 1)
                break
            except BoardError:  # a Ctrl-C before the program has begun is only a byte to it
                if left == 1:
                    raise
        self.write(b"\x04")
        self.read_until(b"soft reboot\r\n", timeout)  # and past the answers to further Ctrl-A
        self.read_until(prompt, timeout)
        self._raw = True

    def run(self, code, timeout=60):
        """What the program printed. Raises BoardError with the board's traceback when it raised."""
        if not self._raw:
            self.interrupt()
        self.write(code.encode() + b"\x04")
        self.read_until(b"OK", timeout)
        out = self.read_until(b"\x04", timeout)[:-1]
        error = self.read_until(b"\x04", timeout)[:-1]
        self.read_until(b">", timeout)
        if error:
            raise BoardError(error.decode(errors="replace").replace("\r\n", "\n"))
        return out.decode(errors="replace").replace("\r\n", "\n")

    def put(self, path, data):
        """Writes a file on the board's disk, with its folders."""
        folders = path.strip("/").split("/")[:-1]
        self.run("import os\nfor _p in %r:\n try: os.mkdir(_p)\n except OSError: pass" %
                 ["/" + "/".join(folders[:i + 1]) for i in range(len(folders))])
        self.run("import binascii as _b\n_f = open(%r, 'wb')" % path)
        for at in range(0, len(data), CHUNK):
            self.run("_f.write(_b.unhexlify(%r))" % data[at:at + CHUNK].hex())
        self.run("_f.close()\ndel _f, _b")

    def get(self, path):
        """A file's bytes."""
        return bytes.fromhex(self.run(
            "import binascii as _b\n_f = open(%r, 'rb')\nwhile True:\n _d = _f.read(256)\n if not _d: break\n"
            " print(_b.hexlify(_d).decode(), end='')\n_f.close()\ndel _f, _b, _d" % path))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=sorted(MACHINES))
    parser.add_argument("--disk", help="file that keeps the board's disk")
    parser.add_argument("--profile", choices=sorted(port.PROFILES), help="this chip's memory and radio (VIRT_RV32)")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *unused: sys.exit(0))
    with Board(args.name, args.disk, profile=args.profile) as board:
        print(board.port, flush=True)
        try:
            board._process.wait()
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
