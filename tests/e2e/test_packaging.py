"""What is installed runs: mosquitto as the broker, a wheel in a venv of its own, what a missing extra says, completion,
a platform without Unix's modules."""

import importlib.metadata
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
import venv
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from host_support import Child, environment, free_port
from host_support import mosquitto as program
from sealcast_host.broker import mosquitto as ours

ROOT = Path(__file__).resolve().parents[2]


def run(home, *args, stdin="", env=None, start=(sys.executable, "-m", "sealcast_host")):
    env = env or environment(XDG_CONFIG_HOME=str(home / "config"), XDG_STATE_HOME=str(home / "state"))
    return subprocess.run([*start, *args], input=stdin, capture_output=True, text=True, env=env, timeout=120)


@pytest.mark.skipif(program() is None, reason="mosquitto is not installed")
def test_the_broker_is_mosquitto_where_it_is_installed(tmp_path):
    """With a user and a password that lets nobody else in; what is retained outlives it; one line when it cannot."""
    port = free_port()
    secret = tmp_path / "secret"
    secret.write_text("open sesame\n")
    secret.chmod(0o600)
    argv = [sys.executable, "-m", "sealcast_host", "broker", "--port", str(port), "--persist", str(tmp_path / "kept")]
    argv += ["--user", "farm", "--password-file", str(secret)]
    where = ("--broker", f"127.0.0.1:{port}")
    with Child(argv) as broker:
        assert "(mosquitto), for user farm" in broker.wait_for("listening on")
        assert run(tmp_path, "channel", "new", "g", "--stretch", "15", *where).returncode == 0
        refused = run(tmp_path, "send", "g", "--mode", "note", "x")
        assert refused.returncode == 2 and "wrong user or password" in refused.stderr
        known = ("--broker-user", "farm", "--broker-password-file", str(secret))
        assert run(tmp_path, "channel", "set", "g", *known).returncode == 0
        assert run(tmp_path, "send", "g", "--mode", "note", "kept").returncode == 0
        second = run(tmp_path, "broker", "--port", str(port), "--with", "mosquitto")
        assert second.returncode == 2 and second.stderr.count("\n") == 1 and "in use" in second.stderr
        assert broker.stop() == 0
    assert (tmp_path / "kept" / ours.DATABASE).exists()
    with Child(argv) as broker:
        broker.wait_for("listening on")
        heard = run(tmp_path, "status", "g", "--json")
        assert heard.returncode == 0
        broker.stop()
    assert "open sesame" not in "".join(broker.lines)


@pytest.mark.skipif(program() is None, reason="mosquitto is not installed")
@pytest.mark.parametrize("signum, code", [(signal.SIGHUP, 0), (signal.SIGKILL, -signal.SIGKILL)])
def test_the_broker_ends_with_its_command(signum, code, request):
    """A terminal that is closed, and a command that is killed, leave no mosquitto at the port."""
    port = free_port()
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # who runs the tests may have it ignored, and nohup stays
    request.addfinalizer(lambda: signal.signal(signal.SIGHUP, before))
    with Child([sys.executable, "-m", "sealcast_host", "broker", "--port", str(port)]) as broker:
        broker.wait_for("listening on")
        assert broker.stop(signum) == code
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return
        time.sleep(0.05)
    raise AssertionError(f"something listens at port {port}")


def test_the_embedded_broker_goes_on_with_what_it_kept(tmp_path):
    (tmp_path / "kept").mkdir()
    assert not ours.has_ours(tmp_path / "kept")
    (tmp_path / "kept" / "something").touch()
    assert ours.has_ours(tmp_path / "kept")
    (tmp_path / "kept" / ours.DATABASE).touch()
    assert not ours.has_ours(tmp_path / "kept")


