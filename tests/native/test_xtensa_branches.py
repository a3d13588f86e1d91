"""Machine code for the ESP32, S2 and S3: every conditional branch in
the code that handles secrets is one of those listed here.

Xtensa has no carry flag and no conditional set, so compilers like to make branches of carries and comparisons. Valgrind
does not reach this core, and no emulator has it as it is: the disassembly is looked at instead. A new branch fails the
test; add it to the list only if what it decides by is public: a counter, a length, the validity of an encoding.

LLVM 22 makes the code. Where it is not installed, the disassembly of record is judged: xtensa_audit.json, which names
the sources and flags that it was made of, so that it cannot be of other ones. After a change of the C code, where
LLVM 22 is:

    python tests/native/test_xtensa_branches.py
"""

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
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
        "climb": (2, LOOP + " and which step adds nothing: the first and the last three"),
        "column": (6, LOOP + " and whose value is left out"),
        "sc_x25519_column": (1, "whether a result is zero"),
        "fe_sqrn": (1, LOOP),
        "swap": (3, LOOP + " and the size"),
        "pick": (1, LOOP),
        "ge_mul": (9, LOOP + " and whether there is a comb"),
        "ge_mul_base": (3, LOOP),
        "comb_begin": (4, LOOP),
        "comb_add": (2, LOOP),
        "ge_finish": (1, "whether the caller wants T: a constant at each call"),
        "scalar_mod": (3, LOOP),
        "ed25519_sign": (3, LOOP),
        "ristretto_mul": (1, "validity of the encoding"),
        "ristretto_add": (1, "validity of the encodings"),
        "bd_key": (6, "counters, validity of encodings, whether the sum is zero"),
        "sc_ed25519_verify": (4, "a verifier has no secrets"),
    },
    "sha512.c": {"sc_sha512": (3, "lengths"), "update": (3, "lengths"),
                 "compress": (6, LOOP + " and the round's number")},
    "memory.c": {"sc_equal": (2, "the length"), "sc_wipe": (8, "length and alignment"),
                 "sc_copy": (6, "length and alignment")},
    "blake2b.c": {"sc_blake2b_init": (1, "whether there is a key"), "sc_blake2b_update": (3, "lengths"),
                  "compress": (3, "byte counter, last block, round")},
    "salsa20.c": {"sc_salsa20_rounds": (1, LOOP), "sc_xsalsa20_block": (1, "the block counter's carry"),
                  "sc_xsalsa20_xor": (13, "lengths, alignment and overlap")},
    "poly1305.c": {"sc_poly1305": (5, LOOP + " and the length"), "absorb": (3, "lengths")},
    "frames.c": {"sc_begin": (3, "length of the label, whether there is a key, a salt"),
                 "sc_frame_seal": (2, "whether there is a mac"), "sc_chain": (6, LOOP), "sc_padded": (4, "a length"),
                 "sc_unpad": (6, LOOP + ", and the text's length, public from there on")},
    "ratchet.c": {"sc_ratchet_seal": (3, LOOP + " and whose header is left out"), "sc_ratchet_box": (8, "lengths"),
                  "sc_ratchet_header": (1, "which member reads"),
                  "sc_ratchet_step": (1, LOOP)},
    "secretbox.c": {"sc_secretbox_open": (1, "whether the box is genuine")},
}  # fmt: skip
_BRANCH = re.compile(r"^\s*[0-9a-f]+:\s+(b\w+(?:\.n)?|loop\w+)\s+(\S.*)$")
# On no account: divisions and remainders take a time that depends on their operands.
_SLOW = re.compile(r"^\s*[0-9a-f]+:\s+(quou|quos|remu|rems)\s")


AUDIT = os.path.join(HERE, "xtensa_audit.json")
LEAK = "int leak(unsigned secret, int a) { return secret == 0 ? a + a : a; }\n"


def flags_of(source):
    flags = [flag for flag in natmod._COMMON if not flag.startswith("-DMICROPY")]
    return [*flags, "-O2" if source in natmod._FAST else "-Os"]


def made_of(source):
    """Digest of a C file, all that it includes of ours on an ESP32 (not the arithmetic of other cores: fe.h), the flags
    and the program that makes its code."""
    command = ["gcc", "-MM", "-DSC_FE=29", os.path.join(SOURCE, source)]
    rule = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    seen = {os.path.basename(path) for path in rule.partition(":")[2].replace("\\\n", " ").split()}
    assert source in seen and not seen & {"fe_13.h", "fe_32.h", "fe_51.h"}, seen
    digest = hashlib.sha256(repr(flags_of(source)).encode())
    for name in [*sorted(seen), "xtensa.py"]:
        with open(os.path.join(SOURCE, name), "rb") as file:
            digest.update(b"\0%s\0" % name.encode() + file.read())
    return digest.hexdigest()


