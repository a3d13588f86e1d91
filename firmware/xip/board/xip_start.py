"""At boot, before anything of the node is loaded: does the image in flash run here? Then the stubs come first on
sys.path.

`sealcast flash --xip` writes the image, and into FOLDER the stubs and image.json. Any doubt is one line, and files
serve.
EXPERIMENTAL, not tried on silicon: docs/HARDWARE.md, "Bytecode in flash".
"""

import gc
import sys

from micropython import const

FOLDER = "/xip-stubs"  # no name of a module: the root is on sys.path
_HEADER = const(64)
_PAGE = const(0x10000)
_CRASHES = const(2)  # so often may a board vanish during the first trial of an image

# How a chip's MMU shows flash to the data bus: address and entries of that window, what an unused entry reads,
# the tables, the functions of its ROM in the order of map_<architecture>.c. Source: ESP-IDF, esp_rom/<chip>/ld.
_CHIPS = {
    "esp32c3": (0x3C000000, 128, 0x100, (0x600C5000,), (0x40000524, 0x40000564, 0x400004D4, 0x40000528)),
    "esp32": (0x3F400000, 64, 0x100, (0x3FF10000, 0x3FF12000), (0x40009AB8, 0x40009A14, 0x400095E0, 0x40009A84)),
}
_LAYOUT = ("", "functions", "functions", "raw code", "modules", "constants")


class _Doubt(Exception):
    """Why the image is not used."""


def start(folder=FOLDER, say=print):
    """True: modules come out of the image from now on. False: files serve, as without an image."""
    try:
        if folder + "/" not in [name + "/" for name in sys.path]:
            known = _read(folder + "/image.json")
            if not known:
                return False  # this board is not one of those
            _use(known, folder)
        return True
    except _Doubt as e:
        say("xip: the bytecode in flash is not used, files serve: %s; to mend it: sealcast flash --xip" % e)
    except Exception as e:  # whatever it is: files serve
        say(
            "xip: the bytecode in flash is not used, files serve: %s %s; to mend it: sealcast flash --xip"
            % (type(e).__name__, e)
        )
    for name in ("xip", "xipnative", "xip_probe"):
        sys.modules.pop(name, None)
    gc.collect()
    return False


def _read(path):
    try:
        with open(path) as f:
            return f.read()
    except OSError:
        return ""


def _write(path, text):
    with open(path, "w") as f:
        f.write(text)


def _use(text, folder):
    import json

    known = json.loads(text)
    here = [
        getattr(sys.implementation, "_machine", sys.platform),
        ".".join([str(n) for n in sys.implementation.version[:3]]),
    ]
    if known["firmware"] != here:
        raise _Doubt("the image is for %s, this is %s" % (" ".join(known["firmware"]), " ".join(here)))
    if hasattr(sys, "settrace"):
        raise _Doubt("this firmware can trace, its functions are laid out otherwise")
    bad = _read(folder + "/bad")
    if bad:
        raise _Doubt(bad)
    name = " ".join([known["id"]] + here)
    proven = _read(folder + "/proven") == name
    if not proven:
        # A wrong image may crash rather than raise: then this is what is left of the trial.
        tries = len(_read(folder + "/trying"))
        if tries >= _CRASHES:
            raise _Doubt("the board restarted during its trial")
        _write(folder + "/trying", "x" * (tries + 1))
    try:
        _prove(known, folder)
        if not proven:
            _write(folder + "/proven", name)
    finally:
        if not proven:
            import os

            os.remove(folder + "/trying")
    sys.path.insert(0, folder)


def _prove(known, folder):
    import xip_probe
    import xipnative

    import xip

    image = _map(known, xipnative)
    _check_header(image, known)
    answer = xipnative.layout(xip_probe.outer, image, xip_probe.mark())
    if answer:
        raise _Doubt("this firmware lays out its %s otherwise" % _LAYOUT[answer])
    expected = xip_probe.trial(3)
    if known["probe_check"] != int.from_bytes(image[_HEADER + 4 : _HEADER + 8], "little"):
        raise _Doubt("the image is of another version")
    del sys.modules["xip_probe"]
    xip.image = image
    xip.folder = folder
    # The probe's stub makes its module a second time, out of the image.
    sys.path.insert(0, folder)
    try:
        import xip_probe as flashed

        if flashed.__file__[: len(folder)] != folder or flashed.trial(3) != expected:
            raise _Doubt("its trial computed something else")
    finally:
        sys.path.remove(folder)
        sys.modules.pop("xip_probe", None)


def _check_header(image, known):
    import binascii

    if bytes(image[:8]) != b"SEALXIP1":
        raise _Doubt("there is no image where it should be")
    size = int.from_bytes(image[8:12], "little")
    if size != known["size"]:
        raise _Doubt("the image has another length")
    if binascii.hexlify(image[32:48]).decode() != known["id"]:
        raise _Doubt("the image is of another version")
    if int.from_bytes(image[12:16], "little") != binascii.crc32(memoryview(image)[16:size]):
        raise _Doubt("the image is damaged")
    mpy = getattr(sys.implementation, "_mpy", 0)
    if (
        image[16] != mpy >> 10 & 15
        or image[18] != mpy & 0xFF
        or int.from_bytes(image[24:32], "little") != known["base"]
    ):
        raise _Doubt("the image is for another architecture")


def _map(known, native):
    """The image as a bytearray."""
    import array

    base, size, how = known["base"], known["size"], known["how"]
    if how == "memory":  # it is there, as on the emulated board
        return native.view(base, size)
    if how == "unix":
        return _unix(known["file"], base, size, native)
    if "spiram" in sys.implementation._machine.lower() or gc.mem_free() > 1 << 20:
        raise _Doubt("a board with PSRAM has no need of it, and its cache must not be flushed")
    window, entries, invalid, tables, functions = _CHIPS[how]
    pages = (size + _PAGE - 1) // _PAGE
    first = (base - window) // _PAGE
    if base % _PAGE or known["flash"] % _PAGE or first < 0 or first + pages > entries:
        raise _Doubt("its address is outside the window")
    words = [base, known["flash"], pages] + [table + 4 * first for table in tables] + [invalid]
    words += functions
    answer = native.remap(array.array("I", words + [0] * (12 - len(words))))
    if answer:
        raise _Doubt("the chip's pages there are in use" if answer == 1 else "the chip's ROM refused to map it")
    return native.view(base, size)


def _unix(path, base, size, native):
    import array

    length = (size + 4095) // 4096 * 4096
    if native.remap(array.array("Q", [base, length] + [0] * 10)):
        raise _Doubt("the memory there is in use")
    image = native.view(base, size)
    with open(path, "rb") as f:
        if f.readinto(image) != size or f.read(1):
            raise _Doubt("the image has another length")
    native.remap(array.array("Q", [base, length, 1] + [0] * 9))
    return image