def files_of(requirements):
    """What lies in this environment of these packages and of all that they need."""
    waiting, seen = [Requirement(text) for text in requirements], set()
    while waiting:
        needed = waiting.pop()
        if needed.name in seen or needed.marker and not needed.marker.evaluate({"extra": ""}):
            continue
        seen.add(needed.name)
        found = importlib.metadata.distribution(needed.name)
        waiting += [Requirement(text) for text in found.requires or []]
        parts = {file.parts[0] for file in found.files} - {"..", "__pycache__"}
        yield from {Path(found.locate_file(part)) for part in parts}


def test_a_built_wheel_runs_in_a_venv_of_its_own(tmp_path, mosquitto):
    """With a member's dependencies alone: commands of members work, those of an extra say which one. Through pip, from
    this environment's packages (no network)."""
    copy = tmp_path / "checkout"
    for name in ("shared", "host", "firmware", "boards", "tests/vectors"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "build"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", tmp_path, copy]
    subprocess.run(pip, check=True, timeout=120)
    (wheel,) = tmp_path.glob("sealcast_host-*.whl")
    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv/bin/python"
    install = [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", "--no-index", wheel]
    subprocess.run(install, check=True, timeout=120)
    site = next((tmp_path / "venv/lib").glob("python*/site-packages"))
    for entry in files_of(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]):
        (site / entry.name).exists() or (site / entry.name).symlink_to(entry)
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    env |= {"XDG_CONFIG_HOME": str(tmp_path / "c"), "XDG_STATE_HOME": str(tmp_path / "s")}
    start = [tmp_path / "venv/bin/sealcast"]

    def command(*args):
        return run(tmp_path, *args, env=env, start=start)

    assert command("--version").stdout.startswith("sealcast ")
    assert command("channel", "new", "g", "--stretch", "15", "--broker", f"127.0.0.1:{mosquitto.port}").returncode == 0
    sent = command("send", "g", "--mode", "note", "from a wheel")
    assert (sent.returncode, sent.stderr) == (0, "")
    chat = run(tmp_path, "chat", "g", stdin="/note hello\n", env=env, start=start)
    assert chat.returncode == 0 and "you  [note, acknowledged]  hello" in chat.stdout
    completion = command("completion", "bash")  # of all commands: each explains itself, though it could not run
    assert completion.returncode == 0 and "--min-secrecy" in completion.stdout and "--install-only" in completion.stdout
    for words, extra in ((["flash"], "boards"), (["broker", "--with", "embedded", "--port", "0"], "broker")):
        done = command(*words)
        assert done.returncode == 2 and f"sealcast-host[{extra}]" in done.stderr, done
        assert done.stderr.count("\n") == 1


def test_metadata():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {"boards", "broker", "gateway", "web", "all", "test"} <= set(project["optional-dependencies"])
    assert project["keywords"] and project["classifiers"] and {"Homepage", "Changelog"} <= set(project["urls"])
    assert "Typing :: Typed" in project["classifiers"] and (ROOT / "host/sealcast_host/py.typed").exists()


def test_completion_knows_commands_and_asks_for_channels(tmp_path):
    assert run(tmp_path, "channel", "new", "greenhouse", "--stretch", "15").returncode == 0
    script = tmp_path / "completion.bash"
    script.write_text(run(tmp_path, "completion", "bash").stdout)
    ask = f"""
    sealcast() {{ {shlex.quote(sys.executable)} -m sealcast_host "$@"; }}
    source {shlex.quote(str(script))}
    complete_of() {{
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${{#COMP_LINE}}; COMPREPLY=()
        _shtab_sealcast; echo "${{COMPREPLY[*]}}"
    }}
    complete_of sealcast sta
    complete_of sealcast channel for
    complete_of sealcast send gr
    """
    env = environment(XDG_CONFIG_HOME=str(tmp_path / "config"))
    done = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, env=env, timeout=60, check=True)
    assert done.stdout.split() == ["status", "forget", "greenhouse"], done
    assert "#compdef sealcast" in run(tmp_path, "completion", "zsh").stdout


