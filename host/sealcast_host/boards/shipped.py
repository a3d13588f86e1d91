"""The files for boards that come with this package: in a checkout where git keeps them, in a wheel below _data/."""

from pathlib import Path

_HERE = Path(__file__).resolve().parents[1]
_WHEEL = _HERE / "_data"
_CHECKOUT = _HERE.parents[1]


def node_dir() -> Path:
    """The folder of the node's package: what a board has as `node`."""
    return _place("node", "firmware/node")


def prebuilt_dir() -> Path:
    """The folder of the native modules, one folder an architecture."""
    return _place("prebuilt", "firmware/prebuilt")


def xip_dir() -> Path:
    """The folder of what runs bytecode in flash: board/ (Python), prebuilt/ (native, one folder an architecture)."""
    return _place("xip", "firmware/xip")


def boards_dir() -> Path:
    """The folder of the board descriptions, <NAME>.toml."""
    return _place("boards", "boards")


def reference_dir() -> Path:
    """The folder of the desktop reference, for `sealcast hil`."""
    return _place("reference", "host/reference")


def vectors_dir() -> Path:
    """The folder of the known answers (primitives_*.json), for `sealcast hil`."""
    return _place("vectors", "tests/vectors")


def core_dir() -> Path:
    """The folder of the protocol core: what a board has as `sealcast`."""
    import sealcast

    return Path(next(iter(sealcast.__path__)))


def _place(shipped: str, kept: str) -> Path:
    return _WHEEL / shipped if _WHEEL.is_dir() else _CHECKOUT / kept
