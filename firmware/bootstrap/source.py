"""Where the MicroPython source comes from. As a command it prints the path of the source tree, fetching it if needed.

In this order: $MICROPYTHON_DIR; the per-user cache; Debian's source package, over this machine's own mirror and checked
by apt against Debian's archive keys; the tag in MicroPython's git.
The tree is shared by every build (unix, qemu, native modules): build out of it (BUILD=<folder of yours>), never in it.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import debian
from common import OLDEST, VERSION, Problem, cache_dir, lock, main, run, told

_GIT = "https://github.com/micropython/micropython.git"
_RELEASE = "trixie"  # the Debian release that carries MicroPython 1.25
_KEYRINGS = ("/usr/share/keyrings/debian-archive-keyring.gpg", "/usr/share/keyrings/debian-archive-keyring.pgp")


def source_tree() -> Path:
    """The path of a MicroPython source tree. Raises Problem."""
    given = os.environ.get("MICROPYTHON_DIR")
    if given:
        tree = Path(given).resolve()
        if version_of(tree) < OLDEST:
            problem = f"MICROPYTHON_DIR={given} is no MicroPython source of version 1.23 or later"
            raise Problem(f"{problem}: point it at one, or unset it")
        return tree
    tree = cache_dir() / f"source-{VERSION}"
    with lock(cache_dir() / "source.lock"):
        if not tree.is_dir():
            with tempfile.TemporaryDirectory(dir=cache_dir(), prefix="fetch-") as folder:
                fetched = _fetch(Path(folder))
                fetched.rename(tree)  # only a complete, checked tree ever has this name
    return tree


def version_of(tree: Path) -> tuple[int, ...]:
    """The version a source tree says it has, () for what is no source tree."""
    try:
        text = (tree / "py" / "mpconfig.h").read_text()
    except OSError:
        return ()
    found = re.findall(r"^#define MICROPY_VERSION_(?:MAJOR|MINOR|MICRO) +(\d+)$", text, re.M)
    return tuple(int(number) for number in found)


def _fetch(folder: Path) -> Path:
    reasons = []
    ways = [(f"MicroPython's git, tag v{VERSION}", _from_git)]
    if debian.is_debian() and shutil.which("apt-get"):
        ways.insert(0, (f"Debian {_RELEASE}'s source package", _from_debian))
    for name, way in ways:
        try:
            if way is _from_debian:
                debian.ensure(["dpkg-dev"])
            with told(f"      fetching MicroPython {VERSION} ({name})"):
                tree = way(folder)
                if ".".join(str(n) for n in version_of(tree)) != VERSION:
                    raise Problem(f"it holds version {version_of(tree)}, not {VERSION}")
                return tree
        except Problem as e:
            reasons.append(f"{name}: {e}")
    way_out = f"set MICROPYTHON_DIR to a source tree of MicroPython {VERSION}"
    raise Problem(f"no MicroPython source; {'; '.join(reasons)}. Way out: {way_out}")


def _from_debian(folder: Path) -> Path:
    return debian_source("micropython", folder)


def debian_source(package: str, folder: Path) -> Path:
    """A source package's tree, unpacked below the folder and checked against Debian's keys. Raises Problem."""
    try:
        _apt_source(package, folder)
    except Problem as e:
        # A machine not upgraded for long lacks the newer release's keys: take them from its own, signed, release.
        if "NO_PUBKEY" not in str(e) or os.geteuid() != 0:
            raise
        debian.install(["debian-archive-keyring"])
        _apt_source(package, folder)
    files = list(folder.glob(f"{package}_*.dsc"))
    if len(files) != 1:
        raise Problem("apt-get source brought no .dsc file")
    # No check of its own: apt has checked the signatures.
    run(["dpkg-source", "--no-check", "-x", files[0], folder / "tree"], "source.log", "unpacking")
    return folder / "tree"


def _apt_source(package: str, folder: Path) -> None:
    """Download the source package with apt state of our own: the system's apt configuration is read, never changed."""
    keyring = next((name for name in _KEYRINGS if Path(name).exists()), None)
    if keyring is None:
        raise Problem("no Debian keyring to check the download with; install debian-archive-keyring")
    sources = folder / "sources.list.d"
    for name in (sources, folder / "lists" / "partial", folder / "cache" / "archives" / "partial"):
        name.mkdir(parents=True, exist_ok=True)
    stanza = f"Types: deb-src\nURIs: {_mirror()}\nSuites: {_RELEASE}\nComponents: main\nSigned-By: {keyring}\n"
    (sources / "release.sources").write_text(stanza)
    options = {
        "Dir::State::lists": folder / "lists",
        "Dir::Cache": folder / "cache",
        "Dir::Etc::SourceList": "/dev/null",
        "Dir::Etc::SourceParts": sources,
        "Acquire::AllowInsecureRepositories": "false",
        "APT::Get::AllowUnauthenticated": "false",
        "APT::Update::Error-Mode": "any",
        # Its own user cannot write below a home directory; signatures are what we rely on.
        "APT::Sandbox::User": "root",
    }
    apt = ["apt-get", "-q"]
    for key, value in options.items():
        apt += ["-o", f"{key}={value}"]
    run([*apt, "update"], "source.log", "reading the package lists")
    run([*apt, "source", "--download-only", package], "source.log", "downloading", cwd=folder)


def _mirror() -> str:
    """The Debian mirror that this machine's own apt configuration uses."""
    for attempt in (1, 2):
        targets = subprocess.run(
            ["apt-get", "indextargets", "--format", "$(ORIGIN)|$(RELEASE)|$(REPO_URI)", "Created-By: Packages"],
            capture_output=True, text=True, check=False,
        ).stdout  # fmt: skip
        for line in targets.splitlines():
            origin, release, uri = line.split("|", 2)
            if origin == "Debian" and "-" not in release:  # not -security, -updates, -backports
                return uri
        if attempt == 1 and os.geteuid() == 0:
            debian.update_lists()
    raise Problem("apt knows no Debian mirror here (run apt-get update as root)")


def _from_git(folder: Path) -> Path:
    tree = folder / "git"
    if shutil.which("git") is None:
        raise Problem("there is no git command")
    env = {"GIT_TERMINAL_PROMPT": "0"}
    clone = ["git", "clone", "-q", "--depth", "1", "--branch", f"v{VERSION}"]
    run([*clone, _GIT, tree], "source.log", "git clone", env=env)
    update = ["git", "submodule", "update", "-q", "--init", "--depth", "1", "lib/mbedtls"]
    run(update, "source.log", "fetching mbedtls", env=env, cwd=tree)
    return tree


if __name__ == "__main__":
    sys.exit(main(lambda: print(source_tree())))