def test_completion_runs_nothing_that_a_name_says(tmp_path):
    """An invitation's author chooses the channel's name."""
    names = ["$(touch PWNED)", "`touch PWNED`", "green house; touch PWNED", "$PATH"]
    for name in names:
        assert run(tmp_path, "channel", "new", name, "--stretch", "15").returncode == 0
    script = tmp_path / "completion.bash"
    script.write_text(run(tmp_path, "completion", "bash").stdout)
    ask = f"""
    sealcast() {{ {shlex.quote(sys.executable)} -m sealcast_host "$@"; }}
    source {shlex.quote(str(script))}
    _sealcast_channels ""; _sealcast_channels 'green\\ '
    """
    env = environment(XDG_CONFIG_HOME=str(tmp_path / "config"))
    argv = ["bash", "-c", ask]
    done = subprocess.run(argv, capture_output=True, text=True, env=env, timeout=60, cwd=tmp_path)
    assert not (tmp_path / "PWNED").exists() and done.stderr == ""
    assert [shlex.split(line) for line in done.stdout.splitlines()] == [[n] for n in [*sorted(names), names[2]]]


# A Windows of its own kind: none of Unix's modules, no private sockets, no signals in the loop.
_WINDOWS = """
import asyncio, os, socket, subprocess, sys, tempfile, threading, pathlib, ssl, shutil, getpass
for name in ("fcntl", "termios", "tty", "pwd", "grp", "resource"):
    sys.modules[name] = None
import warnings
warnings.simplefilter("ignore")
import filelock  # falls back to its soft lock
pair, family = socket.socketpair, socket.AF_UNIX
socket.socketpair = lambda *args: pair(family)
del os.getuid, os.O_CLOEXEC, socket.AF_UNIX, socket.SO_PEERCRED
def none(*args): raise NotImplementedError
asyncio.SelectorEventLoop.add_signal_handler = none
import sealcast_host.member.system
sealcast_host.member.system.windows = lambda: True
import sealcast, sealcast_platform
import sealcast_host.cli.chat, sealcast_host.cli.listen, sealcast_host.cli.gateway, sealcast_host.cli.status
import sealcast_host.agent.programs
import sealcast_host.gateway.gateway, sealcast_host.gateway.csv, sealcast_host.gateway.sqlite
from sealcast_host.cli.main import main
from sealcast_host.errors import UserError

class Blind(asyncio.SelectorEventLoop):  # as Windows' usual loop
    add_reader = asyncio.AbstractEventLoop.add_reader

async def program():
    async with await sealcast.join("g", uid="program") as channel:
        await channel.send(b"from a program")

for words in sys.argv[1:]:
    code = main(words.split())
    if code:
        sys.exit(code)
asyncio.run(program())
try:
    with asyncio.Runner(loop_factory=Blind) as runner:
        runner.run(program())
except UserError as e:
    print(e)
"""


def test_members_run_without_unix(tmp_path, mosquitto):
    """On a stubbed platform; on a real Windows nothing was tried."""
    env = environment(HOME=str(tmp_path / "local"))
    script = tmp_path / "windows.py"
    script.write_text(_WINDOWS)
    words = [f"channel new g --uid win --broker 127.0.0.1:{mosquitto.port}", "send g --mode note hello"]
    words += ["status g --json", "listen g --uid two --count 1 --json", "chat g"]
    argv = [sys.executable, str(script), *words]
    done = subprocess.run(argv, input="/note typed\n", capture_output=True, text=True, env=env, timeout=120)
    assert done.returncode == 0, done.stderr
    assert '"uid": "win"' in done.stdout and '"text": "hello"' in done.stdout
    assert "you  [note, acknowledged]  typed" in done.stdout
    assert "asyncio.SelectorEventLoop" in done.stdout.splitlines()[-1]
    assert [p.name for p in (tmp_path / "local").rglob("g.json")] == ["g.json"]
