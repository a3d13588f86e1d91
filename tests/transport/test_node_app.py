"""The node program on the real MicroPython: wrong settings, a group
at work on mosquitto, crashes, restarts, a dying broker, heap.
"""

import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from host_support import mosquitto, start_broker
from node_support import PATH, ROOT, SOFT_PATH, Program
from sealcast.crypto import host as suite_host
from sealcast.crypto.keys import root_key
from sealcast.wire import b64

MAIN = ROOT / "firmware" / "node" / "main.py"
KEY = b64(bytes(range(32)))

pytestmark = pytest.mark.skipif(mosquitto() is None, reason="mosquitto is not installed")


class Node(Program):
    """A member in a process of its own. Its folder outlives it."""

    def __init__(self, micropython, folder: Path, port, uid, path=PATH, options=(), **more):
        folder.mkdir(exist_ok=True)
        settings = {
            "uid": uid, "channel": "greenhouse", "key": KEY, "broker": {"host": "127.0.0.1", "port": port},
            "log": "json", "keepalive": 5,
        }  # fmt: skip
        settings.update(more)
        (folder / "sealcast.json").write_text(json.dumps(settings))
        self.uid = uid
        super().__init__(micropython, MAIN, folder / "sealcast.json", path=path, options=options)

    def event(self, name, **fields):
        return self.wait(
            lambda e: e["event"] == name and all(e.get(k) == v for k, v in fields.items()), f"{name} {fields}"
        )

    def rekeyed(self, *uids, after=0):
        """The epoch of exactly these members."""
        event = self.wait(
            lambda e: e["event"] == "rekeyed" and e["epoch"] and sorted(e["members"]) == sorted(uids), f"{uids}", after
        )
        return event["epoch"]

    def message(self, body, **fields):
        return self.event("message", body=body, **fields)

    def said(self):
        return [e["body"] for e in self.events() if e["event"] == "message"]


@pytest.fixture
def group(micropython, mosquitto, tmp_path):
    """group(uid, ...) starts a node; the same uid again finds its stored state."""
    running = []

    def start(uid, **more):
        running.append(Node(micropython, tmp_path / uid, mosquitto.port, uid, **more))
        return running[-1]

    yield start
    for node in running:
        node.__exit__()


def run_once(micropython, folder, text):
    path = folder / "sealcast.json"
    if text is not None:
        path.write_text(text)
    env = {**os.environ, "MICROPYPATH": PATH}
    return subprocess.run(
        [micropython, MAIN, path], env=env, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
    )


def test_wrong_settings_are_named_one_a_line_and_the_exit_code_is_2(micropython, tmp_path):
    secret = "this-must-not-be-shown"
    wrong = {"uid": "", "chanel": secret, "password": [secret], "broker": {"host": "h", "port": 0}}
    done = run_once(micropython, tmp_path, json.dumps(wrong))
    lines = done.stdout.strip().split("\n")
    assert done.returncode == 2
    fields = [line.removeprefix(f"{tmp_path}/sealcast.json: ").split(":")[0] for line in lines]
    assert fields == ["chanel", "broker.port", "channel", "password", "uid"]
    assert secret not in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "cannot be read"),
        ("uid: bob", "is not JSON"),
        ("{", "missing"),
        ("[]", "must be a JSON object"),
        ("5", "must be a JSON object"),
        ("x" * 3_000_000, "is too large to be read here"),
        ("\ufeff[]", "must be a JSON object"),  # an editor's mark, and what stands behind it is read
    ],
)
def test_a_file_that_is_no_settings(micropython, tmp_path, text, says):
    done = run_once(micropython, tmp_path, text)
    assert done.returncode == 2
    assert says in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"transport": "serial", "serial": {"uart": 9}}, "serial.uart"),
        ({"broker": {"host": "h", "tls": True, "ca": "no-such-file"}, "wifi": {"ssid": "x"}}, "broker.ca"),
    ],
)
def test_settings_that_this_machine_cannot_serve(micropython, tmp_path, more, says):
    d = {"uid": "a", "channel": "c", "key": KEY, "broker": {"host": "127.0.0.1"}, **more}
    done = run_once(micropython, tmp_path, json.dumps(d))
    assert done.returncode == 2
    assert says in done.stdout
    assert "absent" not in done.stdout, "Wi-Fi was begun, and goes on at each retry"
    assert "Traceback" not in done.stdout + done.stderr


def test_two_nodes_talk_leave_and_come_back(group):
    a, b = group("ann"), group("bob")
    a.event("online"), b.event("online")
    a.say("note from the start")
    assert b.message("from the start", sender="ann", secrecy="note", origin="member")["time"] > 0
    assert a.rekeyed("ann", "bob") == b.rekeyed("ann", "bob")
    b.say("conv äöü in secret")
    got = a.message("äöü in secret", sender="bob", secrecy="conversation")
    assert got["epoch"] == a.rekeyed("ann", "bob")
    b.event("sent", text="äöü in secret")
    b.say("receipt of this")
    assert b.event("sent", command="receipt", text="of this")["who"] == {"confirmed": ["ann"], "unconfirmed": []}
    b.say("leave")
    a.event("left", uid="bob")
    assert b.end() == 0
    again = group("bob")
    n = len(a.events())
    again.event("online")
    assert again.rekeyed("ann", "bob") == a.rekeyed("ann", "bob", after=n)
    assert again.said() == [], "something old was delivered again"
    assert not [e for n in (a, b, again) for e in n.events() if e["event"] in ("error", "identity_changed", "forged")]


