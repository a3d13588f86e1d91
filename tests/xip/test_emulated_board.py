"""Bytecode in flash on the emulated ESP32-C3: 1,000 soft resets and collections, and the order in which its mapper
calls the ROM."""

import struct
import subprocess
import sys

import pytest

from sealcast_host.boards import bundle, models, names, shipped
from sealcast_host.boards.repl import Device
from sealcast_host.boards.xip import board as in_flash

sys.path.append(str(shipped.node_dir().parent / "qemu"))
from board import Board, missing  # noqa: E402

RESETS = 1000
_DAMAGED = """
import uctypes, xip_start
m = uctypes.bytearray_at(0x80B00000, %d)
m[%d] ^= 4
print(xip_start.start())
m[%d] ^= 4
"""
_PROGRAM = names.source("""
import gc, sys, xip_start
assert xip_start.start()
del xip_start, sys.modules['xip_start']
gc.collect()
from sealcast.zpinc import notes
from sealcast import wire
from sealcast.run import settings
for _ in range(3):
    gc.collect()
print(wire.__file__, settings.check({})[0][:8], gc.mem_alloc())
""")


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    if missing("VIRT_RV32"):
        pytest.fail(
            f"not installed: {', '.join(missing('VIRT_RV32'))}; `make test` installs them on Debian", pytrace=False
        )
    with Board("VIRT_RV32", str(tmp_path_factory.mktemp("board") / "disk")) as board:
        yield board


@pytest.fixture(scope="module")
def flashed(board):
    """The node on the board, its bytecode in flash; at its prompt, without a main.py."""
    plan, kind = in_flash.Plan(), models.named("QEMU_VIRT_RV32")
    with Device(board.port) as device:
        facts = device.facts()
        wanted = bundle.make(facts.arch, facts.mpy, kind)
        plan.add(device, kind, wanted)
        for path, data in wanted.files.items():
            if path.startswith(("/lib/xip", "/lib/curve", "/lib/sym", bundle.STUBS)):
                device.put(path, data)
    plan.write(board.port)
    board.plan = plan
    return board


@pytest.mark.timeout(1500)
def test_a_thousand_soft_resets_and_collections(flashed):
    """Each with the checks, the trial and fresh imports; memory and image stay what they were."""
    first = None
    for _ in range(RESETS):
        flashed.interrupt()
        found, error, used = flashed.run(_PROGRAM).split()
        assert found == bundle.STUBS + "/sealcast/wire.mpy"
        first = first or (error, int(used))
        assert error == first[0]
        assert abs(int(used) - first[1]) <= 64  # the collector is conservative: a block or two may seem to be in use
    flashed.run("import uctypes")
    with open(flashed._disk, "rb") as memory:
        memory.seek(0xB00000)
        assert memory.read(len(flashed.plan.made.data)) == flashed.plan.made.data


def test_the_image_is_wrong_and_right_again(flashed):
    data = flashed.plan.made.data
    flashed.interrupt()
    for at in (0, 9, 40, 70, 5000, len(data) - 1):
        *said, answer = flashed.run(_DAMAGED % (len(data), at, at)).splitlines()
        assert answer == "False" and len(said) == 1
        assert said[0].startswith("xip: the bytecode in flash is not used, files serve: ")
        flashed.interrupt()
    assert flashed.run(_PROGRAM).startswith(bundle.STUBS)


# --- the mapper of an ESP32-C3, with functions in place of the ROM's that write down how they were called

_ROM = """
    .macro note where
    lui t0, 0x80a00
    lw t1, 0(t0)
    addi t2, t1, 32
    sw t2, 0(t0)
    li t2, \\where
    sw t2, 0(t1)
    sw a0, 4(t1)
    sw a1, 8(t1)
    sw a2, 12(t1)
    sw a3, 16(t1)
    sw a4, 20(t1)
    csrr t2, mstatus
    sw t2, 24(t1)
    .endm
    .globl _start
_start:
suspend:    note 1
    li a0, 0x51
    ret
    .balign 256
set:        note 2
    li a0, 0
    ret
    .balign 256
invalidate: note 3
    ret
    .balign 256
resume:     note 4
    ret
"""
_MAP = """
import uctypes, array, xipnative
log, rom, table = 0x80a00000, 0x80a01000, 0x80a02000
m = uctypes.bytearray_at(log, 4096)
m[:] = bytes(4096)
m[0:4] = (log + 32).to_bytes(4, 'little')
code = bytes.fromhex(%r)
uctypes.bytearray_at(rom, len(code))[:] = code
entries = uctypes.bytearray_at(table, 16)
entries[:] = bytes.fromhex(%r)
# What is flash to it lies where no cache is: the words are the chip's, the addresses of the ROM ours.
words = array.array('I', [0x3c7c0000, 0x1c0000, 3, table, 0x100, rom, rom + 256, rom + 512, rom + 768, 0, 0, 0])
print(xipnative.remap(words), bytes(m[32:32 + 4 * 32]).hex())
"""


@pytest.fixture(scope="module")
def rom(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rom")
    (folder / "rom.s").write_text(_ROM)
    gcc = [
        "riscv64-unknown-elf-gcc",
        "-march=rv32imac",
        "-misa-spec=2.2",
        "-mabi=ilp32",
        "-nostdlib",
        "-Wl,-Ttext=0x80a01000",
    ]
    subprocess.run([*gcc, "-o", folder / "rom", folder / "rom.s"], check=True)
    subprocess.run(["riscv64-unknown-elf-objcopy", "-O", "binary", folder / "rom", folder / "rom.bin"], check=True)
    return (folder / "rom.bin").read_bytes().hex()


def mapped(board, rom, entries):
    answer, log = board.run(_MAP % (rom, struct.pack("<4I", *entries).hex())).split()
    calls = [struct.unpack_from("<7I", bytes.fromhex(log), 32 * i) for i in range(4)]
    return int(answer), [call for call in calls if call[0]]


def test_the_mapper_of_the_c3(flashed, rom):
    flashed.interrupt()
    answer, calls = mapped(flashed, rom, [0x100, 0x100, 0x100, 0x100])
    assert answer == 0
    assert [call[0] for call in calls] == [1, 2, 3, 4]  # suspend, set, invalidate, resume
    assert calls[1][1:6] == (0, 0x3C7C0000, 0x1C0000, 64, 3)
    assert calls[2][1:3] == (0x3C7C0000, 3 << 16)
    assert calls[3][1] == 0x51  # what suspend gave
    assert not any(call[6] & 8 for call in calls)  # interrupts are off
    assert int(flashed.run("print(1)")) == 1


def test_the_mapper_leaves_what_is_in_use_and_what_is_mapped(flashed, rom):
    flashed.interrupt()
    assert mapped(flashed, rom, [0x100, 5, 0x100, 0x100]) == (1, [])
    assert mapped(flashed, rom, [0x1C, 0x1D, 0x1E, 7]) == (0, [])
    answer, calls = mapped(flashed, rom, [0x1C, 0x100, 0x1E, 7])
    assert answer == 0 and len(calls) == 4
