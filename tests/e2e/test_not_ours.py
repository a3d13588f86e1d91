"""Files that `sudo sealcast ...` has left behind, folders without rights, a full disk: a line says what to do."""

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cli_users import User
from host_support import environment
from sealcast_host.member import privatefiles

OTHER = 12345  # another user
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root makes another user's files")


def bound():
    """As a user whom modes bind: root without the right to pass over them."""
    if os.getuid() == 0:
        for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
            ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP


def run(user, *command, before=(), **more):
    argv = [*before, sys.executable, "-m", "sealcast_host", *command]
    env = environment(**user.env | {"HOME": str(user.home)} | more)
    return subprocess.run(argv, capture_output=True, text=True, env=env, timeout=120, preexec_fn=bound)


@pytest.fixture
def anna(mosquitto, tmp_path):
    user = User(tmp_path / "anna", mosquitto.port)
    user.env = {"XDG_CONFIG_HOME": str(user.home / "config"), "XDG_STATE_HOME": str(user.home / "state")}
    user.new()
    user.ok("send", "g", "hello")
    user.config, user.state = user.home / "config/sealcast", user.home / "state/sealcast"
    yield user
    for place in (user.home, *user.home.rglob("*")):
        os.chown(place, os.getuid(), os.getgid())
        place.chmod(0o700)


PLACES = [
    ("config", "config/sealcast"), ("config", "config/sealcast/g.json"), ("config", "config"),
    ("state", "state/sealcast"), ("state", "state/sealcast/g"), ("state", "state/sealcast/g/anna"),
    ("state", "state/sealcast/g/anna/lock"), ("state", "state/sealcast/g/anna/identity.json"), ("state", "state"),
    ("state", "state/sealcast/g/anna/state.[01]"),
]  # fmt: skip
WAY = "it is another user's (was it sudo?): sudo chown -R $USER "


@needs_root
@pytest.mark.parametrize(("kind", "place"), PLACES)
def test_what_sudo_left_behind_is_named_with_the_way_back(anna, kind, place):
    path = next(iter(anna.home.glob(place)))
    for one in (path, *path.rglob("*")):
        os.chown(one, OTHER, OTHER)
        one.chmod(0o700 if one.is_dir() else 0o600)
    back = f"{WAY}{anna.home / (kind if place == kind else f'{kind}/sealcast')}\n"
    commands = [("send", "g", "more")]
    if kind == "config":
        commands += [("channel", "list"), ("channel", "new", "h"), ("status", "g")]
        if place.endswith("g.json"):
            commands = [("send", "g", "more"), ("channel", "show", "g")]
    elif place not in ("state", "state/sealcast"):
        commands += [("channel", "forget", "g", "--yes")] if path.is_dir() else []
    for command in commands:
        done = run(anna, *command)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), (command, done)
        assert done.stderr.endswith(back), (command, done.stderr)
    looked = run(anna, "doctor", "--seconds", "1")
    assert "internal" not in looked.stdout + looked.stderr and back.strip() in looked.stdout + looked.stderr, looked
    assert looked.returncode in (1, 2)


@needs_root
def test_an_agent_that_sudo_has_run(anna):
    folder = anna.state / ".agent"
    folder.mkdir(mode=0o700, exist_ok=True)
    os.chown(folder, OTHER, OTHER)
    for command in (("send", "g", "more"), ("agent", "--detach"), ("agent",), ("listen", "g")):
        done = run(anna, *command)
        assert done.returncode == 2 and done.stderr.endswith(f"{WAY}{anna.state}\n"), (command, done)


@pytest.mark.parametrize("place", ["config/sealcast", "state/sealcast/g/anna", "state/sealcast/g/anna/lock"])
def test_a_folder_or_file_whose_rights_were_taken(anna, place):
    path = anna.home / place
    path.chmod(0)
    done = run(anna, "send", "g", "more")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert done.stderr.endswith(f"; give yourself the right to it: chmod -R u+rwX {path}\n")


def test_nothing_of_the_systems_is_to_be_given_away(tmp_path, monkeypatch):
    """The advice names Sealcast's folders, or what lies below this user's home."""
    monkeypatch.setenv("XDG_CONFIG_HOME", "/etc")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(privatefiles.system, "me", lambda: OTHER + 1)
    for path in ("/etc/sealcast/g.json", "/etc/passwd", "/nowhere"):
        assert privatefiles.way_back(Path(path)) == ""


@pytest.mark.parametrize("about", [("doctor", "g", "--seconds", "1"), ("doctor", "--seconds", "1")])
def test_doctor_says_that_the_disk_is_full(anna, about):
    full = ("sh", "-c", 'ulimit -f 0; exec "$@"', "sh")
    done = run(anna, *about, before=full)
    assert done.returncode == 1 and done.stderr == "", done
    for folder in (anna.config, anna.state):
        assert f"WRONG  computer cannot write in {folder}, where " in done.stdout, done.stdout
    assert "file too large: make room there, or mend the disk" in done.stdout
    well = run(anna, *about)
    assert well.returncode == 0 and "cannot write" not in well.stdout, well
    assert not [path.name for path in anna.home.rglob(".trial*")]


def test_doctor_says_where_nothing_can_be_made(tmp_path):
    nobody = User(tmp_path / "nobody")
    nobody.home.mkdir(mode=0o500)
    try:
        done = run(nobody, "doctor")
    finally:
        nobody.home.chmod(0o700)
    assert done.returncode == 1 and f"nothing can be made in {nobody.home}; give yourself the right" in done.stdout


def test_doctor_without_any_folder_is_well(tmp_path):
    nobody = User(tmp_path / "nobody")
    shutil.rmtree(tmp_path / "nobody", ignore_errors=True)
    done = run(nobody, "doctor")
    assert done.returncode == 0 and "no channel is known here" in done.stdout, done
    assert not nobody.home.exists()
