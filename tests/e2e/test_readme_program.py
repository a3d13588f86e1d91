"""The program of README.md, word for word, at its first run, on both Pythons and the other way round."""

import json
import re
import sys

import pytest

from host_support import Child, environment, mosquitto
from node_support import PATH, ROOT
from sealcast.wire import b64

pytestmark = pytest.mark.skipif(mosquitto() is None, reason="mosquitto is not installed")

README = (ROOT / "README.md").read_text()
(PROGRAM,) = re.findall(r"```python\n(import sealcast\n.*?)```", README, re.S)
IMPORT, _, BODY = PROGRAM.partition("\n")
INSIDE = "\n".join("    " + line for line in BODY.splitlines())
WHOLE = f"import asyncio\n{IMPORT}\n\nasync def main():\n{INSIDE}\n\nasyncio.run(main())\n"


def start(which, micropython, folder, port, uid):
    """The program in a folder of its own, with the settings there."""
    folder.mkdir()
    settings = {
        "uid": uid, "channel": "greenhouse", "key": b64(bytes(range(32))),
        "broker": {"host": "127.0.0.1", "port": port}, "keepalive": 5,
    }  # fmt: skip
    (folder / "sealcast.json").write_text(json.dumps(settings))
    (folder / "sealcast.json").chmod(0o600)
    (folder / "program.py").write_text(WHOLE)
    if which == "micropython":
        return Child([str(micropython), "program.py"], {"MICROPYPATH": PATH}, cwd=folder)
    home = {"XDG_CONFIG_HOME": str(folder / "config"), "XDG_STATE_HOME": str(folder / "state")}
    return Child([sys.executable, "-u", "program.py"], environment(**home), cwd=folder)


@pytest.mark.parametrize(("first", "second"), [("micropython", "cpython"), ("cpython", "micropython")])
def test_the_program_of_the_readme_runs_at_its_first_run(first, second, micropython, mosquitto, tmp_path):
    with start(first, micropython, tmp_path / "a", mosquitto.port, "anna") as anna:
        mosquitto.wait_for("Received PUBLISH")
        with start(second, micropython, tmp_path / "b", mosquitto.port, "ben") as ben:
            assert "21.5" in anna.wait_for("ben ")
            assert "21.5" in ben.wait_for("anna ")
            assert not [line for line in anna.lines + ben.lines if "Error" in line or "Traceback" in line]
