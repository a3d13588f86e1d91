"""Wrong invocations of the real command: exit code 2, one line on
standard error that says what to do, never a traceback.
"""

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading

import pytest

import sealcast
from host_support import environment, free_port, start_broker
from sealcast_host.errors import UserError
from sealcast_host.member import channels, invites

PHRASE = "correct-horse-battery-staple-envelope-lantern-quantum-orchid"


def cli(home, *args, stdin="", **extra):
    env = environment(XDG_CONFIG_HOME=str(home / "config"), XDG_STATE_HOME=str(home / "state"), **extra)
    return subprocess.run(
        [sys.executable, "-m", "sealcast_host", *args],
        input=stdin,
        capture_output=True,
        text=True,
        env=env,
        timeout=120,
    )


def assert_one_line(done, code=2):
    assert done.returncode == code, done
    assert done.stderr.endswith("\n") and done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("sealcast: ")
    assert len(done.stderr) > len("sealcast: ") + 10
    assert "Traceback" not in done.stderr + done.stdout
    assert "internal error" not in done.stderr


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A user with the channel "g", whose broker is a port where nothing listens."""
    home = tmp_path_factory.mktemp("home")
    done = cli(home, "channel", "new", "g", "--stretch", "15", "--uid", "host", "--broker", f"127.0.0.1:{free_port()}")
    assert done.returncode == 0, done.stderr
    return home


BAD = {
    "no command": [],
    "unknown command": ["frobnicate"],
    "unknown option": ["listen", "g", "--frob"],
    "abbreviated option": ["listen", "g", "--js"],
    "no channel": ["listen"],
    "unknown channel": ["listen", "elsewhere"],
    "channel with a newline": ["listen", "a\nb"],
    "channel name too long": ["channel", "new", "x" * 49],
    "channel name empty": ["channel", "new", ""],
    "channel name with a control character": ["channel", "new", "a\x1b[2Jb"],
    "channel exists": ["channel", "new", "g"],
    "join: channel exists": ["channel", "join", "g", "--password-stdin"],
    "channel without action": ["channel"],
    "show of nothing": ["channel", "show", "nothing"],
    "path as a name": ["channel", "show", "../../etc/passwd"],
    "node without uid": ["channel", "node", "g"],
    "node with the host's name": ["channel", "node", "g", "--uid", "host"],
    "node name too long": ["channel", "node", "g", "--uid", "u" * 49],
    "node file in no directory": ["channel", "node", "g", "--uid", "n", "--output", "/nonexistent/dir/sealcast.json"],
    "node file is a directory": ["channel", "node", "g", "--uid", "n", "--output", "."],
    "node file is the root": ["channel", "node", "g", "--uid", "n", "--output", "/"],
    "uid too long": ["listen", "g", "--uid", "u" * 49],
    "uid empty": ["send", "g", "hi", "--uid", ""],
    "uid with a newline": ["send", "g", "hi", "--uid", "a\nb"],
    "nothing listens": ["send", "g", "hi"],
    "nothing listens, chat": ["chat", "g"],
    "no such host": ["send", "g", "hi", "--broker", "no-such-host.invalid"],
    "host with a scheme": ["send", "g", "hi", "--broker", "mqtt://localhost"],
    "host too many colons": ["send", "g", "hi", "--broker", "a:b:c"],
    "host empty": ["send", "g", "hi", "--broker", ""],
    "host with a space": ["send", "g", "hi", "--broker", "a b"],
    "host label too long": ["send", "g", "hi", "--broker", "a" * 80 + ".example"],
    "broker port": ["send", "g", "hi", "--broker", "localhost:70000"],
    "broker port text": ["send", "g", "hi", "--broker", "localhost:mqtt"],
    "bracket": ["send", "g", "hi", "--broker", "[::1"],
    "message empty": ["send", "g", ""],
    "message too long": ["send", "g", "x" * 2001],
    "mode": ["send", "g", "hi", "--mode", "secret"],
    "timeout": ["send", "g", "hi", "--timeout", "soon"],
    "timeout nan": ["send", "g", "hi", "--timeout", "nan"],
    "timeout negative": ["send", "g", "hi", "--timeout=-1"],
    "count zero": ["listen", "g", "--count", "0"],
    "count text": ["listen", "g", "--count", "many"],
    "no CA file": ["send", "g", "hi", "--ca", "/nonexistent.pem"],
    "CA file that is none": ["send", "g", "hi", "--ca", __file__],
    "broker password without user": ["send", "g", "hi", "--broker-password-file", "/nonexistent"],
    "broker password file missing": ["send", "g", "hi", "--broker-user", "u", "--broker-password-file", "/nonexistent"],
    "broker password from nowhere": ["send", "g", "hi", "--broker-user", "u"],
    "port": ["broker", "--port", "65536"],
    "port text": ["broker", "--port", "mqtt"],
    "port digits that are not ASCII": ["broker", "--port", "١٢٣"],
    "others without auth": ["broker", "--host", "0.0.0.0", "--port", "0"],
    "others without auth, IPv6": ["broker", "--host", "::", "--port", "0"],
    "address that is not ours": ["broker", "--host", "192.0.2.1", "--port", "0", "--open"],
    "address that is none": ["broker", "--host", "no-such-host.invalid", "--port", "0", "--open"],
    "persist in a file": ["broker", "--port", "0", "--persist", __file__],
    "password file without user": ["broker", "--port", "0", "--password-file", __file__],
    "user without password": ["broker", "--port", "0", "--user", "u"],
    "user empty": ["broker", "--port", "0", "--user", ""],
    "password file missing": ["broker", "--port", "0", "--user", "u", "--password-file", "/nonexistent"],
}


@pytest.mark.parametrize("args", BAD.values(), ids=BAD.keys())
def test_bad_input_is_one_line_and_code_2(home, args):
    done = cli(home, *args, stdin=PHRASE + "\n" if "--password-stdin" in args else "")
    assert_one_line(done)


MISPLACED = {
    "behind the names": ["channel", "join", "g5", PHRASE],
    "join forgotten": [f"sealcast://127.0.0.1/g?key={PHRASE}"],
    "in place of a command": [PHRASE],
    "in place of an action": ["channel", PHRASE],
    "behind an option that there is not": ["send", "g", "hi", f"--password={PHRASE}"],
    "behind one that takes none": ["send", "g", "hi", f"--json={PHRASE}"],
    "behind one with choices": ["send", "g", "hi", "--mode", PHRASE],
    "behind a number": ["channel", "new", "g5", "--stretch", PHRASE],
}


@pytest.mark.parametrize("args", MISPLACED.values(), ids=MISPLACED.keys())
def test_no_error_repeats_a_phrase_in_the_wrong_place(home, args):
    assert_one_line(cli(home, *args))
    done = cli(home, *args, "--json")
    assert done.returncode == 2 and PHRASE not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "password",
    [
        "",
        "passwort",
        "sealcast123",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "12345678901234567890",
        "abandon-abbey-abbot",
        "Tr0ub4dor&3",
    ],
)
def test_a_weak_password_is_refused_with_an_estimate_and_never_shown(home, password):
    done = cli(home, "channel", "new", "weak", "--password-stdin", stdin=password + "\n")
    assert_one_line(done)
    assert not password or password not in done.stderr
    assert not password or "bits" in done.stderr
    assert not (home / "config/sealcast/weak.json").exists()


def test_a_file_that_others_may_read_is_refused(home, tmp_path):
    path = home / "config/sealcast/g.json"
    path.chmod(0o644)
    try:
        done = cli(home, "channel", "show", "g")
    finally:
        path.chmod(0o600)
    assert_one_line(done)
    assert "chmod 600" in done.stderr
    secret = tmp_path / "secret"
    secret.write_text("long enough\n")
    secret.chmod(0o640)
    assert_one_line(cli(home, "broker", "--port", "0", "--user", "u", "--password-file", str(secret)))


DAMAGE = {
    "empty": "",
    "no JSON": "{",
    "not an object": "[]",
    "deep": "[" * 100000,
    "no format": "{}",
    "another format": '{"format": 99}',
    "no key": '{"format": 1, "channel": "d", "uid": "u", "broker": {"host": "h"}}',
    "short key": '{"format": 1, "channel": "d", "uid": "u", "broker": {"host": "h"}, "key": "c2VjcmV0"}',
    "key is a number": '{"format": 1, "channel": "d", "uid": "u", "broker": {"host": "h"}, "key": 1}',
    "other channel": '{"format": 1, "channel": "e", "uid": "u", "broker": {"host": "h"}, "key": "%s"}' % ("A" * 43),
    "bad admin secret": '{"format": 1, "channel": "d", "uid": "u", "broker": {"host": "h"}, "key": "%s", '
    '"admin_secret": [1]}' % ("A" * 43),
    "unknown field": '{"format": 1, "channel": "d", "uid": "u", "broker": {"host": "h"}, "key": "%s", "keyy": "s3cret"}'
    % ("A" * 43),
    "broker is a text": '{"format": 1, "channel": "d", "uid": "u", "broker": "s3cret", "key": "%s"}' % ("A" * 43),
    "not UTF-8": "\udcff",
    "a number of 5,000 digits": '{"format": 1%s}' % ("0" * 5000),
}


@pytest.mark.parametrize("text", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_channel_file_is_one_line_without_its_contents(home, text):
    path = home / "config/sealcast/d.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    path.chmod(0o600)
    done = cli(home, "channel", "show", "d")
    assert_one_line(done)
    assert "c2VjcmV0" not in done.stderr and "s3cret" not in done.stderr


def test_a_setting_that_a_channels_file_does_not_keep_is_refused(home):
    """It was checked, taken and passed over: notes went out under "min_secrecy": "ratchet"."""
    path = home / "config/sealcast/g.json"
    before = path.read_text()
    path.write_text(json.dumps(json.loads(before) | {"min_secrecy": "ratchet"}))
    try:
        for words in (("channel", "show", "g"), ("send", "g", "hi"), ("channel", "set", "g", "--data", "x")):
            done = cli(home, *words)
            assert_one_line(done)
            assert "min_secrecy" in done.stderr
        assert "min_secrecy" in path.read_text()
    finally:
        path.write_text(before)


@pytest.mark.parametrize(
    "words",
    [
        ("send", "g", "hi"), ("listen", "g"), ("gateway", "g", "--to", "lines"), ("channel", "node", "g"),
        ("channel", "set", "g"), ("channel", "new", "h", "--stretch", "15"),
        ("channel", "join", "h", "--password-stdin", "--as-is", "--stretch", "15"), ("join", "-"),
    ],
)  # fmt: skip
def test_an_empty_name_is_no_default(home, words):
    """`--uid "$BOARD"` where BOARD is not set."""
    url = invites.make(channels.ChannelFile("h", b"k" * 32, "x", broker={"host": "192.0.2.1"}))
    done = cli(home, *words, "--uid", "", stdin=(url if words[0] == "join" else PHRASE) + "\n")
    assert_one_line(done)
    assert "uid" in done.stderr and "invitation" not in done.stderr
    assert not (home / "config/sealcast/h.json").exists()


def test_an_editors_mark_before_a_file_is_no_damage(home):
    path = home / "config/sealcast/g.json"
    before = path.read_bytes()
    path.write_bytes(b"\xef\xbb\xbf" + before)
    try:
        done = cli(home, "channel", "show", "g")
    finally:
        path.write_bytes(before)
    assert done.returncode == 0 and "uid       host" in done.stdout


def test_a_damaged_identity_or_state_is_one_line(home):
    assert_one_line(cli(home, "send", "g", "hi", "--uid", "damaged"))  # nothing listens, but the identity is made
    directory = home / "state/sealcast/g/damaged"
    identity = directory / "identity.json"
    good = identity.read_text()
    secret = json.loads(good)["identity"]
    for bad in ("", "{}", '{"identity": 5}', '{"identity": "%s="}' % secret, '{"identity": "%s"}' % secret[:40]):
        identity.write_text(bad)
        done = cli(home, "send", "g", "hi", "--uid", "damaged")
        assert_one_line(done)
        assert "identity" in done.stderr and secret[:40] not in done.stderr
    identity.unlink()  # a new one would be a changed identity to the others, and the state could not be read
    done = cli(home, "send", "g", "hi", "--uid", "damaged")
    assert_one_line(done)
    assert "identity.json is missing" in done.stderr and not identity.exists()
    identity.write_text(good)
    identity.chmod(0o600)
    slots = [p for p in (directory / "state.0", directory / "state.1") if p.exists()]
    assert slots
    for slot in slots:
        slot.write_bytes(slot.read_bytes()[:-1] + b"\x00\x01")
    done = cli(home, "send", "g", "hi", "--uid", "damaged")
    assert_one_line(done)
    assert "state" in done.stderr
    cli(home, "send", "g", "hi", "--uid", "journal")
    directory = directory.with_name("journal")
    for slot in list(directory.glob("state.?")):
        slot.with_name(slot.name + "j").write_bytes(os.urandom(300))
    done = cli(home, "send", "g", "hi", "--uid", "journal")
    assert_one_line(done)
    assert f"the state in {directory} cannot be read" in done.stderr


def test_an_interrupt_while_the_command_is_loaded_is_no_traceback():
    script = (
        "import builtins, runpy; real = builtins.__import__\n"
        "def stopped(name, *more, **named):\n"
        "    if name == 'argparse': raise KeyboardInterrupt\n"
        "    return real(name, *more, **named)\n"
        "builtins.__import__ = stopped; runpy.run_module('sealcast_host', run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment(), timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


@pytest.mark.parametrize("name", ["a\u202eb", "a\x85b"])
def test_a_name_is_printed_without_what_moves_the_cursor(tmp_path, name):
    made = cli(tmp_path, "channel", "new", name, "--stretch", "15", "--broker", "192.0.2.1")
    url = cli(tmp_path, "invite", name, "--no-qr").stdout.strip()
    joined = cli(tmp_path / "other", "join", url)
    for done in (made, joined, cli(tmp_path, "channel", "show", name)):
        assert done.returncode == 0 and name not in done.stdout and "a\ufffdb" in done.stdout, done


@pytest.mark.parametrize(
    "how",
    [("x" * 300,), (5,), ("",), ("caf\udcff",), (None, [1]), (None, 5), (None, "x" * 300), (None, {"channel": 5})],
    ids=repr,
)
def test_a_programs_join_raises_user_errors_only(how):
    with pytest.raises(UserError):
        asyncio.run(sealcast.join(*how[:1], **({"settings": how[1]} if how[1:] else {})))


def test_a_port_in_use_and_a_directory_in_use_are_told_apart(home, tmp_path):
    port = free_port()
    with start_broker("embedded", port, tmp_path):
        used = cli(home, "broker", "--port", str(port))
        assert_one_line(used)
        assert "in use" in used.stderr and str(port) in used.stderr
        kept = cli(home, "broker", "--port", "0", "--persist", str(tmp_path / "kept"))
        assert_one_line(kept)
        assert "another broker" in kept.stderr


def test_a_server_that_is_no_broker_is_told(home):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"220 mail.example ESMTP\r\n")
                connection.recv(1000)

        thread = threading.Thread(target=answer)
        thread.start()
        done = cli(home, "send", "g", "hi", "--broker", f"127.0.0.1:{server.getsockname()[1]}")
        thread.join()
    assert_one_line(done)


def test_wrong_credentials_are_told_and_not_shown(home, tmp_path):
    secret = tmp_path / "password"
    secret.write_text("the right one\n")
    secret.chmod(0o600)
    port = free_port()
    env = environment(SEALCAST_BROKER_PASSWORD="the right one")
    argv = [sys.executable, "-m", "sealcast_host", "broker", "--port", str(port), "--user", "farm"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=env) as broker:
        try:
            assert "listening" in broker.stdout.readline()
            where = ["--broker", f"127.0.0.1:{port}"]
            anonymous = cli(home, "send", "g", "hi", *where)
            wrong = cli(
                home, "send", "g", "hi", *where, "--broker-user", "farm", SEALCAST_BROKER_PASSWORD="the wrong one"
            )
            stranger = cli(
                home, "send", "g", "hi", *where, "--broker-user", "barn", "--broker-password-file", str(secret)
            )
            right = cli(home, "send", "g", "hi", *where, "--broker-user", "farm", "--broker-password-file", str(secret))
        finally:
            broker.terminate()
    for done in (anonymous, wrong, stranger):
        assert_one_line(done)
        assert "--broker-user" in done.stderr
        assert "the wrong one" not in done.stderr and "the right one" not in done.stderr
    assert right.returncode == 0, right.stderr


def test_a_reader_that_goes_away_is_no_error(home):
    """`sealcast channel list | head -0`"""
    env = environment(XDG_CONFIG_HOME=str(home / "config"))
    read, write = os.pipe()
    os.close(read)
    try:
        argv = [sys.executable, "-m", "sealcast_host", "channel", "list"]
        done = subprocess.run(argv, stdout=write, stderr=subprocess.PIPE, text=True, env=env, timeout=120)
    finally:
        os.close(write)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("command", [
    [], ["broker"], ["channel"], ["channel", "new"], ["channel", "join"], ["channel", "node"], ["listen"], ["send"],
    ["chat"],
])  # fmt: skip
def test_every_help_teaches_with_examples(home, command):
    done = cli(home, *command, "--help")
    assert done.returncode == 0
    assert done.stderr == ""
    assert "sealcast " + " ".join(command) in done.stdout.split("options:")[-1], "no example"