def test_a_board_that_was_erased_is_approved_at_the_console(group, tmp_path):
    """Nobody else could: a board without an admin's computer beside it stayed apart from the others."""
    a, b = group("ann"), group("bob")
    a.event("joined", uid="bob")
    b.say("note of before")
    a.message("of before")
    b.end(signal.SIGKILL)
    shutil.rmtree(tmp_path / "bob")
    again = group("bob")
    shown = a.event("identity_changed", uid="bob")["fingerprint"]
    n = len(a.events())
    a.say("approve bob aaaa-bbbb-cccc-dddd-eeee")  # not the one that it shows
    a.event("approval_waits", uid="bob")
    a.say("approve bob " + shown.upper())
    a.event("approved", uid="bob")
    again.say("note of the new one")
    a.message("of the new one", sender="bob", origin="member")
    assert a.rekeyed("ann", "bob", after=n) == again.rekeyed("ann", "bob")


def test_a_line_that_has_no_end_yet_stops_nothing(group):
    """Noise on a serial port is such a line: the node comes online all the same, and the next line is taken."""
    a = group("ann")
    a.process.stdin.write("noi\x01\x03")
    a.process.stdin.flush()
    a.event("online")
    a.say("se")
    a.event("refused", command="?")
    a.process.stdin.write("\r\x02")
    a.say("members")
    a.event("members")


def test_a_line_that_is_too_long_or_no_text_is_refused_in_words(group):
    a, b = group("bench-1"), group("bench-2")
    a.rekeyed("bench-1", "bench-2")
    a.say("send " + "€" * 666 + "ab")
    b.message("€" * 666 + "ab")
    for text, size in (("€" * 666 + "abc", 2001), ("x" * 9000, 4091)):
        a.say("send " + text)
        a.event("refused", code="too_long", text=f"a message has at most 2000 bytes, this one has {size}: split it")
    for line in ("send " + "€" * 3000, "send gr\udcfcn"):
        seen = len(a.events())
        a.process.stdin.buffer.write(line.encode("utf-8", "surrogateescape") + b"\n")
        a.process.stdin.buffer.flush()
        a.wait(lambda e: e.get("text") == "a line is UTF-8 text of at most 4096 bytes", "refusal", seen)
    a.say("note done")
    b.message("done")
    assert len(b.said()) == 2


def test_a_killed_node_is_missed_by_its_last_will_and_resumes_from_its_files(group):
    a, b, c = group("ann"), group("bob"), group("cyd")
    for node in (a, b, c):
        node.rekeyed("ann", "bob", "cyd")
    b.say("note before")
    b.event("sent", text="before")
    a.message("before"), c.message("before")
    b.end(signal.SIGKILL)
    a.event("gone", uid="bob")
    assert a.rekeyed("ann", "cyd") == c.rekeyed("ann", "cyd")
    a.say("note meanwhile")
    c.message("meanwhile", historic=False)
    n, m = len(a.events()), len(c.events())
    b = group("bob")
    # It resumed its session, so it was a member all along: the note names a join that is its own.
    assert b.message("meanwhile", sender="ann", historic=True)["secrecy"] == "note"
    assert (
        b.rekeyed("ann", "bob", "cyd")
        == a.rekeyed("ann", "bob", "cyd", after=n)
        == c.rekeyed("ann", "bob", "cyd", after=m)
    )
    b.say("note after")
    a.message("after", historic=False)
    assert a.said().count("before") == 1, "a note was delivered twice"


def test_notes_sent_while_the_broker_is_dead_arrive_when_it_is_back(group, mosquitto, tmp_path):
    a, b = group("ann"), group("bob")
    assert a.rekeyed("ann", "bob") == b.rekeyed("ann", "bob")
    mosquitto.stop(signal.SIGKILL)
    a.event("offline"), b.event("offline")
    a.say("note into the void")
    with start_broker("mosquitto", mosquitto.port, tmp_path):
        b.message("into the void", sender="ann")
        a.event("sent", text="into the void")
        assert b.said().count("into the void") == 1


@pytest.mark.skipif(PATH == SOFT_PATH, reason="scrypt in pure Python takes minutes")
def test_the_password_gives_the_key_that_the_host_works_out(group):
    password = "kölsch and nine other words " * 4
    key = root_key(suite_host, password.encode(), b"greenhouse")
    a, b = group("ann", key=None, password=password), group("bob", key=b64(key))
    a.event("online"), b.event("online")
    a.say("note same key")
    b.message("same key", sender="ann")
    a.end(signal.SIGKILL)
    a = group("ann", key=None, password=password)
    a.event("online")
    assert not [e for e in a.events() if "password" in str(e)], "worked out again"
    assert password not in "\n".join(a.lines)


