"""Machine code for the ESP32, S2 and S3: every conditional branch in
the code that handles secrets is one of those listed here.

Xtensa has no carry flag and no conditional set, so compilers like to make branches of carries and comparisons. Valgrind
does not reach this core, and no emulator has it as it is: the disassembly is looked at instead. A new branch fails the
test; add it to the list only if what it decides by is public: a counter, a length, the validity of an encoding.
"""

import os
import re
import subprocess
import sys
from collections import Counter

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from operations import SOURCE, load, natmod  # noqa: E402

xtensa = load(SOURCE, "xtensa")

# file -> function -> (how many conditional branches, what they decide by). A function that is not named may have none.
LOOP = "loop counters"
ALLOWED = {
    "curve25519.c": {
        "climb": (1, LOOP),
        "column": (6, LOOP + " and whose value is left out"),
        "sc_x25519_column": (1, "whether a result is zero"),
        "fe_sqrn": (1, LOOP),
        "swap": (3, LOOP + " and the size"),
        "pick": (1, LOOP),
        "ge_mul": (3, LOOP),
        "ge_mul_base": (8, LOOP + ", four loops"),
        "ge_finish": (1, "whether the caller wants T: a constant at each call"),
        "scalar_mod": (3, LOOP),
        "ed25519_sign": (3, LOOP),
        "ristretto_mul": (1, "validity of the encoding"),
        "ristretto_add": (1, "validity of the encodings"),
        "bd_key": (6, "counters, validity of encodings, whether the sum is zero"),
        "sc_ed25519_verify": (4, "a verifier has no secrets"),
    },
    "sha512.c": {"sc_sha512": (3, "lengths"), "update": (3, "lengths"), "compress": (6, LOOP + " and the round's number")},
    "memory.c": {"sc_equal": (2, "the length"), "sc_wipe": (8, "length and alignment"), "sc_copy": (6, "length and alignment")},
    "blake2b.c": {"sc_blake2b_init": (1, "whether there is a key"), "sc_blake2b_update": (3, "lengths"),
                  "compress": (4, "byte counter, last block, round, half of a round")},
    "salsa20.c": {"sc_salsa20_rounds": (1, LOOP), "sc_xsalsa20_block": (1, "the block counter's carry"),
                  "sc_xsalsa20_xor": (13, "lengths, alignment and overlap")},
    "poly1305.c": {"sc_poly1305": (5, LOOP + " and the length"), "absorb": (3, "lengths")},
    "frames.c": {"sc_begin": (3, "length of the label, whether there is a key, a salt"), "sc_frame_seal": (2, "whether there is a mac"),
                 "sc_chain": (6, LOOP), "sc_padded": (4, "a length"),
                 "sc_unpad": (6, LOOP + ", and the text's length, public from there on")},
    "ratchet.c": {"sc_ratchet_seal": (3, LOOP + " and whose header is left out"), "sc_ratchet_box": (8, "lengths"),
                  "sc_ratchet_header": (1, "which member reads"),
                  "sc_ratchet_step": (1, LOOP)},
    "secretbox.c": {"sc_secretbox_open": (1, "whether the box is genuine")},
}  # fmt: skip
_BRANCH = re.compile(r"^\s*[0-9a-f]+:\s+(b\w+(?:\.n)?|loop\w+)\s+(\S.*)$")
# On no account: divisions and remainders take a time that depends on their operands.
_SLOW = re.compile(r"^\s*[0-9a-f]+:\s+(quou|quos|remu|rems)\s")


def functions(folder, source):
    """{function: [line of disassembly]}"""
    flags = [flag for flag in natmod._COMMON if not flag.startswith("-DMICROPY")]
    level = "-O2" if source in natmod._FAST else "-Os"
    target = os.path.join(folder, source + ".o")
    xtensa.compile_c(os.path.join(SOURCE, source), target, [*flags, level, "-DSC_BURN_BYTES=3072", "-I", SOURCE])
    command = [xtensa.tool("llvm-objdump"), "-d", "-j", ".text", "--no-show-raw-insn", "--mcpu=esp32", target]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found, name = {}, None
    for line in text.splitlines():
        label = re.match(r"^[0-9a-f]+ <(.+)>:$", line)
        if label:
            name = label[1].split("__", 1)[-1]
            found[name] = []
        elif name:
            found[name].append(line)
    return found


def branches(lines):
    return [line.split(":", 1)[1].strip() for line in lines if _BRANCH.match(line)]


@pytest.fixture
def llvm():
    if not xtensa.available() or not xtensa.tool("llvm-objdump"):
        pytest.skip("LLVM 22 (clang-22, llvm-22) is not installed")


@pytest.mark.parametrize("source", sorted(ALLOWED))
def test_only_listed_branches(llvm, tmp_path, source):
    code = functions(str(tmp_path), source)
    assert sum(len(lines) for lines in code.values()) > 30, "the disassembly is empty"
    found = Counter({name: len(branches(lines)) for name, lines in code.items()})
    for name, lines in code.items():
        allowed = ALLOWED[source].get(name, (0, ""))[0]
        assert found[name] <= allowed, "%s in %s has %d conditional branches, %d are known:\n%s" % (
            name, source, found[name], allowed, "\n".join(branches(lines)))  # fmt: skip
        assert not [line for line in lines if _SLOW.match(line)], "a division in %s" % name


def test_a_comparison_of_secrets_is_seen(llvm, tmp_path):
    """The compiler makes a branch of the innocent C that this test is about, and we find it."""
    (tmp_path / "leak.c").write_text("int leak(unsigned secret, int a) { return secret == 0 ? a + a : a; }\n")
    target = str(tmp_path / "leak.o")
    xtensa.compile_c(str(tmp_path / "leak.c"), target, ["-O2"])
    text = subprocess.run(
        [xtensa.tool("llvm-objdump"), "-d", "--no-show-raw-insn", "--mcpu=esp32", target],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert branches(text.splitlines())


def test_all_code_is_judged():
    sources = {source for module in natmod.MODULES.values() for source in module if not source.endswith("_module.c")}
    # scrypt's memory is read where the password says, by its design; sha256 serves its PBKDF2 alone.
    assert sources - set(ALLOWED) == {"sha256.c", "scrypt.c"}
