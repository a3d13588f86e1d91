"""The emulated boards are what tests, bench and HIL take them for:
clock, serial input, resets, a disk that outlives power cuts.
"""
import os
import sys
import time

import pytest

QEMU = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "firmware", "qemu")
sys.path.append(QEMU)
from board import Board, BoardError, missing  # noqa: E402


@pytest.fixture(params=["VIRT_RV32", "MPS2_AN385"])
def board(request, tmp_path):
    if missing(request.param):
        pytest.skip(", ".join(missing(request.param)) + " not installed")
    with Board(request.param, str(tmp_path / "disk")) as board:
        yield board


def test_clock_and_asyncio(board):
    code = """
import asyncio, time
async def nap():
    t = time.ticks_ms()
    await asyncio.sleep_ms(120)
    print(time.ticks_diff(time.ticks_ms(), t))
asyncio.run(nap())
t = time.ticks_us()
time.sleep_ms(50)
print(time.ticks_diff(time.ticks_us(), t))
"""
    slept_ms, slept_us = (int(word) for word in board.run(code).split())
    assert 120 <= slept_ms < 10000      # never less; more only by the load of this machine
    assert 50000 <= slept_us < 10000000


def test_serial_input_can_be_polled_and_is_never_lost(board):
    code = """
import micropython, select, sys
micropython.kbd_intr(-1)
p = select.poll()
p.register(sys.stdin, select.POLLIN)
print(len(p.poll(50)))
print("now")
total = n = 0
while n < 20000:
    p.poll()
    total += sys.stdin.buffer.read(1)[0]
    n += 1
micropython.kbd_intr(3)
print(total)
"""
    board.interrupt()
    board.write(code.encode() + b"\x04")
    assert board.read_until(b"now\r\n").endswith(b"OK0\r\nnow\r\n")
    data = bytes(range(256)) * 79
    board.write(data[:20000])
    assert int(board.read_until(b"\r\n", 120)) == sum(data[:20000])
    board.read_until(b">")
    assert board.run("print(6 * 7)") == "42\n"


def test_interrupt_stops_a_program(board):
    board.interrupt()
    board.write(b"while True: pass\x04")
    board.interrupt()
    assert board.run("print(1)") == "1\n"


def test_errors_come_with_the_boards_traceback(board):
    with pytest.raises(BoardError, match="ZeroDivisionError"):
        board.run("1 // 0")
    with pytest.raises(BoardError, match="within 1 s"):
        board.run("import time\ntime.sleep(30)", timeout=1)


def test_disk_survives_a_power_cut_and_a_reset_but_not_another_board(board, tmp_path):
    data = os.urandom(5000)
    board.put("/lib/a/data.bin", data)
    board.put("/main.py", b"print('main', 'runs')")
    board.cut_power()
    board.start(heard=True)
    assert board.read_until(b"main runs")
    assert board.get("/lib/a/data.bin") == data
    board.reset()
    assert board.read_until(b"main runs")
    assert board.get("/lib/a/data.bin") == data
    board.run("import os\nos.remove('/main.py')")
    board.write(b"import machine\nmachine.reset()\x04")
    board.read_until(b">>> ")
    board.interrupt()
    assert board.get("/lib/a/data.bin") == data
    with Board(board.name, str(tmp_path / "another")) as other:
        assert other.run("import os\nprint(os.listdir('/'))") == "[]\n"


def test_a_power_cut_in_the_middle_of_writing_leaves_a_mountable_disk(board):
    board.put("/kept", b"kept")
    for _ in range(3):
        board.interrupt()
        board.write(b"i = 0\nwhile True:\n f = open('/busy', 'wb')\n f.write(b'x' * 3000)\n f.close()\n i += 1\n"
                    b" if i == 3: print('busy')\n\x04")
        board.read_until(b"busy")
        board.cut_power()
        board.start()
        assert board.get("/kept") == b"kept"


def test_no_randomness_is_pretended(board):
    with pytest.raises(BoardError, match="AttributeError"):
        board.run("import os\nos.urandom(4)")


def test_a_waiting_board_leaves_the_processor_alone(board):
    board.interrupt()

    def ticks():
        with open("/proc/%d/stat" % board._process.pid) as file:
            return sum(int(n) for n in file.read().rsplit(")", 1)[1].split()[11:13])

    before, end = ticks(), time.monotonic() + 2
    board.write(b"import time\ntime.sleep(1)\nprint('slept')\x04")
    board.read_until(b"slept")
    while time.monotonic() < end:
        board.read_until(b"", 0.1)      # the REPL waits for input now
        os.sched_yield()
    assert ticks() - before < 0.5 * os.sysconf("SC_CLK_TCK")


def test_the_instruction_clock_does_not_depend_on_this_machine(tmp_path):
    if missing("VIRT_RV32"):
        pytest.skip("QEMU is not installed")
    code = "import time\nt = time.ticks_cpu()\nfor i in range(1000): pass\nprint(time.ticks_diff(time.ticks_cpu(), t))"
    counts = set()
    for i in range(2):
        with Board("VIRT_RV32", str(tmp_path / str(i)), icount=True) as board:
            board.interrupt()
            counts.add(int(board.run(code)))
    # The serial port is looked at now and then, on the clock's terms.
    assert max(counts) - min(counts) < max(counts) / 100


def test_allocations_and_idle_time_are_watched(board):
    code = """
import gc, qemu, time
gc.collect()
qemu.largest()
a = bytearray(5000)
print(5000 <= qemu.largest() < 5100, qemu.largest() < 1000)
qemu.limit(4096)
bytearray(4000)
try:
    bytearray(4200)
    print("had")
except MemoryError:
    print("refused")
a = bytearray(100)
try:
    a.extend(bytes(4090))
    print("grown")
except MemoryError:
    print("refused")
qemu.limit(0)
bytearray(4200)
idle = qemu.idle_us()
time.sleep_ms(30)
print(qemu.idle_us() - idle >= 29000)
"""
    assert board.run(code).split() == ["True", "True", "refused", "refused", "True"]
