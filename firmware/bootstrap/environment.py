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
    stamp = VENV / "sealcast.stamp"
    python = VENV / "bin" / "python"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    facts = [sys.version, str(ROOT), project["build-system"], project["project"], project["tool"]["setuptools"]]
    key = hashlib.sha256(json.dumps(facts).encode()).hexdigest()
    with lock(BUILD / "venv.lock"):
        if stamp.exists() and stamp.read_text() == key and python.exists():
            return python
        if not _works(python):  # the Python it was made from has gone, or an earlier run was cut short
            shutil.rmtree(VENV, ignore_errors=True)
        stamp.unlink(missing_ok=True)  # an install that is cut short is none
        with told("      making .venv and installing the Python packages"):
            run([sys.executable, "-m", "venv", VENV], "venv.log", "making .venv")
            run([python, "-m", "pip", "install", "--editable", ".[test]"], "venv.log", "pip install")
        stamp.write_text(key)
    return python


def _works(python: Path) -> bool:
    try:
        ask = "import pip, sys; print(sys.version)"
        asked = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=False)
    except OSError:
        return False
    return asked.stdout.strip() == sys.version
