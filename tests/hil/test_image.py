"""Firmware images: wrong ones are refused before anything is touched;
right ones are written by the real esptool, or copied.
"""

import hashlib
import random
import struct

import pytest
from esp_chip import Chip

from sealcast_host.boards import image, models
from sealcast_host.errors import UserError


def esp_program(chip_id, size):
    """One segment of noise, its checksum's byte left as it is, and the SHA-256 of all."""
    head = struct.pack("<BBBBI BBBB H BHH 4x B", 0xE9, 1, 2, 0x20, 0, 0, 0, 0, 0, chip_id, 0, 0, 0xFFFF, 1)
    body = head + struct.pack("<II", 0x3FC00000, size) + random.Random(5).randbytes(size)
    body += bytes(16 - len(body) % 16)
    return body + hashlib.sha256(body).digest()


def esp_image(chip_id):
    """As MicroPython's: boot loader, a table of three partitions at 0x8000 of the flash, the program at 0x10000."""
    offset = 0x1000 if chip_id in (0, 2) else 0
    entries = [(1, 2, 0x9000, 0x6000), (1, 1, 0xF000, 0x1000), (0, 0, 0x10000, 0x1F0000)]
    table = b"".join(b"\xaa\x50" + struct.pack("<BBII20x", *entry) for entry in entries)
    data = esp_program(chip_id, 5000).ljust(0x8000 - offset, b"\xff") + table
    return data.ljust(0x10000 - offset, b"\xff") + esp_program(chip_id, 4500)


def uf2_image(family, blocks=3):
    def block(number, count, family, flags):
        head = struct.pack("<8I", 0x0A324655, 0x9E5D5157, flags, 0x10000000 + 256 * number, 256, number, count, family)
        return head + bytes(476) + struct.pack("<I", 0x0AB16F30)

    absolute = block(0, 2, 0xE48BFF57, 0xA000) if family == 0xE48BFF59 else b""  # as RP2350's begin
    return absolute + b"".join(block(number, blocks, family, 0x2000) for number in range(blocks))


@pytest.mark.parametrize(
    ("name", "data", "board", "says"),
    [
        (
            "ESP32_GENERIC_C3-20241129-v1.24.1.bin",
            esp_image(5),
            "ESP32_GENERIC_S3",
            "ESP32_GENERIC_S3 needs one for ESP32-S3",
        ),
        ("RPI_PICO_W-20250809-v1.26.0.uf2", uf2_image(0xE48BFF56), "RPI_PICO2_W", "is for RP2040"),
        ("RPI_PICO_W-20250809-v1.26.0.uf2", uf2_image(0xE48BFF56), "ESP32_GENERIC", "is for RP2040"),
        ("ESP32_GENERIC_C3-20231227-v1.22.0.bin", esp_image(5), None, "is too old"),
        ("ESP32_GENERIC_H2-v1.25.bin", esp_image(16), None, "for a chip that no board here has"),
        ("page.bin", b"<!DOCTYPE html>" + bytes(600), None, "is no firmware image"),
        ("short.bin", esp_image(5)[:100], None, "is no firmware image"),
        ("ESP32_GENERIC_C3-20241129-v1.24.1.bin", esp_image(5)[:-1], None, "is not whole"),
        ("ESP32_GENERIC-20250415-v1.25.0.bin", esp_image(0)[:50000], None, "is not whole"),
        ("ESP32_GENERIC-20250415-v1.25.0.bin", esp_image(0)[:20000], None, "is not whole"),
        ("ESP32_GENERIC-20250415-v1.25.0.bin", esp_image(0)[:4000], None, "is not whole"),
        ("ESP32_GENERIC-20250415-v1.25.0.bin", esp_image(0)[:-9] + bytes(9), None, "is not whole"),
        ("ESP32_GENERIC-20250415-v1.25.0.app-bin", esp_image(0)[0xF000:] + bytes(40000), None, "no table of part"),
        ("RPI_PICO_W-20250809-v1.26.0.uf2", uf2_image(0xE48BFF56)[:-512], None, "is not whole"),
        ("RPI_PICO_W-20250809-v1.26.0.uf2", uf2_image(0xE48BFF56)[:-1], None, "is not whole"),
        ("RPI_PICO2_W-20250616-v1.26.0.uf2", uf2_image(0xE48BFF59)[:512], None, "is not whole"),
        ("RPI_PICO2_W-20250616-v1.26.0.uf2", uf2_image(0xE48BFF59)[:1024] + bytes(1024), None, "is not whole"),
    ],
    ids="chip family format old unknown page short cut table-only boot-only in-boot wrong app uf2-block uf2-byte "
    "uf2-absolute uf2-zeros".split(),
)
def test_a_wrong_image_is_refused(tmp_path, home, name, data, board, says):
    (tmp_path / name).write_bytes(data)
    arguments = [*([board] if board else []), "--port", "/dev/no-such-port", "--image", str(tmp_path / name)]
    assert says in home.sealcast("flash", *arguments, code=2).stderr


