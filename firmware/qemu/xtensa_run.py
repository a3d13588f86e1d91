"""Runs code compiled for the ESP32 by LLVM on QEMU's Xtensa "sim" machine: the compiler path, the object rewriting and
MicroPython's linker (mpy_ld.py) are those of the shipped xtensawin modules; only the program around them is ours.

QEMU has no ESP32, so the core is de212, which runs what these modules use of an LX6, but for two instructions, which
are replaced: MULUH (the high half of a product) and MOVSP (which relies on an exception handler of the system).
"""
import importlib.util
import os
import re
import shutil
import struct
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
BASE = 0x60000000
RESET = 0x50000000
QEMU = ["qemu-system-xtensa", "-M", "sim", "-cpu", "de212", "-m", "16M", "-nographic", "-monitor", "none",
        "-serial", "none", "-semihosting"]


def _load(path, name):
    sys.path.insert(0, os.path.dirname(path))
    try:
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.pop(0)


xtensa = _load(os.path.join(HERE, "..", "curve25519", "xtensa.py"), "sealcast_xtensa")


_MULUH = re.compile(r"^\s*muluh\s+(a\d+),\s*(a\d+),\s*(a\d+)\s*$")
_MOVSP = re.compile(r"^\s*movsp\s+a1,\s*(a\d+)\s*$")
_PAIRS = ["beqz bnez", "beq bne", "beqi bnei", "blt bge", "bltu bgeu", "blti bgei", "bltui bgeui", "bltz bgez",
          "bany bnone", "ball bnall"]
_OPPOSITE = dict(pair.split() for pair in _PAIRS) | {b: a for a, b in map(str.split, _PAIRS)}
_BRANCH = re.compile(r"^\s*(%s)\s+(\S.*?),\s*(\.L\w+)\s*$" % "|".join(_OPPOSITE))


def _borrowing(registers, lines):
    """Lines that may use the registers: kept meanwhile below the stack pointer, past what a window overflow writes."""
    saved = ["addi a1, a1, -96"] + ["s32i %s, a1, %d" % (name, 4 * i) for i, name in enumerate(registers)]
    return saved + lines + ["l32i %s, a1, %d" % (name, 4 * i) for i, name in enumerate(registers)] + ["addi a1, a1, 96"]


def _muluh(r, s, t):
    """The high half of s * t from 16-bit halves."""
    free = [name for name in ("a2", "a3", "a4", "a5", "a6", "a8", "a9", "a10", "a11") if name not in (r, s, t)][:6]
    sl, sh, tl, th, x, y = free
    return _borrowing(free, [
        "extui %s, %s, 0, 16" % (sl, s), "extui %s, %s, 16, 16" % (sh, s), "extui %s, %s, 0, 16" % (tl, t),
        "extui %s, %s, 16, 16" % (th, t), "mull %s, %s, %s" % (x, sl, tl), "extui %s, %s, 16, 16" % (x, x),
        "mull %s, %s, %s" % (sl, sl, th), "mull %s, %s, %s" % (tl, sh, tl), "mull %s, %s, %s" % (th, sh, th),
        "extui %s, %s, 0, 16" % (y, sl), "add %s, %s, %s" % (x, x, y),
        "extui %s, %s, 0, 16" % (y, tl), "add %s, %s, %s" % (x, x, y),
        "extui %s, %s, 16, 16" % (x, x), "extui %s, %s, 16, 16" % (sl, sl), "extui %s, %s, 16, 16" % (tl, tl),
        "add %s, %s, %s" % (x, x, sl), "add %s, %s, %s" % (x, x, tl), "add %s, %s, %s" % (r, x, th)])  # fmt: skip


def _movsp(source):
    """Moves the stack pointer with the 16 bytes below it, where the caller's registers may be, as a system's handler
    does."""
    free = [name for name in ("a9", "a10", "a11", "a12", "a13") if name != source][:4]
    move = ["l32i %s, a1, %d" % (name, 80 + 4 * i) for i, name in enumerate(free)]
    move.append("addi %s, %s, -16" % (source, source))
    move += ["s32i %s, %s, %d" % (name, source, 4 * i) for i, name in enumerate(free)]
    move.append("addi %s, %s, 16" % (source, source))
    return _borrowing(free, move) + ["mov a1, " + source]


