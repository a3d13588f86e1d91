"""The project-local .venv: made, or refreshed when what pyproject.toml asks for or the Python under it changes."""

import hashlib
import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from common import BUILD, ROOT, lock, run, told

VENV = ROOT / ".venv"


def ensure_venv() -> Path:
    """The venv's python, with this project (editable) and its test tools installed. Raises Problem."""
    stamp, begun = VENV / "sealcast.stamp", BUILD / "venv.begun"
    python = VENV / "bin" / "python"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    facts = [sys.version, str(ROOT), project["build-system"], project["project"], project["tool"]["setuptools"]]
    key = hashlib.sha256(json.dumps(facts).encode()).hexdigest()
    with lock(BUILD / "venv.lock"):
        if stamp.exists() and stamp.read_text() == key and python.exists():
            return python
        # An earlier run was cut short, by a full disk maybe, which leaves half of a file; or its Python has gone.
        if begun.exists() or not _works(python):
            shutil.rmtree(VENV, ignore_errors=True)
        stamp.unlink(missing_ok=True)  # an install that is cut short is none
        begun.touch()
        with told("      making .venv and installing the Python packages"):
            run([sys.executable, "-m", "venv", "--without-pip", VENV], "venv.log", "making .venv")
            # As venv itself does it, which keeps the reason for a failure to itself.
            run([python, "-m", "ensurepip", "--upgrade", "--default-pip"], "venv.log", "installing pip into .venv")
            run([python, "-m", "pip", "install", "--editable", ".[test]"], "venv.log", "pip install")
        stamp.write_text(key)
        begun.unlink()
    return python


def _works(python: Path) -> bool:
    try:
        ask = "import pip, sys; print(sys.version)"
        asked = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=False)
    except OSError:
        return False
    return asked.stdout.strip() == sys.version
