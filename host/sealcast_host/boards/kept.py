"""What follows from the sources alone is made once and kept in the user's cache: putting the sources of a bundle
together takes a second, and each command for a board needs them.

It lies there under a digest of all that it follows from: the sources of core and node, the native modules whose names
are seen to, what starts bytecode in flash, and the code of this package. What is missing, cannot be read or is not
whole is made again.
"""

import contextlib
import hashlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from sealcast_host.boards import shipped
from sealcast_host.errors import UserError
from sealcast_host.member.privatefiles import xdg

_FORGOTTEN_S = 30 * 24 * 3600  # what nobody has made anew for so long


def kept(name: str, make: Callable[[], dict[str, str]]) -> dict[str, str]:
    """What make() gives, made now or before. name: which of the things that are kept."""
    place = _place()
    if place is None:
        return make()
    path = place / f"{name}-{_digest()}.json"
    try:
        found = json.loads(path.read_text("utf-8"))
        if isinstance(found, dict):
            return found
    except (OSError, ValueError):
        pass
    made = make()
    with contextlib.suppress(OSError):
        _keep(path, json.dumps(made))
    return made


def _place() -> Path | None:
    """$XDG_CACHE_HOME/sealcast/boards, else below ~/.cache; None for a user without a home."""
    try:
        return xdg("XDG_CACHE_HOME", ".cache") / "sealcast" / "boards"
    except UserError:
        return None


def _keep(path: Path, text: str) -> None:
    """Whole or not at all, also when several processes do it; what is old goes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for other in path.parent.iterdir():
        if other.stat().st_mtime < time.time() - _FORGOTTEN_S:
            other.unlink(missing_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(temporary, path)


@lru_cache
def _digest() -> str:
    digest = hashlib.sha256(sys.version.encode())
    native, loader = shipped.prebuilt_dir() / "rv32imc", shipped.xip_dir()
    for folder in (shipped.core_dir(), shipped.node_dir(), native, loader, Path(__file__).parent):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                data = path.read_bytes()
                digest.update(f"{path.relative_to(folder)} {len(data)}\n".encode() + data)
    return digest.hexdigest()
