"""Instructions and bytes of joining, handshakes, notes and conversations on an emulated ESP32-C3."""

import base64
import contextlib
import hashlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

from operations import QEMU, natmod

from benchmarks.group import Group, settings

sys.path.append(QEMU)
import board as emulated  # noqa: E402
import port  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
CORE = os.path.join(HERE, "..", "..", "shared", "sealcast")
NOT_ON_BOARDS = ("crypto/host", "crypto/soft")  # with native modules a board never imports them
HANDSHAKES = [2, 4, 8, 16, 32]
BODY = b"21.5 C, 48 % relative humidity.."  # 32 bytes: what a sensor says


def missing():
    return emulated.missing("VIRT_RV32")


def install(disk):
    """Puts the core, compiled, and the native modules on the board's disk. Returns the bytes of all .mpy files."""
    total = 0
    cross = port.bootstrap("unix.py", "mpy-cross")
    with emulated.Board("VIRT_RV32", disk) as board, tempfile.TemporaryDirectory() as folder:
        for path in sorted((natmod.PREBUILT / "rv32imc").glob("*.mpy")):
            board.put("/lib/" + path.name, path.read_bytes())
        for path in sorted(pathlib.Path(CORE).rglob("*.py")):
            name = path.relative_to(CORE).as_posix()
            if not name.startswith(NOT_ON_BOARDS):
                compiled = os.path.join(folder, "a.mpy")
                subprocess.check_call([cross, "-march=rv32imc", "-s", name, "-o", compiled, path])
                with open(compiled, "rb") as file:
                    data = file.read()
                total += len(data)
                board.put("/lib/sealcast/%s.mpy" % name[:-3], data)
        for name, place in (("replay_on_board.py", "/replay.py"), ("reproducible.py", "/reproducible.py")):
            with open(os.path.join(HERE, name), "rb") as file:
                board.put(place, file.read())
    return total


def counted(disk):
    """The board whose instructions are counted, with room to spare: no count holds the collector's fight for the last
    kilobyte, and what does not fit is measured, too."""
    return emulated.Board("VIRT_RV32", disk, icount=True, heap_bytes=1 << 20)


@contextlib.contextmanager
def replaying():
    """A Replay on such a board, with the core on a disk of its own."""
    with tempfile.TemporaryDirectory() as folder:
        disk = os.path.join(folder, "disk")
        install(disk)
        with counted(disk) as board:
            replay = Replay(board)
            yield replay
            replay.close()


class Replay:
    """A board that replays a recorded member. step() gives the instructions and stops when the bytes differ."""

    def __init__(self, board):
        self.board = board
        board.interrupt()
        board.write(b"import replay\x04")
        self.ready = self._line(b"ready")

    def _line(self, wanted):
        line = self.board.read_until(b"\n", 300)
        while not line.lstrip(b"OK").startswith(wanted):
            if b"Traceback" in line:
                text = line + self.board.read_until(b"\x04>", 10)
                raise SystemExit("the replay failed on the board:\n" + text.decode(errors="replace"))
            line = self.board.read_until(b"\n", 300)
        return line.split()[1:]

    def _command(self, method, arguments):
        def encode(value):
            if isinstance(value, dict):
                return {name: encode(v) for name, v in value.items()}
            return {"b": base64.b64encode(value).decode()} if isinstance(value, bytes) else value

        text = json.dumps([method, [encode(a) for a in arguments]]).encode()
        self.board.write(len(text).to_bytes(2, "big") + text)
        count, heap, digest = self._line(b"done")
        self.heap_bytes = int(heap)
        return int(count), digest.decode()

    def new(self, group):
        self._command("new", [settings(group.recorded, group.sign), group.recorded])

    def drop(self, part):
        """Forgets a part of the channel, for good -> the heap bytes that were its own."""
        before = self.heap_bytes
        self._command("drop", [part])
        return before - self.heap_bytes

    def burst(self):
        """As Group.burst."""
        self._command("burst", [])

    def profile(self):
        """[(file, function, calls, instructions, allocations, frames)] since the last call: see qemu's profile.c."""
        return json.loads(self._command("profile", [])[1])

    def step(self, step):
        count, digest = self._command(step.method, step.arguments)
        sha = hashlib.sha256()
        for effect in step.effects:
            if effect[0] == "publish":
                sha.update(effect[1].encode() + b" " + effect[2])
        if digest != sha.hexdigest()[:16]:
            raise SystemExit(
                "the board published something else than the host in %s at %r ms" % (step.method, step.arguments[-1:])
            )
        return count

    def close(self):
        text = b'["quit", []]'
        self.board.write(len(text).to_bytes(2, "big") + text)
        self.board.read_until(b"\x04>", 30)


