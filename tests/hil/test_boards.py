"""boards/*.toml: every field of every file, and that no two boards can be taken for each other."""

import re
import tomllib

import pytest

from sealcast_host.boards import models, shipped
from sealcast_host.errors import UserError

FILES = sorted(shipped.boards_dir().glob("*.toml"))
WANTED = {"ESP32_GENERIC", "ESP32_GENERIC_S2", "ESP32_GENERIC_S3", "ESP32_GENERIC_C3", "ESP32_GENERIC_C6",
          "RPI_PICO_W", "RPI_PICO2_W", "UNIX", "QEMU_VIRT_RV32"}  # fmt: skip


def test_all_boards_are_there():
    assert WANTED <= {path.stem for path in FILES}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_field(path):
    values = tomllib.loads(path.read_text())
    assert models.check(values) == []
    board = models.load(path)
    assert re.fullmatch("[A-Z0-9_]+", board.name)
    assert (shipped.prebuilt_dir() / board.arch / "curve25519.mpy").is_file()
    assert (shipped.prebuilt_dir() / board.arch / "symcrypto.mpy").is_file()
    assert board.micropython >= (1, 24) if board.arch.startswith("rv32") else board.micropython >= (1, 23)
    if board.firmware.format != "program":
        assert board.firmware.source == f"https://micropython.org/download/{board.name}/"
        assert board.firmware.name in (f"{board.name}-*.bin", f"{board.name}-*.uf2")
        assert models.of_chip(board.chip) == board


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_field_is_needed_and_judged(path):
    for table in (None, "firmware", "pins"):
        names = tomllib.loads(path.read_text())
        for name in names if table is None else names[table]:
            for wrong in (None, "", {}, True):
                values = tomllib.loads(path.read_text())
                place = values if table is None else values[table]
                if wrong is None:
                    del place[name]
                else:
                    place[name] = wrong
                assert models.check(values), (table, name, wrong)
    assert models.check(tomllib.loads(path.read_text()) | {"extra": 1}) == ["extra: unknown field"]


def test_what_identifies_a_board_is_its_own():
    known = models.known().values()
    for field in (lambda b: b.machine, lambda b: b.firmware.name, lambda b: b.title):
        assert len({field(b) for b in known}) == len(known)
    images = [(b.firmware.format, b.firmware.image_chip) for b in known if b.firmware.format != "program"]
    assert len(set(images)) == len(images)


@pytest.mark.parametrize(
    ("machine", "name"),
    [
        ("Generic ESP32 module with ESP32", "ESP32_GENERIC"),
        ("Generic ESP32 module with SPIRAM with ESP32", "ESP32_GENERIC"),
        ("ESP32C3 module with ESP32C3", "ESP32_GENERIC_C3"),
        ("Generic ESP32S3 module with ESP32S3", "ESP32_GENERIC_S3"),
        ("Raspberry Pi Pico W with RP2040", "RPI_PICO_W"),
        ("Raspberry Pi Pico 2 W with RP2350", "RPI_PICO2_W"),
        ("virt with rv32imac", "QEMU_VIRT_RV32"),
        ("linux [GCC 12.2.0] version", "UNIX"),
        ("Raspberry Pi Pico with RP2040", None),
        ("ESP module with ESP8266", None),
    ],
)
def test_a_board_is_recognised_by_what_it_calls_itself(machine, name):
    found = models.of_machine(machine)
    assert (found.name if found else None) == name


@pytest.mark.parametrize(
    ("chip", "name"),
    [
        ("ESP32", "ESP32_GENERIC"),
        ("ESP32-C3", "ESP32_GENERIC_C3"),
        ("ESP32-S3", "ESP32_GENERIC_S3"),
        ("ESP32-H2", None),
        ("ESP8266EX", None),
    ],
)
def test_a_board_is_chosen_by_its_chip(chip, name):
    found = models.of_chip(chip)
    assert (found.name if found else None) == name


def test_an_unknown_board_is_told_with_the_known_ones():
    with pytest.raises(UserError, match="unknown board; known are ESP32_GENERIC, "):
        models.named("ESP8266_GENERIC")
