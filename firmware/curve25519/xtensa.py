#!/usr/bin/env python3
"""Compiles C for the ESP32, S2 and S3 (xtensawin) with LLVM 22 where Espressif's compiler is missing. Takes gcc's
command line:

    xtensa.py -O2 -I folder -c file.c -o file.o        xtensa.py --available     exit code 0 when the tools are there

LLVM's Xtensa back end cannot yet write the object files that MicroPython's mpy_ld.py reads, so the assembly is
rewritten on the way: literals go into one section of their own (DESIGN section 7), local symbols get global names,
since the linker follows names only, and constants that hold addresses go where the linker relocates them.
"""

import re
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

_VERSION = 22
_TOOLS = ["clang", "llc", "llvm-mc"]
_CPU = "esp32"  # the oldest of the three: what it runs, all run
# What clang does not know or what has no meaning here; the relocation model is llc's affair.
_GCC_ONLY = {"-fpic", "-fPIC", "-mlongcalls", "-fno-ident", "-mtext-section-literals"}

# The headers that MicroPython and the module include and that clang itself does not bring. What they declare
# and a native module cannot call is caught by the linker.
_HEADERS = {
    "string.h": "#include <stddef.h>\n"
                "void *memcpy(void *, const void *, size_t); void *memmove(void *, const void *, size_t);\n"
                "void *memset(void *, int, size_t); int memcmp(const void *, const void *, size_t);\n"
                "size_t strlen(const char *);\n"
                "int strcmp(const char *, const char *); void *memchr(const void *, int, size_t);\n",
    "assert.h": "#undef assert\n#define assert(e) ((void)0)\n",
    "alloca.h": "#define alloca __builtin_alloca\n",
    "errno.h": "#define ENOMEM 12\n#define EINVAL 22\n",
    "stdio.h": "#include <stddef.h>\n#include <stdarg.h>\n",
    "stdlib.h": "#include <stddef.h>\n",
    "sys/types.h": "#include <stddef.h>\ntypedef int ssize_t; typedef long off_t;\n",
    "math.h": "",
}  # fmt: skip


def tool(name):
    """The command of an LLVM tool of the version that is known to work, or None."""
    return shutil.which(f"{name}-{_VERSION}")


def available():
    return all(tool(name) for name in _TOOLS)


def _run(command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, errors="replace")
    if done.returncode:
        raise RuntimeError(f"{Path(str(command[0])).name}:\n{done.stdout}{done.stderr}")
    return done.stdout


# --- rewriting the assembly

_SECTION = re.compile(r"^\s*\.(?:section\s+([^,\s]+).*|(text|data|bss))\s*$")
_LITERAL = re.compile(r"^\s*\.literal\s+([^,\s]+)\s*,\s*(\S.*?)\s*$")
_WORD = re.compile(r"^\s*\.(?:long|4byte|word)\s+([^\d\s-].*?)\s*(?:#.*)?$")
_LABEL = re.compile(r"^([A-Za-z_.$][\w.$]*):")
_SYMBOL = re.compile(r"[A-Za-z_.$][\w.$]*")


def _chunks(lines):
    """[(section, lines)]: runs of lines, each under the section directive that rules them."""
    chunks = [(".text", [])]
    for line in lines:
        found = _SECTION.match(line)
        if found:
            chunks.append((found[1] or "." + found[2], []))
        else:
            chunks[-1][1].append(line)
    return chunks


def _directive(section, lines):
    """The section directive a chunk gets in what the linker reads."""
    if section.startswith(".rodata"):
        # mpy_ld relocates addresses in .data.rel.ro only; and it knows no merging of equal constants.
        if any(_WORD.match(line) for line in lines):
            return '.section .data.rel.ro,"aw",@progbits'
        return '.section .rodata,"a",@progbits'
    if section.startswith(".text"):
        return ".text"
    if section.startswith((".data.rel.ro", ".bss", ".debug", ".note", ".comment")):
        return f'.section {section},"aw"' if section.startswith(".data") else f".section {section}"
    raise RuntimeError(f"writable data ({section}): a native module can have none")


