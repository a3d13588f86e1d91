"""The examples run: programs as members of a real channel, settings and tables through what reads them, scripts as they
stand. README's and the tutorial's sequences: tests/e2e/test_readme_sequence.py, test_tutorial.py."""

import ast
import contextlib
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cli_users import User
from host_support import ROOT, Child, environment, free_port, mosquitto, start_broker
from sealcast_host.gateway.config import from_file
from sealcast_host.gateway.gateway import Gateway
from sealcast_host.member import channels

EXAMPLES = ROOT / "examples"
PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}"


@pytest.fixture(scope="module")
def user(tmp_path_factory):
    """Somebody with the channels greenhouse and orangery at a broker that runs."""
    home, port = tmp_path_factory.mktemp("user"), free_port()
    with start_broker("embedded", port, home):
        user = User(home, port)
        for channel in ("greenhouse", "orangery"):
            user.new(channel, "desk")
        yield user


def program(user, name, *args, **kwargs):
    return Child([sys.executable, str(EXAMPLES / name), *args], extra_env=user.env, **kwargs)


def wait_until(condition):
    end = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_every_example_is_listed_and_no_other():
    listed = (EXAMPLES / "README.md").read_text()
    files = {p.name for p in EXAMPLES.iterdir() if p.is_file()} - {"README.md"}
    assert len(files) >= 12 and all(f"[{name}]({name})" in listed for name in files)
    for path in EXAMPLES.glob("*.py"):
        assert ast.get_docstring(ast.parse(path.read_text())), path


def test_sensor_button_logger_and_two_greenhouses(user, tmp_path):
    log = tmp_path / "a.log"
    with program(user, "logger.py", str(log)) as logger, program(user, "two_greenhouses.py") as carrier:
        with user.start("listen", "orangery", "--uid", "ear", "--json") as ear:
            logger.wait_for("ready")
            carrier.wait_for("ready")
            with (
                program(user, "sensor.py", "3600") as sensor,
                program(user, "button.py", stdin=subprocess.PIPE) as button,
            ):
                sensor.wait_for("sent")
                button.type("")
                button.wait_for("sent")
            user.ok("send", "greenhouse", "--uid", "bed", "--mode", "note", "alarm: 43 degrees")
            carrier.wait_for("carried")
            ear.wait_for("alarm: 43 degrees (from bed)")
            wait_until(lambda: all(word in log.read_text() for word in ('"temperature": 21.5', "b'pressed'", "alarm")))
        logger.stop(signal.SIGTERM)


def test_the_roof_opens_and_says_so(user):
    with program(user, "roof.py") as roof:
        roof.wait_for("ready")
        with program(user, "open_roof.py") as gardener:
            assert gardener.ends(90) == 0
            assert gardener.lines_at_end()[-1] == "the roof is open"
        roof.wait_for("roof open for gardener")


def test_the_gateway_file_and_the_flow(user):
    wishes = from_file(EXAMPLES / "home_assistant.toml")
    gateway = Gateway("greenhouse", wishes, print)
    assert [runner.name for runner in gateway.runners] == ["homeassistant", "sqlite"]
    nodes = {node["id"]: node for node in json.loads((EXAMPLES / "node-red.json").read_text())}
    assert all(goal in nodes for node in nodes.values() for wires in node.get("wires", []) for goal in wires)
    command = nodes["sealcast.gateway"]["command"].split()
    assert command[0] == "sealcast"
    with user.start(*command[1:], stdin=subprocess.PIPE) as flow:
        flow.wait_for("gateway of")
        user.ok("send", "greenhouse", "--uid", "bed", "--mode", "note", "for the flow")
        assert json.loads(flow.wait_for("for the flow"))["type"] == "message"


@pytest.mark.parametrize("name", ["deep_sleeper.json", "cloud_broker.json"])
def test_settings_are_right(name):
    channels.raise_wrong_settings(json.loads((EXAMPLES / name).read_text()), name)


def test_thirty_boards(user):
    """All rows are right: it ends at the port that is not there."""
    table = EXAMPLES / "thirty_boards.csv"
    argv = ["provision", "greenhouse", "--csv", str(table), "--wifi-ssid", "farm", "--wifi-open"]
    done = user.run(*argv, "--broker", "192.168.1.10", "--port", "/no/such/port")
    assert done.returncode != 0 and "row 2 (bed-01): /no/such/port: no such port" in done.stderr, done
    assert len(table.read_text().splitlines()) == 31


