"""The demo's emulated board with its node in flash: neither in ROMFS
nor in files, so that without the image there is none.
"""

from sealcast_host.boards import bundle, models
from sealcast_host.boards.repl import Device
from sealcast_host.boards.xip import board as in_flash


class InFlash:
    """Before a BoardMember among the bases: what its _install puts on the board, and then the image."""

    def _install(self, known):
        super()._install(known)
        plan, kind = in_flash.Plan(), models.named("QEMU_VIRT_RV32")
        with Device(self._board.port) as device:
            facts = device.facts()
            wanted = bundle.make(facts.arch, facts.mpy, kind)
            plan.add(device, kind, wanted)
            for path, data in wanted.files.items():
                if path.startswith(("/lib/xip", "/lib/curve", "/lib/sym", bundle.STUBS)):
                    device.put(path, data)
        plan.write(self._board.port)
        self._board.write_rom(bytes(4096))
        self._board.reset()
