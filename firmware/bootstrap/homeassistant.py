"""Home Assistant's own schemas, to judge what the gateway tells it: the package alone, and what its MQTT part imports.

Its whole set of dependencies would bring hundreds of megabytes and other versions of what is in .venv: so it has an
environment of its own, in the user's cache, made once. The tests that need it skip, in words, where it is not there.
"""

import shutil
import sys
from pathlib import Path

from common import Problem, cache_dir, link, lock, run, say, told

VERSION = "2024.3.3"  # the last that runs on Python 3.11, the oldest that we support
_IMPORTED = (
    "aiohttp aiohttp-fast-url-dispatcher aiohttp-zlib-ng async-interrupt atomicwrites awesomeversion certifi ciso8601"
    " cryptography ifaddr Jinja2 lru-dict orjson packaging PyJWT python-slugify PyYAML typing_extensions ulid-transform"
    " voluptuous voluptuous-serialize yarl"
).split()
PROBE = "import homeassistant.components.mqtt.sensor"


def ensure() -> None:
    """build/bin/homeassistant-python: a Python that has it; says so and goes on where it cannot be had."""
    folder = cache_dir().parent / f"homeassistant-{VERSION}-py{sys.version_info[0]}.{sys.version_info[1]}"
    python = folder / "bin" / "python"
    try:
        with lock(folder.with_name(folder.name + ".lock")):
            if not (folder / "complete").exists():
                with told(f"      Home Assistant's schemas ({VERSION}, to judge the gateway by)"):
                    _make(folder, python)
        link("homeassistant-python", python)
    except Problem as e:
        say(f"      the gateway's payloads are not judged by Home Assistant's schemas: {e}")


def _make(folder: Path, python: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    run([sys.executable, "-m", "venv", folder], "homeassistant.log", "making its environment")
    pip: list[str | Path] = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    run([*pip, "--no-deps", f"homeassistant=={VERSION}"], "homeassistant.log", "pip install homeassistant")
    run([*pip, *_IMPORTED], "homeassistant.log", "pip install of what it imports")
    run([python, "-c", PROBE], "homeassistant.log", "importing its MQTT part")
    (folder / "complete").touch()