def functions(folder, source):
    """{function: [line of disassembly]}"""
    flags, level = flags_of(source)[:-1], flags_of(source)[-1]
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


def present():
    return xtensa.available() and xtensa.tool("llvm-objdump")


def audited(source):
    """{function: [line]} of record: what decides and divides in full, of the rest that it was there."""
    with open(AUDIT) as file:
        known = json.load(file)[source]
    assert known["made_of"] == made_of(source), source + " is another than was audited: see this file's beginning"
    return {name: lines + [""] * (known["lines"][name] - len(lines)) for name, lines in known["functions"].items()}


def version():
    """The very LLVM: another one may make other code of the same C."""
    run = subprocess.run([xtensa.tool("llc"), "--version"], capture_output=True, text=True, check=True)
    return re.search(r"LLVM version (\S+)", run.stdout)[1]


def record(code, source):
    """What is kept of a disassembly."""
    return {
        "made_of": made_of(source),
        "lines": {name: len(lines) for name, lines in code.items()},
        "functions": {name: [x for x in lines if _BRANCH.match(x) or _SLOW.match(x)] for name, lines in code.items()},
        "digest": hashlib.sha256(json.dumps(code, sort_keys=True).encode()).hexdigest(),
    }


@pytest.mark.parametrize("source", sorted(ALLOWED))
def test_only_listed_branches(tmp_path, source):
    if present():
        code = functions(str(tmp_path), source)
        with open(AUDIT) as file:
            assert json.load(file)[source]["made_of"] == made_of(source), "audit it anew: see this file's beginning"
    else:
        code = audited(source)
    assert sum(len(lines) for lines in code.values()) > 30, "the disassembly is empty"
    found = Counter({name: len(branches(lines)) for name, lines in code.items()})
    for name, lines in code.items():
        allowed = ALLOWED[source].get(name, (0, ""))[0]
        assert found[name] <= allowed, "%s in %s has %d conditional branches, %d are known:\n%s" % (
            name, source, found[name], allowed, "\n".join(branches(lines)))  # fmt: skip
        assert not [line for line in lines if _SLOW.match(line)], "a division in %s" % name


def leak(folder):
    """The disassembly of LEAK."""
    source, target = os.path.join(folder, "leak.c"), os.path.join(folder, "leak.o")
    with open(source, "w") as file:
        file.write(LEAK)
    xtensa.compile_c(source, target, ["-O2"])
    command = [xtensa.tool("llvm-objdump"), "-d", "--no-show-raw-insn", "--mcpu=esp32", target]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [line for line in text.splitlines() if line.startswith(" ")]


def test_a_comparison_of_secrets_is_seen(tmp_path):
    """The compiler makes a branch of the innocent C that this test is about, and we find it."""
    with open(AUDIT) as file:
        known = json.load(file)["leak"]
    assert known["source"] == LEAK
    assert branches(leak(str(tmp_path)) if present() else known["lines"])


def test_the_audit_of_record_is_judged_as_fresh_code_is(tmp_path):
    """A branch more in it is found, other sources are found, and where LLVM is, it is what LLVM makes."""
    code = audited("secretbox.c")
    kept = len(branches(code["sc_secretbox_open"]))
    assert kept == ALLOWED["secretbox.c"]["sc_secretbox_open"][0]
    assert len(branches(code["sc_secretbox_open"] + ["      10:      \tbeqz\ta2, 0x20"])) == kept + 1
    with open(AUDIT) as file:
        known = json.load(file)
    if present() and known["llvm"] == version():
        for source in sorted(ALLOWED):
            assert record(functions(str(tmp_path), source), source) == known[source]


def test_all_code_is_judged():
    sources = {source for module in natmod.MODULES.values() for source in module if not source.endswith("_module.c")}
    # scrypt's memory is read where the password says, by its design; sha256 serves its PBKDF2 alone.
    assert sources - set(ALLOWED) == {"sha256.c", "scrypt.c"}


def main():
    if not present():
        sys.exit("LLVM 22 (clang-22, llvm-22) is not installed")
    with tempfile.TemporaryDirectory() as folder:
        audit = {source: record(functions(folder, source), source) for source in sorted(ALLOWED)}
        audit["llvm"] = version()
        audit["leak"] = {"source": LEAK, "lines": leak(folder)}
    with open(AUDIT, "w") as file:
        json.dump(audit, file, indent=1, sort_keys=True)
        file.write("\n")


if __name__ == "__main__":
    main()
