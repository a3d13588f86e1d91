"""Where the lwIP source comes from, for the emulated boards with a radio. As a command it prints the tree's path,
fetching it if needed.

MicroPython's source package leaves lwIP out. In this order: $LWIP_DIR; the per-user cache; Debian's source package,
checked by apt against Debian's archive keys; the release's tag in lwIP's git. Never built in: BUILD lies elsewhere.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import debian
from common import Problem, cache_dir, lock, main, run, told
from source import debian_source

VERSION = "2.2.1"
_GIT = "https://git.savannah.nongnu.org/git/lwip.git"


def lwip_tree() -> Path:
    """The path of an lwIP source tree. Raises Problem."""
    given = os.environ.get("LWIP_DIR")
    if given:
        tree = Path(given).resolve()
        if not _complete(tree):
            raise Problem(f"LWIP_DIR={given} is no lwIP source: point it at one, or unset it")
        return tree
    tree = cache_dir() / f"lwip-{VERSION}"
    with lock(cache_dir() / "lwip.lock"):
        if not tree.is_dir():
            with tempfile.TemporaryDirectory(dir=cache_dir(), prefix="fetch-") as folder:
                _fetch(Path(folder)).rename(tree)  # only a complete tree ever has this name
    return tree


def _complete(tree: Path) -> bool:
    return (tree / "src" / "core" / "tcp_out.c").is_file()


def _fetch(folder: Path) -> Path:
    reasons = []
    ways = [(f"lwIP's git, release {VERSION}", _from_git)]
    if debian.is_debian() and shutil.which("apt-get"):
        ways.insert(0, ("Debian's source package", _from_debian))
    for name, way in ways:
        try:
            with told(f"      fetching lwIP {VERSION} ({name})"):
                tree = way(folder)
                if not _complete(tree):
                    raise Problem("it is not complete")
                return tree
        except Problem as e:
            reasons.append(f"{name}: {e}")
    raise Problem(f"no lwIP source; {'; '.join(reasons)}. Way out: set LWIP_DIR to a source tree of lwIP {VERSION}")


def _from_debian(folder: Path) -> Path:
    debian.ensure(["dpkg-dev"])
    return debian_source("lwip", folder)


def _from_git(folder: Path) -> Path:
    if shutil.which("git") is None:
        raise Problem("there is no git command")
    tag = f"STABLE-{VERSION.replace('.', '_')}_RELEASE"
    env = {"GIT_TERMINAL_PROMPT": "0"}
    clone = ["git", "clone", "-q", "--depth", "1", "--branch", tag]
    run([*clone, _GIT, folder / "git"], "source.log", "git clone", env=env)
    return folder / "git"


if __name__ == "__main__":
    sys.exit(main(lambda: print(lwip_tree())))
