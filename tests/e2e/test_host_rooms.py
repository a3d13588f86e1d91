"""The host's packages: arrows point down only, no circle, all of them
are in the wheel, and a command loads what it uses.
"""

import ast
import importlib.metadata
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from cli_users import User
from host_support import environment, free_port

ROOT = Path(__file__).resolve().parents[2]
HOST = ROOT / "host/sealcast_host"
# A room uses those before it. member: what a computer needs to be a member; cli: the commands over all of them.
ROOMS = ("", "member", "agent", "boards", "broker", "bridge", "gateway", "demo", "hil", "cli")


def modules():
    """{module: its file} of the host's package."""
    found = {}
    for path in sorted(HOST.rglob("*.py")):
        if "_data" in path.parts:
            continue
        parts = path.relative_to(HOST.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(known, path):
    """The modules of the host that a file names in its import statements, wherever these stand."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in known else node.module for name in inside}
    return found & set(known)


@pytest.fixture(scope="module")
def graph():
    known = modules()
    return {name: imports(known, path) for name, path in known.items()}


def room(module):
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and (HOST / parts[1]).is_dir() else ""


def test_every_room_has_its_place():
    assert {room(name) for name in modules()} == set(ROOMS)
    assert {path.parent.name for path in HOST.glob("*/__init__.py")} == set(ROOMS[1:])


def test_arrows_point_down(graph):
    upward = {
        (name, used)
        for name, all_used in graph.items()
        for used in all_used
        if ROOMS.index(room(used)) > ROOMS.index(room(name)) and name != "sealcast_host.__main__"
    }
    assert upward == set()
    assert sum(len(used) for used in graph.values()) > 200  # the graph is not empty


def test_there_is_no_circle(graph):
    left = dict(graph)
    while done := [name for name, used in left.items() if not used & set(left) - {name}]:
        for name in done:
            del left[name]
    assert left == {}, "each of these is on a circle, or uses one that is"


def test_every_package_is_in_the_wheel():
    """Setuptools is told each package by name: one that is forgotten is missing only where it is installed."""
    named = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    there = {
        ".".join(path.parent.relative_to(base).parts)
        for base, package in ((ROOT / "host", "sealcast_host"), (ROOT / "shared", "sealcast"))
        for path in (base / package).rglob("*.py")
    }
    assert {name for name in named if "._data." not in name} == there
    assert len(named) == len(set(named))


def test_every_package_that_is_imported_is_named_in_the_project_and_bounded_where_its_insides_are_used():
    """What only comes with another one can go with it. A next major version may have other insides."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    optional = project["optional-dependencies"]
    texts = project["dependencies"] + [text for extra in optional if extra != "test" for text in optional[extra]]
    named = {(r := Requirement(text)).name.lower().replace("_", "-"): str(r.specifier) for text in texts}
    imported = set()
    for path in HOST.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []
            imported |= {name.partition(".")[0] for name in names}
    given = importlib.metadata.packages_distributions()
    needed = {d.lower().replace("_", "-") for name in imported for d in given.get(name, [])} - {"sealcast-host"}
    needed -= {"fastapi", "uvicorn", "aiohttp"}  # what nicegui is made of
    assert len(needed) > 10 and needed - set(named) == set()
    assert all("<" in named[name] for name in ("aiomqtt", "paho-mqtt", "amqtt"))


# Runs a command and tells into the file named first what it loaded.
_ASK = """
import json, sys
before = set(sys.modules)
from sealcast_host.cli.main import main
try:
    code = main(sys.argv[2:])
except SystemExit as e:
    code = e.code
after = set(sys.modules) - before
json.dump([code, sorted(after)], open(sys.argv[1], "w"))
"""


def loaded(home, *command):
    """(exit code, modules that Python did not have before)."""
    env = environment(XDG_CONFIG_HOME=str(home / "config"), XDG_STATE_HOME=str(home / "state"))
    told = home / "loaded.json"
    argv = [sys.executable, "-c", _ASK, str(told), *command]
    subprocess.run(argv, env=env, capture_output=True, check=True, timeout=120)
    code, names = json.loads(told.read_text())
    return code, set(names)


def of_ours(names):
    return {name.removeprefix("sealcast_host.") for name in names if name.startswith("sealcast_host.")}


def test_help_loads_no_command(tmp_path):
    code, names = loaded(tmp_path, "--help")
    assert code == 0
    assert of_ours(names) == {"cli", "cli.main", "cli.standard", "cli.talk", "errors", "terminal"}
    assert not names & {"sealcast", "asyncio", "ssl", "json", "serial", "nacl", "rich"}
    assert len(names) <= 30, len(names)


def test_send_loads_what_it_uses(tmp_path):
    """Up to the broker, which is away. Not the boards' tools, not the broker, not what only a new key needs (rbcl)."""
    assert loaded(tmp_path, "channel", "new", "g", "--stretch", "15", "--broker", f"127.0.0.1:{free_port()}")[0] == 0
    code, names = loaded(tmp_path, "send", "g", "hi")
    assert code == 2
    assert {room(f"sealcast_host.{name}") for name in of_ours(names)} <= {"", "member", "agent", "cli"}
    assert {name for name in of_ours(names) if name.startswith("cli.")} == {
        f"cli.{name}"
        for name in ("main", "send", "arguments", "options", "render", "secretinput", "signals", "standard", "talk",
                     "watching")
    }
    assert not names & {"rich", "prompt_toolkit", "amqtt", "serial", "segno", "mpremote", "esptool", "rbcl", "urllib3"}
    assert len(names) <= 264, len(names)


def test_send_beside_an_agent_loads_neither_the_protocol_nor_mqtt(mosquitto, tmp_path):
    user = User(tmp_path, mosquitto.port)
    user.new()
    with user.start("agent") as agent:
        agent.wait_for("sealcast agent: at ")
        code, names = loaded(tmp_path, "send", "g", "hi")
        agent.stop()
    assert code == 0
    needed = "compat crypto crypto.keys effects errors journal padding run run.settings wire"
    assert {name for name in names if name.startswith("sealcast.")} == {f"sealcast.{name}" for name in needed.split()}
    assert not names & {"aiomqtt", "paho", "nacl", "sealcast_host.member.session", "sealcast_host.member.mqtt"}
    assert len(names) <= 200, len(names)


def test_completion_loads_no_library_that_a_command_works_with(tmp_path):
    code, names = loaded(tmp_path, "completion", "bash")
    assert code == 0 and "shtab" in names
    libraries = {name.split(".")[0] for name in names if not name.startswith("_")} - set(sys.stdlib_module_names)
    assert libraries <= {"shtab", "sealcast", "sealcast_host", "reference"}, libraries
    assert not names & {"reference.frames", "sealcast.channel", "sealcast.run.session", "sealcast_host.member.session"}