def test_every_board_is_found_by_its_image(tmp_path):
    for board in models.known().values():
        if board.firmware.format != "program":
            make = esp_image if board.firmware.format == "esp" else uf2_image
            path = tmp_path / board.firmware.name.replace("*", "20260101-v1.27.0")
            path.write_bytes(make(board.firmware.image_chip))
            assert image.board_for(image.read(path), None) == board


def test_a_number_in_a_header_leads_nowhere(tmp_path):
    """Any byte of the headers may be wrong: a clear refusal, or an image; nothing else."""
    path, chance = tmp_path / "x", random.Random(9)
    headers = [*range(64), *range(512, 576), *range(1536, 1600)]
    for whole, places in ((esp_image(5), [*range(40), *range(0x8000, 0x8060)]), (uf2_image(0xE48BFF59), headers)):
        for place in places:
            data = bytearray(whole)
            data[place] ^= chance.randrange(1, 256)
            path.write_bytes(data)
            try:
                image.read(path)
            except UserError as e:
                assert "\n" not in str(e)


def test_esptool_erases_and_writes_the_right_chip(tmp_path, capfd):
    path = tmp_path / "ESP32_GENERIC_C3-20241129-v1.24.1.bin"
    path.write_bytes(esp_image(5))
    found = image.read(path)
    with Chip(5) as chip:
        image.write_esp(found, models.named("ESP32_GENERIC_C3"), chip.port)
        data = path.read_bytes()
        assert chip.erased == 1
        assert chip.flash[: len(data)] == data
        assert set(chip.flash[len(data) + 4096 :]) == {0xFF}
    assert "writing [100 %]" in capfd.readouterr().out


def test_esptool_leaves_a_wrong_chip_as_it_is(tmp_path):
    path = tmp_path / "ESP32_GENERIC_C3-20241129-v1.24.1.bin"
    path.write_bytes(esp_image(5))
    with Chip(9) as chip:
        with pytest.raises(
            UserError, match="is an ESP32-S3, and this image is for ESP32-C3: get its image from https://"
        ):
            image.write_esp(image.read(path), models.named("ESP32_GENERIC_C3"), chip.port)
        assert chip.erased == 0 and set(chip.flash) == {0xA5}


def test_a_uf2_is_copied_to_its_bootloaders_drive_only(tmp_path):
    path = tmp_path / "RPI_PICO_W-20250809-v1.26.0.uf2"
    path.write_bytes(uf2_image(0xE48BFF56))
    drive = tmp_path / "drive"
    drive.mkdir()
    pico = models.named("RPI_PICO_W")
    with pytest.raises(UserError, match="is not the drive of a bootloader"):
        image.write_uf2(image.read(path), pico, drive)
    (drive / "INFO_UF2.TXT").write_text("UF2 Bootloader v1.0\nModel: Raspberry Pi RP2350\nBoard-ID: RP2350\n")
    with pytest.raises(UserError, match="another chip than RP2040"):
        image.write_uf2(image.read(path), pico, drive)
    (drive / "INFO_UF2.TXT").write_text("UF2 Bootloader v3.0\nModel: Raspberry Pi RP2\nBoard-ID: RPI-RP2\n")
    assert image.write_uf2(image.read(path), pico, drive) == drive
    assert (drive / path.name).read_bytes() == path.read_bytes()
