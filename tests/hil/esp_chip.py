"""An Espressif chip as esptool meets it: the serial protocol of its
flasher stub behind a pty, with a flash that can be looked at.

Source: esptool's documentation, "Serial Protocol". Only what erasing
and writing needs; anything else is an error to it.
"""

import hashlib
import os
import pty
import select
import struct
import threading
import tty
import zlib

FLASH_BYTES = 4 << 20
_END = b"\xc0"
# The flash chip's answer to "who are you": 4 MB (0x16), at the register where each chip's ROM driver leaves it.
_W0 = {5: 0x60002058, 9: 0x60002058, 13: 0x60003058}
_FLASH_ID = 0x164020


class Chip:
    """chip_id: as in an image's header (5 is an ESP32-C3). port: its pty;
    flash: what is written; erased: how often it was erased whole.
    """

    def __init__(self, chip_id):
        self.chip_id = chip_id
        self.flash = bytearray(b"\xa5" * FLASH_BYTES)
        self.erased = 0
        self._at = 0

    def __enter__(self):
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.port = os.ttyname(self._slave)
        self._stop_r, self._stop_w = os.pipe()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        os.write(self._stop_w, b"x")
        self._thread.join(10)
        for fd in (self._master, self._slave, self._stop_r, self._stop_w):
            os.close(fd)

    def _serve(self):
        buffer = b""
        while True:
            if self._stop_r in select.select([self._master, self._stop_r], [], [])[0]:
                return
            buffer += os.read(self._master, 65536)
            while buffer.count(_END) >= 2:
                start = buffer.index(_END)
                end = buffer.index(_END, start + 1)
                packet = buffer[start + 1 : end].replace(b"\xdb\xdc", _END).replace(b"\xdb\xdd", b"\xdb")
                if packet:
                    self._command(packet)
                    buffer = buffer[end + 1 :]
                else:
                    buffer = buffer[end:]

    def _command(self, packet):
        kind, op, size, _ = struct.unpack_from("<BBHI", packet)
        if kind != 0 or len(packet) != 8 + size:
            return
        data = packet[8:]
        if op == 0x08:  # SYNC: eight answers
            for _ in range(8):
                self._answer(op)
        elif op == 0x0A:
            self._answer(op, value=_FLASH_ID if struct.unpack("<I", data)[0] == _W0.get(self.chip_id) else 0)
        elif op == 0x14:  # GET_SECURITY_INFO: flags, counters, chip, version
            self._answer(op, struct.pack("<IB7xII", 0, 0, self.chip_id, 0))
        elif op in (0x02, 0x10):  # FLASH_BEGIN, FLASH_DEFL_BEGIN: size, blocks, block size, offset
            self._at = struct.unpack_from("<4I", data)[3]
            self._unpacker = zlib.decompressobj()
            self._answer(op)
        elif op in (0x03, 0x11):  # FLASH_DATA, FLASH_DEFL_DATA: size, number, 0, 0, data
            piece = self._unpacker.decompress(data[16:]) if op == 0x11 else data[16:]
            self.flash[self._at : self._at + len(piece)] = piece
            self._at += len(piece)
            self._answer(op)
        elif op == 0x13:  # SPI_FLASH_MD5
            at, count = struct.unpack_from("<2I", data)
            self._answer(op, hashlib.md5(self.flash[at : at + count]).digest())
        elif op == 0xD0:
            self.flash[:] = b"\xff" * FLASH_BYTES
            self.erased += 1
            self._answer(op)
        elif op in (0x04, 0x09, 0x0B, 0x0D, 0x0F, 0x12):  # registers, parameters, speed, beginnings and ends
            self._answer(op)
        else:
            self._answer(op, status=b"\x01\x05")

    def _answer(self, op, data=b"", value=0, status=b"\0\0"):
        body = struct.pack("<BBHI", 1, op, len(data) + 2, value) + data + status
        os.write(self._master, _END + body.replace(b"\xdb", b"\xdb\xdd").replace(_END, b"\xdb\xdc") + _END)