def complete_group(n, **options):
    """A group of n whose members all switched on at once and have agreed on an epoch."""
    group = Group(n, **options)
    for i in range(n):
        group.switch_on(i)
    for _ in range(200):
        group.run(500)
        if all(channel.epoch and len(channel.members) == n for channel in group.channels):
            group.run(500)
            return group
    raise SystemExit("a group of %d did not agree" % n)


def _handshake(step):
    return step.stream() == "h" or "h" in step.streams_out() or "rekeyed" in step.events()


def measure(put):
    with tempfile.TemporaryDirectory() as folder:
        disk = os.path.join(folder, "disk")
        put("rv32imc.core.file_bytes", install(disk))
        with emulated.Board("VIRT_RV32", disk) as board:
            board.interrupt()
            available = int(board.run("import gc\ngc.collect()\nprint(gc.mem_free())"))
        with counted(disk) as board:
            replay = Replay(board)
            bare, used, _ = (int(word) for word in replay.ready)
            put("rv32imc.core.heap_bytes", used - bare)
            put("rv32imc.core.heap_free_bytes", available - (used - bare))
            _join(put, replay)
            for n in HANDSHAKES:
                _agree(put, replay, n)
            for name, sign in (("", True), ("_unsigned", False)):
                _messages(put, replay, name, sign)
            replay.close()


def _join(put, replay):
    """Alone, and as the eighth of a group that has been talking: until the event online."""
    for n in (1, 8):
        group = Group(n, recorded=n - 1)
        for i in range(n - 1):
            group.switch_on(i)
            group.run(2000)
        group.run(10000)
        group.switch_on(n - 1)
        group.run(5000)
        replay.new(group)
        total = 0
        for step in group.steps:
            total += replay.step(step)
            if "online" in step.events():
                break
        put("rv32imc.join_%d.instructions" % n, total)


def _agree(put, replay, n):
    group = complete_group(n)
    replay.new(group)
    counts = [(step, replay.step(step)) for step in group.steps]
    put("rv32imc.handshake_%d.instructions" % n, sum(count for step, count in counts if _handshake(step)))
    put("rv32imc.member_of_%d.heap_bytes" % n, replay.heap_bytes)
    frames = [payload for topic, payload in group.published if topic.endswith("/h")]
    put("protocol.handshake_%d.messages" % n, len(frames))
    put("protocol.handshake_%d.bytes" % n, sum(len(payload) for payload in frames))


def _messages(put, replay, name, sign):
    """Sending and receiving a body of 32 bytes, by a member of a group of two: the median of seven messages, since a
    signature takes some 3 % more or less to verify than another."""
    group = complete_group(2, sign=sign)
    replay.new(group)
    done = 0
    streams = (("note", "n"), ("conversation", "c"))
    for burst, mode, stream in [(burst, *one) for burst in ("", "_burst") for one in streams]:
        if burst:
            group.burst()
            replay.burst()
        for sender, what in ((0, "send"), (1, "receive")):
            for _ in range(11 if burst else 8):  # the last seven: what comes once only is not a message's cost
                group.call(sender, "send", BODY, mode)
                group.run(3000)
            counts = [(step, replay.step(step)) for step in group.steps[done:]]
            done = len(group.steps)
            mine = [
                count
                for step, count in counts
                if (step.method == "send" if what == "send" else step.stream() == stream)
            ]
            put("rv32imc.%s_%s%s%s.instructions" % (mode, what, name, burst), statistics.median(mine[-7:]))
        payload = [payload for topic, payload in group.published if topic.split("/")[4] == stream][-1]
        put("protocol.%s_32%s.bytes" % (mode, name), len(payload))
