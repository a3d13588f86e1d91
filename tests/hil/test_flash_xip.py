"""`sealcast flash --xip`: the bytecode into a board's flash, what doctor says of it, and the way back."""

import subprocess

import pytest
from esp_chip import Chip

from sealcast_host.boards import image, models
from sealcast_host.boards.xip import board as in_flash
from sealcast_host.errors import Failed, UserError


def doctors(home, port):
    return home.sealcast("doctor", "--port", port, code=1).stdout  # 1: it is not provisioned


def hil_leaves_it_there(home, board):
    """It took the bytecode away, as `sealcast flash` without --xip does: a board was left that its node did not fit."""
    asked = ("hil", "--port", board.port, "--parts", "primitives", "--rounds", 1, "--report", home.folder)
    said = home.sealcast(*asked).stdout
    assert "nothing had changed" in said and "verdict: passed" in said
    (board.flash / "xip-stubs" / "node" / "app.mpy").write_bytes(b"of another version")
    assert "first `sealcast flash --xip`" in home.sealcast(*asked, code=1).stdout
    assert "bytecode in flash" in doctors(home, board.port)


@pytest.mark.parametrize("kind", ["unix_board", "qemu_board"])
def test_there_and_back(home, kind, request):
    board = request.getfixturevalue(kind)
    done = home.sealcast("flash", "--xip", "--port", board.port)
    assert "KB of bytecode run out of flash (experimental" in done.stdout
    said = doctors(home, board.port)
    assert "bytecode in flash (--xip, experimental)" in said and "each as it should be" in said
    wrong = {line.split()[1] for line in said.splitlines() if line.startswith("WRONG")}
    assert "settings" in wrong and wrong <= {"settings", "heap"}, said

    assert " 0 of them copied now" in home.sealcast("flash", "--xip", "--port", board.port).stdout
    if kind == "unix_board":
        hil_leaves_it_there(home, board)
    home.sealcast("flash", "--port", board.port)
    said = doctors(home, board.port)
    assert "bytecode in memory, from files" in said and "each as it should be" in said


def test_a_damaged_image_is_said_by_doctor_and_mended(home, unix_board):
    home.sealcast("flash", "--xip", "--port", unix_board.port)
    path = unix_board.flash / "xip-stubs" / "image"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    said = doctors(home, unix_board.port)
    assert "WRONG  bytecode xip: the bytecode in flash is not used, files serve: the image is damaged" in said
    home.sealcast("flash", "--xip", "--port", unix_board.port)
    assert "bytecode in flash" in doctors(home, unix_board.port)


def test_a_board_that_it_is_not_for(home, unix_board, tmp_path):
    done = home.sealcast("flash", "--xip", "--image", tmp_path / "x.uf2", "--port", unix_board.port, code=2)
    assert "--xip knows the ESP32 and ESP32-C3" in done.stderr
    with pytest.raises(UserError, match="not ESP32_GENERIC_S3"):
        in_flash._way(models.named("ESP32_GENERIC_S3"), "port")


def test_a_place_in_the_flash_of_a_chip(tmp_path):
    """esptool writes there and nowhere else; a chip that is another is left alone."""
    (tmp_path / "image").write_bytes(bytes(range(256)) * 300)
    board = models.named("ESP32_GENERIC_C3")
    with Chip(5) as chip:
        image.write_region(board, chip.port, 0x1C0000, tmp_path / "image")
        assert bytes(chip.flash[0x1C0000 : 0x1C0000 + 76800]) == bytes(range(256)) * 300
        assert chip.erased == 0 and set(chip.flash[:0x1C0000]) == {0xA5} and set(chip.flash[0x1D3000:]) == {0xA5}
    with Chip(9) as chip:
        with pytest.raises(UserError, match="not ESP32-C3"):
            image.write_region(board, chip.port, 0x1C0000, tmp_path / "image")
        assert set(chip.flash) == {0xA5}


# The partitions of a stock ESP32-C3 as its module `esp32` shows them: the program's ends where two segments end.
_PARTITIONS = """
import sys
class Partition:
    TYPE_DATA, RUNNING = 1, 1
    def __init__(self, which): pass
    @staticmethod
    def find(kind, label): return %s
    def info(self): return (0, 0, 0x10000, 0x1f0000, 'factory', %s)
    def readblocks(self, block, buffer, offset):
        at = block * 4096 + offset
        head = bytes([0xe9, 2]) + bytes(21) + b'\\x01'
        first, second = (bytes(4) + n.to_bytes(4, 'little') for n in (0x9c, 0x19fff0))
        flash = {0: head, 24: first, 24 + 8 + 0x9c: second}
        buffer[:] = flash[at][:len(buffer)]
class Own(Partition):
    def __init__(self): pass
    def info(self): return (1, 6, 0x3c0000, 0x40000, 'sealcast', False)
class esp32: pass
esp32.Partition = Partition
sys.modules['esp32'] = esp32
"""


def test_the_free_tail_of_the_program(micropython):
    class Answers:
        port = "port"

        def __init__(self, own="[]", encrypted=False):
            self.given = _PARTITIONS % (own, encrypted)

        def run(self, program):
            done = subprocess.run([micropython, "-c", self.given + program], capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            return done.stdout

    # 24 + two headers of 8 + 0x9c + 0x19fff0, padded to 16, a hash of 32: 0x1a0100; then a sector for a signature.
    assert in_flash._free_flash(Answers(), 130000) == 0x1C0000
    assert in_flash._free_flash(Answers(), 0x40000) == 0x1C0000
    with pytest.raises(UserError, match="256 KB of flash are free behind its program, 257 KB are needed"):
        in_flash._free_flash(Answers(), 257 * 1024)
    assert in_flash._free_flash(Answers(own="[Own()]"), 130000) == 0x3C0000
    with pytest.raises(UserError, match="encrypted"):
        in_flash._free_flash(Answers(encrypted=True), 130000)


def test_figures_that_a_bad_line_has_changed_are_not_written_by():
    """One digit of where the flash is free, and the image would lie over the filesystem."""

    class Answers:
        port = "port"

        def run(self, program):
            self.said = "65536 2031616 1703936 0" if not hasattr(self, "said") else "65536 2031616 1703946 0"
            return self.said

    with pytest.raises(Failed, match="did not arrive whole"):
        in_flash._free_flash(Answers(), 130000)