def rewrite(assembly, prefix):
    """LLVM's assembly as the linker needs it. prefix keeps equal names of two files apart."""
    lines = [line for line in assembly.splitlines()
             if ".literal_position" not in line and not line.lstrip().startswith(".ident")]
    literals = [found for found in map(_LITERAL.match, lines) if found]
    lines = [line for line in lines if not _LITERAL.match(line)]
    # Every symbol that is defined here, local, and whose address is taken somewhere gets a global name.
    exported = {name for line in lines if line.split()[:1] in ([".global"], [".globl"]) for name in line.split()[1:2]}
    defined = {found[1] for found in map(_LABEL.match, lines) if found} - exported
    values = [found[2] for found in literals] + [found[1] for found in map(_WORD.match, lines) if found]
    addresses = (name for value in values for name in _SYMBOL.findall(value))
    renamed = {name: prefix + name.lstrip(".") for name in addresses if name in defined}

    def rename(text):
        return _SYMBOL.sub(lambda found: renamed.get(found[0], found[0]), text)

    out = []
    for name in renamed.values():
        out.append(f"\t.global {name}")
    for section, body in _chunks(lines):
        if any(line.strip() and not line.lstrip().startswith("#") for line in body):
            out.append("\t" + _directive(section, body))
            out += [rename(line.split("#")[0].rstrip()) if ".asci" not in line else rename(line) for line in body]
    out.append('\t.section .literal,"ax",@progbits\n\t.p2align 2')
    for name, value in ((found[1], found[2]) for found in literals):
        out.append(f"{name}:\n\t.4byte {rename(value)}")
    return "\n".join(out) + "\n"


# --- the object file

_L32R = 0x1
_R_XTENSA_SLOT0_OP = 20


def clear_l32r(path):
    """Zeroes the immediates of l32r instructions that carry relocations: mpy_ld adds to what stands there."""
    data = bytearray(path.read_bytes())
    start, size, count = struct.unpack_from("<I", data, 32)[0], *struct.unpack_from("<HH", data, 46)
    sections = [struct.unpack_from("<10I", data, start + i * size) for i in range(count)]
    for _, kind, _, _, offset, length, _, target, _, _ in sections:
        if kind == 4:  # SHT_RELA
            for at in range(offset, offset + length, 12):
                where, info = struct.unpack_from("<II", data, at)
                place = sections[target][4] + where
                if info & 0xFF == _R_XTENSA_SLOT0_OP and data[place] & 0xF == _L32R:
                    data[place + 1] = data[place + 2] = 0
    path.write_bytes(data)


def compile_c(source, target, flags):
    """Compiles one C file to an object file. Raises RuntimeError with the tools' words."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        for name, text in _HEADERS.items():
            (work / "include" / name).parent.mkdir(parents=True, exist_ok=True)
            (work / "include" / name).write_text(text)
        flags = ["-Oz" if flag == "-Os" else flag for flag in flags if flag not in _GCC_ONLY]
        _run([tool("clang"), "--target=xtensa", "-Wno-unknown-warning-option", *flags,
              "-fno-pic", "-ffreestanding", "-fno-builtin-bcmp",
              "-isystem", work / "include", "-emit-llvm", "-c", source, "-o", work / "a.bc"])  # fmt: skip
        _run([tool("llc"), "-march=xtensa", f"-mcpu={_CPU}", "-relocation-model=static", "-filetype=asm",
              work / "a.bc", "-o", work / "a.s"])  # fmt: skip
        prefix = re.sub(r"\W", "_", Path(source).stem) + "__"
        (work / "b.s").write_text(rewrite((work / "a.s").read_text(), prefix))
        _run([tool("llvm-mc"), "-triple=xtensa", f"-mcpu={_CPU}", "-filetype=obj", work / "b.s", "-o", work / "b.o"])
        clear_l32r(work / "b.o")
        shutil.copyfile(work / "b.o", target)


def main(arguments):
    if arguments == ["--available"]:
        return 0 if available() else 1
    flags, source, target = [], None, None
    rest = iter(arguments)
    for argument in rest:
        if argument == "-o":
            target = next(rest)
        elif argument == "-c":
            continue
        elif argument in ("-I", "-D", "-isystem", "-include"):
            flags += [argument, next(rest)]
        elif argument.startswith("-"):
            flags.append(argument)
        else:
            source = argument
    if not source or not target:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        compile_c(source, target, flags)
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