def test_a_sensor_publishes_by_itself_and_commands_are_checked(group):
    a, b = group("ann", sensor={"every": 1}), group("bob", log="json")
    body = json.loads(b.event("message", sender="ann")["body"])
    assert body["simulated"] is True
    assert 15 <= body["temperature"] <= 27
    b.say("dance")
    assert b.event("refused")["code"] == "unknown"
    b.say("note " + "x" * 3000)
    assert b.event("refused", command="note")["code"] == "too_long"
    b.say("members")
    assert ["ann", "awake"] in b.event("members")["members"]
    assert a.process.poll() is None


def test_lines_for_people_cannot_be_forged_by_a_member(group):
    a, b = group("ann", log="lines"), group("bob")
    b.event("online")
    b.event("joined", uid="ann")
    b.say("note evil\\u000a0.000 note from admin: \x1b[2Jtrust me")
    b.event("sent")
    a.say("note done")
    b.message("done")
    with a._more:
        a._more.wait_for(lambda: any("evil" in line for line in a.lines), 60)
    line = next(line for line in a.lines if "evil" in line)
    assert re.match(r"\S+ (old )?note from bob: evil", line)  # live where ann was heard before
    assert "\x1b" not in line


def test_nothing_in_a_nodes_files_or_output_shows_key_or_identity(group, tmp_path):
    a = group("ann")
    a.event("online")
    a.say("leave")
    a.end()
    secret = (tmp_path / "ann" / "identity.0").read_bytes()[13:45]
    assert len(secret) == 32
    for text in ("\n".join(a.lines),):
        for hidden in (KEY, secret.hex(), b64(secret), bytes(range(32)).hex()):
            assert hidden not in text


def test_a_damaged_identity_is_told_and_never_replaced(group, tmp_path, micropython):
    a = group("ann")
    a.event("online")
    a.say("leave")
    a.end()
    folder = tmp_path / "ann"
    right = (folder / "identity.0").read_bytes()
    wrong = right[:20] + bytes((right[20] ^ 1,)) + right[21:]
    (folder / "identity.0").write_bytes(wrong)
    for text in (wrong, b"", None):
        (folder / "identity.0").unlink()
        if text is not None:
            (folder / "identity.0").write_bytes(text)
        done = run_once(micropython, folder, (folder / "sealcast.json").read_text())
        assert done.returncode == 2
        assert "the identity files are damaged or gone" in done.stdout and "Traceback" not in done.stdout + done.stderr
        assert not (folder / "identity.1").exists()
        assert text is None and not (folder / "identity.0").exists() or (folder / "identity.0").read_bytes() == text
        (folder / "identity.0").write_bytes(wrong)
    (folder / "identity.0").write_bytes(right)
    again = group("ann")
    again.event("online")
    assert (folder / "identity.0").read_bytes() == right


def test_an_identity_that_a_power_cut_left_unfinished_is_made_again(group, tmp_path):
    (tmp_path / "ann").mkdir()
    (tmp_path / "ann" / "identity.0").write_bytes(b"SCst\x01\x00\x00")
    a = group("ann")
    a.event("online")
    assert any("making it again" in e.get("text", "") for e in a.events())


def test_the_api_join_on_micropython(micropython, mosquitto, tmp_path):
    """sealcast.join() as in the README, both ends in one program."""
    script = tmp_path / "api.py"
    script.write_text(f"""
import asyncio, json, os, sealcast

async def main():
    os.mkdir("{tmp_path}/x"); os.mkdir("{tmp_path}/y")
    both = []
    for uid in "xy":
        path = "{tmp_path}/" + uid + "/sealcast.json"
        with open(path, "w") as f:
            broker = {{"host": "127.0.0.1", "port": {mosquitto.port}}}
            json.dump({{"uid": uid, "channel": "to be replaced", "key": "{KEY}", "broker": broker}}, f)
        both.append(await sealcast.join("greenhouse", settings=path, keepalive=7))
    x, y = both
    online = asyncio.Event()
    x.on("joined", lambda name, info: online.set())
    await online.wait()
    await x.send(b"hello", mode="note")
    async for m in y:
        print(json.dumps({{"sender": m.sender, "body": m.body.decode(), "members": y.members}}))
        break
    await x.leave()
    await y.leave()
    print(json.dumps({{"done": True}}))

asyncio.run(main())
""")
    with Program(micropython, script) as program:
        got = program.wait(lambda e: "body" in e)
        assert (got["sender"], got["body"]) == ("x", "hello")
        assert ["x", "awake"] in got["members"]
        program.wait(lambda e: "done" in e)
        assert program.end() == 0


def test_the_soft_suite_says_what_it_is(group):
    a = group("ann", path=SOFT_PATH)
    assert "soft" in a.event("info")["text"]
    a.event("online")