@pytest.mark.skipif(mosquitto() is None, reason="mosquitto is not installed")
@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_an_own_broker_with_tls(tmp_path):
    port = free_port()
    script = [str(EXAMPLES / "own_broker_tls.sh"), str(tmp_path / "tls"), "127.0.0.1", str(port)]
    subprocess.run(script, check=True, timeout=60, capture_output=True)
    config = tmp_path / "tls/mosquitto.conf"
    config.write_text(config.read_text() + "user root\n")  # it may not read the test's folder as another
    with Child([mosquitto(), "-v", "-c", str(config)]) as broker:
        broker.wait_for("running")
        user = User(tmp_path, port)
        where = ("--broker", f"127.0.0.1:{port}", "--tls", "--ca", str(tmp_path / "tls/ca.pem"))
        user.ok("channel", "new", "safe", "--stretch", "15", "--uid", "anna", *where)
        user.ok("send", "safe", "--mode", "note", "through TLS")


def test_a_lost_board(user):
    user.new("shed", "desk")
    user.ok("send", "shed", "--uid", "bench-7", "--mode", "note", "I was here")
    user.ok("send", "shed", "--mode", "note", "seen")
    env = environment(**user.env, PATH=PATH)
    script = [str(EXAMPLES / "lost_board.sh"), "shed", "bench-7"]
    how = {"capture_output": True, "text": True, "env": env, "timeout": 120}
    unsure = subprocess.run(script, input="", **how)
    assert unsure.returncode != 0 and "the channel has a new key" not in unsure.stdout
    done = subprocess.run(script, input="\n", **how)
    assert done.returncode == 0, done
    assert user.run("send", "shed", "--mode", "note", "still here").returncode == 0


def test_the_programs_of_the_cookbook_and_of_the_api_page(user, tmp_path):
    """As they stand; the second one's lines inside a coroutine, as its page says."""
    (cookbook,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/COOKBOOK.md").read_text(), re.S)
    block = re.search(r"^    (import sealcast\n(?:    .*\n|\n)*)", (ROOT / "docs/API.md").read_text(), re.M)[1]
    first, *rest = block.strip().splitlines()
    api = "\n".join([first, "async def main():", *rest, "import asyncio", "asyncio.run(main())"])
    for name, text in (("cookbook.py", cookbook), ("api.py", api)):
        (tmp_path / name).write_text(text)
    with user.start("listen", "greenhouse", "--uid", "ear", "--json") as ear:
        ear.wait_for('"online"')
        argv = [sys.executable, str(tmp_path / "cookbook.py")]
        subprocess.run(argv, cwd=tmp_path, env=environment(**user.env), timeout=90, check=True)
        ear.wait_for('"text": "21.5"')
    with Child([sys.executable, "-u", str(tmp_path / "api.py")], extra_env=user.env, cwd=tmp_path) as listening:
        user.ok("send", "greenhouse", "--uid", "bed", "--mode", "note", "to the program")
        listening.wait_for("b'to the program'")


def test_the_cookbooks_gateway_and_its_query(user, tmp_path):
    """What is kept is what its SQL finds."""
    text = (ROOT / "docs/COOKBOOK.md").read_text()
    command = re.search(r"^    sealcast (gateway .*--to csv.*)$", text, re.M)[1]
    query = re.search(r'^    sqlite3 readings.db "(.*)"$', text, re.M)[1]
    with user.start(*command.split(), cwd=tmp_path) as gateway:
        gateway.wait_for("gateway of")
        user.ok("send", "greenhouse", "--uid", "bed", "--mode", "note", '{"temperature": 19.25}')

        def rows():
            with contextlib.closing(sqlite3.connect(tmp_path / "readings.db")) as db:
                with contextlib.suppress(sqlite3.Error):
                    return db.execute(query).fetchall()

        wait_until(lambda: ("bed", 19.25) in [row[1:] for row in rows() or []])
        wait_until(lambda: "19.25" in (tmp_path / "readings.csv").read_text())
        gateway.stop(signal.SIGTERM)
