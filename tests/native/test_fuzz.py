"""A time-boxed run of the fuzzers over the native modules; the corpus grows here and is kept in tests/native/corpus.

FUZZ_SECONDS (20) is for both pairs of field representations together. To search longer and keep what was found:
    FUZZ_SECONDS=3600 FUZZ_KEEP=1 pytest tests/native/test_fuzz.py
"""

import os
import re
import shutil
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from operations import INCLUDES, SOURCE, c_sources, natmod  # noqa: E402

CORPUS = os.path.join(HERE, "corpus")
SECONDS = int(os.environ.get("FUZZ_SECONDS", "20"))
LARGEST = 700
# Each pair is linked into one program and must agree; between them all representations run.
PAIRS = [(51, 29), (32, 13)]
SANITIZE = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
TARGETS = 17


def build(folder, pair):
    """The fuzzer of one pair of field representations."""
    sources = dict.fromkeys(source for module in natmod.MODULES for source, _ in c_sources(module))
    names = set()
    for header in INCLUDES:
        with open(header) as file:
            names.update(re.findall(r"\b(sc_(?:x25519|ristretto|scalar|bd|ed25519)\w*)\(", file.read()))
    renames = os.path.join(folder, "renames.h")
    with open(renames, "w") as file:
        file.writelines("#define %s alt_%s\n" % (name, name) for name in sorted(names))
    command = ["clang", *SANITIZE, "-fsanitize=fuzzer-no-link", "-I", SOURCE]
    objects = []
    for source in sources:
        objects.append(os.path.join(folder, os.path.basename(source) + ".o"))
        subprocess.check_call([*command, "-DSC_FE=%d" % pair[0], "-c", source, "-o", objects[-1]])
    objects.append(os.path.join(folder, "alt.o"))
    subprocess.check_call(
        [
            *command,
            "-DSC_FE=%d" % pair[1],
            "-include",
            renames,
            "-c",
            os.path.join(SOURCE, "curve25519.c"),
            "-o",
            objects[-1],
        ]
    )
    fuzzer = os.path.join(folder, "fuzz")
    subprocess.check_call(
        ["clang", *SANITIZE, "-fsanitize=fuzzer", "-I", SOURCE, os.path.join(HERE, "fuzz.c"), *objects, "-o", fuzzer]
    )
    return fuzzer


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_fuzz(tmp_path, pair):
    if not shutil.which("clang"):
        pytest.skip("clang is not installed")
    fuzzer = build(str(tmp_path), pair)
    found = tmp_path / "found"
    found.mkdir()
    command = [
        fuzzer,
        "-max_total_time=%d" % (SECONDS // len(PAIRS)),
        "-max_len=%d" % LARGEST,
        "-artifact_prefix=%s/" % tmp_path,
        "-print_final_stats=1",
        "-timeout=20",
        str(found),
        CORPUS,
    ]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=SECONDS + 400)
    assert done.returncode == 0, done.stderr[-6000:]
    runs = int(re.search(r"stat::number_of_executed_units:\s*(\d+)", done.stderr)[1])
    assert runs >= len(os.listdir(CORPUS)), "not even the corpus was run"
    if os.environ.get("FUZZ_KEEP"):
        subprocess.check_call([fuzzer, "-merge=1", "-max_len=%d" % LARGEST, CORPUS, str(found)])


def test_a_planted_fault_is_found(tmp_path):
    """The sanitizers and the comparison of representations see what they are there for."""
    if not shutil.which("clang"):
        pytest.skip("clang is not installed")
    with open(os.path.join(SOURCE, "memory.c")) as file:
        text = file.read()
    fault = "void sc_wipe(void *p, size_t n) {"
    assert fault in text
    (tmp_path / "memory.c").write_text(text.replace(fault, fault + " n++;"))
    command = ["clang", *SANITIZE, "-fsanitize=fuzzer-no-link", "-I", SOURCE, "-c", str(tmp_path / "memory.c")]
    subprocess.check_call([*command, "-o", str(tmp_path / "bad.o")])
    build(str(tmp_path), PAIRS[0])
    objects = [str(p) for p in tmp_path.glob("*.o") if p.name != "memory.c.o"]
    fuzzer = str(tmp_path / "faulty")
    subprocess.check_call(
        ["clang", *SANITIZE, "-fsanitize=fuzzer", "-I", SOURCE, os.path.join(HERE, "fuzz.c"), *objects, "-o", fuzzer]
    )
    command = [fuzzer, "-runs=2000", "-artifact_prefix=%s/" % tmp_path, CORPUS]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=300)
    assert done.returncode != 0 and "AddressSanitizer" in done.stderr


def test_corpus_holds_every_function():
    with open(os.path.join(HERE, "fuzz.c")) as file:
        listed = re.findall(r"^static void (try_\w+)\(void\)", file.read(), re.M)
    assert len(listed) == TARGETS
    seen = set()
    for name in os.listdir(CORPUS):
        with open(os.path.join(CORPUS, name), "rb") as file:
            seen.add((file.read(1) or b"\xff")[0] % TARGETS)
    assert seen == set(range(TARGETS))