def for_this_core(assembly):
    """The assembly with what needs an ESP32 or its system replaced; branches are made to reach over what was put in."""
    out = []
    for number, line in enumerate(assembly.splitlines()):
        product, moved, branch = _MULUH.match(line), _MOVSP.match(line), _BRANCH.match(line)
        if product:
            out += _muluh(*product.groups())
        elif moved:
            out += _movsp(moved[1])
        elif branch:
            over = ".Lover%d" % number
            out += ["%s %s, %s" % (_OPPOSITE[branch[1]], branch[2], over), "j " + branch[3], over + ":"]
        else:
            out.append(line)
    return "\n".join(out) + "\n"


_rewrite = xtensa.rewrite
xtensa.rewrite = lambda assembly, prefix: for_this_core(_rewrite(assembly, prefix))


def missing():
    """Names of the programs needed and not installed."""
    found = [QEMU[0]] if not shutil.which(QEMU[0]) else []
    return found + ([] if xtensa.available() else ["clang-22 and llvm-22"])


def _elf(text, entry):
    """An ELF file with the program and, in the ROM where the core starts, a jump to its entry."""
    # j 8; the entry's address; l32r a2, 4; jx a2
    rom = b"\x06\x01\x00\x00" + struct.pack("<I", entry) + b"\x21\xff\xff" + b"\xa0\x02\x00"
    header = 52 + 2 * 32
    return b"".join([
        b"\x7fELF\x01\x01\x01" + bytes(9), struct.pack("<HHIIIIIHHHHHH", 2, 94, 1, entry, 52, 0, 0, 52, 32, 2, 0, 0, 0),
        struct.pack("<8I", 1, header, RESET, RESET, len(rom), len(rom), 5, 1),
        struct.pack("<8I", 1, header + len(rom), BASE, BASE, len(text), len(text), 7, 1), rom, text])  # fmt: skip


def run(tree, sources, folder, timeout=120):
    """Compiles the sources [(path, flags)], one of which defines `int xtensa_main(void)`, links and runs them.

    tree is MicroPython's. Returns (exit code, output).
    """
    objects = []
    for source, flags in sources:
        objects.append(os.path.join(folder, os.path.basename(source) + ".o"))
        xtensa.compile_c(source, objects[-1], flags)
    objects.append(os.path.join(folder, "start.o"))
    begin = os.path.join(HERE, "bare", "xtensa.s")
    subprocess.check_call([xtensa.tool("llvm-mc"), "-triple=xtensa", "-mcpu=esp32", "-filetype=obj", begin,
                           "-o", objects[-1]])
    xtensa.clear_l32r(xtensa.Path(objects[-1]))
    mpy_ld = _load(os.path.join(str(tree), "tools", "mpy_ld.py"), "sealcast_mpy_ld")
    link = mpy_ld.LinkEnv("xtensawin")
    for name in objects:
        with open(name, "rb") as file:
            mpy_ld.load_object_file(link, file, name)
    mpy_ld.link_objects(link, 0)
    # Code and constants are two blocks, which MicroPython may put anywhere: here the constants follow the code.
    blocks = {".text": bytearray(link.full_text), ".rodata": bytearray(link.full_rodata)}
    blocks[".text"] += bytes(-len(blocks[".text"]) % 16)
    start = {".text": BASE, ".rodata": BASE + len(blocks[".text"]), ".data.rel.ro": BASE + len(blocks[".text"])}
    for block, at, destination in link.mpy_relocs:
        if destination not in start:
            raise RuntimeError("the program needs %r of MicroPython" % (destination,))
        (value,) = struct.unpack_from("<I", blocks[block], at)
        struct.pack_into("<I", blocks[block], at, value + start[destination])
    text = blocks[".text"] + blocks[".rodata"]
    image = os.path.join(folder, "program.elf")
    with open(image, "wb") as file:
        file.write(_elf(bytes(text), BASE + link.find_addr("start")))
    done = subprocess.run([*QEMU, "-kernel", image], capture_output=True, text=True, timeout=timeout)
    return done.returncode, done.stdout + done.stderr
