"""Wrong images of every kind: said in one line, and files serve. The board's side of `sealcast flash --xip`, on the
unix port."""

import json
import random
import subprocess
import zlib

import pytest

import flashed
from sealcast_host.boards.xip import mpy

# The core lies in files behind the stubs, as on a board: where it comes from is the answer.
_PROGRAM = """
from sealcast import wire
from sealcast.run import aio
print('FLASH' if wire.__file__.startswith(sys.argv[1]) else 'FILES')
"""
_LINE = "xip: the bytecode in flash is not used, files serve: "


@pytest.fixture
def board(micropython, lib, mpy_cross, tmp_path):
    """start(change) -> what the board says that has this image: change(description, image, run) makes it a wrong
    one."""
    place = flashed.dual.compiled(mpy_cross)

    def start(code, change=lambda description, image, run: None, program=micropython, **options):
        run = flashed.Run(program, lib, tmp_path, _PROGRAM, str(tmp_path), path=f"{place}/shared:")
        run.link(code, **options)
        description = json.loads((run.folder / "image.json").read_text())
        image = bytearray((run.folder / "image").read_bytes())
        changed = change(description, image, run)
        image = image if changed is None else changed
        (run.folder / "image").write_bytes(image)
        (run.folder / "image.json").write_text(json.dumps(description))
        status, out = run.go()
        return status, out

    return start


def refused(answer, why):
    status, out = answer
    assert status == 0, out
    lines = out.splitlines()
    assert lines[-1] == "FILES", out
    assert len(lines) == 2 and lines[0].startswith(_LINE), out
    assert why in lines[0], out
    assert lines[0].endswith("; to mend it: sealcast flash --xip")


def used(answer):
    assert answer == (0, "FLASH\n")


def test_a_right_image_is_used_again_and_again(board, code):
    for _ in range(3):
        used(board(code))


def test_truncated(board, code):
    for keep in (0, 1, 15, 16, 63, 64, 1000, -1):
        refused(board(code, lambda d, i, r, keep=keep: i[:keep]), "another length")
    # A flash reads as ff behind what was written.
    for keep in (0, 8, 100, 5000, -2):
        refused(board(code, lambda d, i, r, keep=keep: i[:keep].ljust(len(i), b"\xff")), "xip: ")


def test_bit_flips(board, code):
    seed = random.SystemRandom().randrange(1 << 32)
    print("seed", seed)
    draw = random.Random(seed)

    def flip(description, image, run):
        image[draw.randrange(len(image))] ^= 1 << draw.randrange(8)

    for _ in range(25):
        refused(board(code, flip), "xip: ")


def test_more_than_the_image(board, code):
    refused(board(code, lambda d, i, r: i + b"\0"), "another length")


def test_another_version(board, code, lib):
    other = {path: data for path, data in code.items() if path != "sealcast/errors.mpy"}

    def of_other(description, image, run):
        made = flashed.make(other, flashed.Target(flashed.X64, 8, flashed.BASE), "0.0.9")
        return bytearray(made.data.ljust(len(image), b"\0"))

    refused(board(code, of_other), "length")
    refused(board(code, lambda d, i, r: d.update(id="00" * 16)), "another version")
    refused(board(code, lambda d, i, r: d.update(probe_check=1)), "another version")


def test_another_architecture(board, code):
    def elsewhere(description, image, run):
        image[16] = 11  # rv32imc
        image[12:16] = zlib.crc32(image[16:]).to_bytes(4, "little")

    def older(description, image, run):
        image[18] = 5
        image[12:16] = zlib.crc32(image[16:]).to_bytes(4, "little")

    refused(board(code, elsewhere), "another architecture")
    refused(board(code, older), "another architecture")


def test_another_firmware(board, code):
    refused(
        board(code, firmware=["ESP32C3 module with ESP32C3", "1.25.0"]), "is for ESP32C3 module with ESP32C3 1.25.0"
    )
    refused(board(code, firmware=["linux", "1.24.0"]), "is for linux 1.24.0")


def test_constants_of_another_firmware(board, code):
    """Linked with types at other addresses: nothing of it may be touched."""
    words = flashed.Words(0xFFFF, *range(0x10000, 0x10070, 16))

    def relink(description, image, run):
        made = flashed.make(code, flashed.Target(flashed.X64, 8, flashed.BASE, words), "0.1.0")
        description.update(id=made.id)
        return bytearray(made.data)

    refused(board(code, relink), "lays out its constants otherwise")


def test_a_description_that_is_none(board, code):
    def torn(description, image, run):
        description.clear()

    refused(board(code, torn), "KeyError")


def test_a_stub_of_another_image(board, code, micropython, tmp_path):
    """Found when it is imported: that start fails, the next one runs from files."""

    def old_stub(description, image, run):
        parts = mpy.read(code["sealcast/wire.mpy"])
        (run.folder / "sealcast" / "wire.mpy").write_bytes(mpy.stub(parts, 7, 12345, [True] * len(parts.constants)))

    status, out = board(code, old_stub)
    assert status == 1 and "ImportError: xip: the stub is of another image" in out
    refused(board(code), "the stub is of another image")


def test_a_crash_during_the_trial_is_the_last(board, code, tmp_path):
    """What a mismatch does that no check sees: the interpreter dies. Twice; then files serve until the image is
    written anew."""

    def poisoned(description, image, run):
        def word(at):
            return int.from_bytes(image[at : at + 8], "little")

        # Its function `trial`, the fifth that the probe makes, has its bytecode where no memory is.
        top = int.from_bytes(image[64:68], "little")
        trial = word(word(top + 16) - flashed.BASE + 4 * 8) - flashed.BASE
        image[trial + 8 : trial + 16] = (8).to_bytes(8, "little")
        image[12:16] = zlib.crc32(image[16:]).to_bytes(4, "little")

    for _ in range(2):
        status, out = board(code, poisoned)
        assert status < 0, out
    refused(board(code, poisoned), "restarted during its trial")
    refused(board(code), "restarted during its trial")
    (tmp_path / "xip" / "stubs" / "trying").unlink()  # as `sealcast flash --xip` does
    used(board(code))


def test_a_firmware_with_other_fields(board, code, other_layout):
    """MicroPython built with two fields of its functions exchanged: seen, and nothing of it touched."""
    refused(board(code, program=other_layout), "lays out its functions otherwise")


def test_memory_in_use(board, code):
    def taken(description, image, run):
        description.update(base=run.words.str_type // 4096 * 4096)

    refused(board(code, taken), "in use")


def test_without_a_native_module(board, code, lib, tmp_path):
    native = lib / "xipnative.mpy"
    data = native.read_bytes()
    try:
        native.write_bytes(data[:2] + bytes([data[2] ^ 4]) + data[3:])  # of another architecture
        refused(board(code), "ValueError")
    finally:
        native.write_bytes(data)


def test_nobody_writes_to_the_image(micropython, lib, code, tmp_path):
    """The image of the unix port is closed as flash is: what the tests here would not see is seen as a crash."""
    run = flashed.Run(
        micropython, lib, tmp_path, "import xip\nassert started\nprint('before')\nxip.image[70] = 1\nprint('after')"
    )
    run.link(code)
    status, out = run.go()
    assert status < 0 and "after" not in out
    assert subprocess.run([micropython, "-c", "1"], check=True).returncode == 0
