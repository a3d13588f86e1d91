"""Sizes of the prebuilt native modules."""
from operations import natmod


def missing():
    return []


def measure(put):
    for folder in sorted(natmod.PREBUILT.iterdir()):
        total = 0
        for path in sorted(folder.glob("*.mpy")) if folder.is_dir() else ():
            size = natmod.text_bytes(path)
            total += size
            put("%s.%s.text_bytes" % (folder.name, path.stem), size)
            put("%s.%s.file_bytes" % (folder.name, path.stem), path.stat().st_size)
        if total:
            put("%s.native.text_bytes" % folder.name, total)
