"""package.json: what mip puts on a board is whole, and MicroPython imports all of it."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import mip

ROOT = Path(__file__).resolve().parents[2]


def test_it_is_of_today():
    assert mip.FILE.read_text() == mip.package(), "run: python tests/support/mip.py"


def test_what_it_installs_runs_on_micropython(tmp_path, micropython):
    """Copied as mip does it (target below /lib, source below the file's own folder), away from the checkout."""
    listed = json.loads(mip.FILE.read_text())
    assert set(listed) == {"version", "deps", "urls"} and listed["deps"] == []
    for target, source in listed["urls"]:
        place = tmp_path / "lib" / target
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / source, place)
    modules = [target[:-3].replace("/", ".").removesuffix(".__init__") for target, _ in listed["urls"]]
    skipped = "sealcast.crypto.native"  # natives come by `sealcast flash`
    ours = [name for name in modules if name.startswith("sealcast.") and not name.startswith(skipped)]
    ask = "\n".join(f"import {name}" for name in ours)
    ask += "\nimport sealcast, sealcast_platform, node.app\nprint('all there')"
    env = {**os.environ, "MICROPYPATH": f".frozen:{tmp_path / 'lib'}"}
    done = subprocess.run([micropython, "-c", ask], capture_output=True, text=True, env=env, cwd=tmp_path, timeout=60)
    assert done.stdout == "all there\n", done
