"""The ratcheting group and lost members through the real commands,
over mosquitto: three users with homes of their own.
"""

import contextlib
import json
import os
import shutil
import signal
import stat

import pytest

import cli_users
from sealcast.crypto import host as suite
from sealcast.wire import b64, unb64
from sealcast.zpinc.identity import Identity
from sealcast.zpinc.joins import fingerprint
from sealcast_host.member.phrases import spoken


class User(cli_users.User):
    """One whose files are looked into."""

    def key(self):
        assert stat.S_IMODE(self.file.stat().st_mode) == 0o600
        return json.loads(self.file.read_text())["key"]

    def public(self):
        """Of the secret in this user's own state."""
        secret = json.loads((self.home / "state" / "sealcast" / "g" / self.uid / "identity.json").read_text())[
            "identity"
        ]
        return Identity(suite, unb64(secret)).public

    def fingerprint(self):
        """What the others must be shown."""
        return fingerprint(suite, self.public())


def told(child):
    """[(text, secrecy, private)] of the messages that a listener was given."""
    messages = [
        m
        for m in map(json.loads, (line for line in list(child.lines) if line.startswith("{")))
        if m["type"] == "message"
    ]
    return [(m["text"], m["secrecy"], m["private"]) for m in messages]


@pytest.fixture
def users(mosquitto, tmp_path):
    """Anna, who made the channel; Ben and Cara, whom she invited: so they know who the admin is."""
    anna, ben, cara = (User(tmp_path / uid, mosquitto.port, uid) for uid in ("anna", "ben", "cara"))
    anna.ok("channel", "new", "g", "--stretch", "15", "--uid", "anna", *anna.where)
    invitation = anna.run("invite", "g", "--broker", "broker.example").stdout
    for user in (ben, cara):
        user.ok("join", "-", "--uid", user.uid, *user.where, stdin=invitation)
    return anna, ben, cara


def test_a_group_is_made_talks_changes_and_leaves_a_lost_member_behind(users):
    anna, ben, cara = users
    with ben.listen() as bens, cara.listen() as caras:
        # People compare fingerprints: what Anna is shown is what Ben and Cara have.
        rows = [line.split() for line in anna.ok("group", "verify", "g").splitlines()]
        assert [(r[0], r[1], r[-1]) for r in rows] == [
            ("anna", anna.fingerprint(), "member"), ("ben", ben.fingerprint(), "pinned"),
            ("cara", cara.fingerprint(), "pinned"),
        ]  # fmt: skip
        assert "in no group" in anna.ok("group", "status", "g")

        # All that are awake.
        out = anna.ok("group", "create", "g")
        assert [line.split()[0] for line in out.splitlines() if line.startswith("  ")] == ["anna", "ben", "cara"]
        for listener in (bens, caras):
            listener.wait_for('"event": "group"')
        anna.ok("send", "g", "--mode", "ratchet", "for the group")
        anna.ok("send", "g", "--to", "ben", "for ben alone")
        anna.ok("send", "g", "-", "--mode", "ratchet", stdin="one\ntwo\n")
        for listener in (bens, caras):
            listener.wait_for('"two"')
        everyone = [("for the group", "ratchet", False), ("one", "ratchet", False), ("two", "ratchet", False)]
        assert told(bens) == [everyone[0], ("for ben alone", "ratchet", True), *everyone[1:]]
        assert told(caras) == everyone

        # Out: what follows is not for Cara. In again: only what follows.
        assert "cara" not in anna.ok("group", "remove", "g", "cara")
        caras.wait_for('"event": "removed"')
        anna.ok("send", "g", "--mode", "ratchet", "without cara")
        bens.wait_for("without cara")
        assert "cara" in anna.ok("group", "add", "g", "cara")
        caras.wait_for('"reason": 2')
        anna.ok("send", "g", "--mode", "ratchet", "with cara")
        for listener in (bens, caras):
            listener.wait_for('"with cara"')
        assert told(caras) == [*everyone, ("with cara", "ratchet", False)]
        status = anna.ok("group", "status", "g")
        assert "phase     live" in status and "members   3" in status

        # Cara's board is stolen.
        before = anna.key()
        listed = anna.run("lost", "g", "cara")
        assert (
            listed.returncode == 2
            and "--yes" in listed.stderr
            and listed.stderr.count("\n") == 1
            and anna.key() == before
        )
        assert [line.split()[:2] for line in listed.stdout.splitlines()[1:]] == [["ben", ben.fingerprint()]]
        out = anna.ok("lost", "g", "cara", "--yes")
        assert '"ben" has followed' in out and "all have followed" in out and ben.fingerprint() in out
        assert "all who were in the group are in it again" in out
        caras.wait_for('"event": "expelled"')
        assert len({before, anna.key(), ben.key()}) == 2 and cara.key() == before  # Ben's file has followed, too
        assert json.loads(anna.ok("channel", "node", "g", "--uid", "bench-1"))["key"] == anna.key()
        assert not [name for name in os.listdir(anna.file.parent) if name.startswith(".")]
        anna.ok("send", "g", "--mode", "note", "at the new place")
        bens.wait_for("at the new place")
        assert bens.stop(signal.SIGTERM) == 0 and caras.stop(signal.SIGTERM) == 0
        assert "at the new place" not in " ".join(caras.lines)
        assert not [line for line in bens.lines + caras.lines if "Traceback" in line or '"code": "internal"' in line]

    # Everything goes on from what is stored.
    with ben.listen() as bens:
        anna.ok("send", "g", "--mode", "ratchet", "the group again")
        bens.wait_for('"the group again"')
        assert ("the group again", "ratchet", False) in told(bens)
        assert anna.json("group", "status", "g")["group"]["members"] == ["anna", "ben"]


@pytest.mark.parametrize("agent", [False, True])
def test_who_was_left_behind_is_told_so_and_comes_back_by_an_invitation(users, agent):
    """Nobody reads at the old place what ended well there. dan came by the phrase, and cannot even know that."""
    anna, ben, cara = users
    dan = User(cara.home.with_name("dan"), anna.port, "dan")
    for user in (ben, cara):
        user.ok("send", "g", "--mode", "note", "hello")
    dan.file.parent.mkdir(parents=True)
    shutil.copy(cara.file, dan.file)
    dan.file.write_text(json.dumps(json.loads(cara.file.read_text()) | {"uid": "dan", "admin": None}))
    with cara.listen() if agent else contextlib.nullcontext() as caras:
        anna.ok("lost", "g", "ben", "--keep", "anna", "--yes", "--timeout", "1")
        if agent:
            caras.wait_for('"event": "expelled"')
        for command in (["send", "g", "anybody?"], ["status", "g"]):
            said = cara.refused(*command)
            assert "did not get" in said and "sealcast invite" in said
    for user, says in ((cara, "sealcast status follows"), (dan, "ask for an invitation")):
        out = user.ok("doctor", "g", "--seconds", "2", code=1)
        assert "WRONG  channel  a member was declared lost" in out and says in out
    assert "declared lost" not in anna.ok("doctor", "g", "--seconds", "2")
    cara.ok("channel", "forget", "g", "--yes")
    invitation = anna.run("invite", "g", "--broker", "broker.example").stdout
    cara.ok("join", "-", "--uid", "cara-2", *cara.where, stdin=invitation)
    with anna.listen() as annas:
        cara.ok("send", "g", "--mode", "note", "here again")
        annas.wait_for('"here again"')


@pytest.mark.parametrize("agent", [False, True])
def test_all_who_are_lost_leave_the_roster(users, agent):
    """What is provisioned later must not come with the key of a stolen board."""
    anna, ben, cara = users
    for user in (ben, cara):
        user.ok("send", "g", "--mode", "note", "hello")
    known = json.loads(anna.file.read_text())
    roster = {user.uid: b64(user.public()) for user in (ben, cara)} | {"dan": b64(ben.public()[::-1])}
    anna.file.write_text(json.dumps(known | {"roster": roster}))
    with anna.listen() if agent else contextlib.nullcontext():
        anna.run("lost", "g", "ben", "cara", "--yes", "--timeout", "1")
    after = json.loads(anna.file.read_text())
    assert after["key"] != known["key"] and set(after["roster"]) == {"dan"}


def test_a_changed_identity_is_refused_until_a_person_approves_its_fingerprint(users):
    """The admin approves it for all who know the admin, also for one who only listens."""
    anna, ben, cara = users
    ben.ok("send", "g", "--mode", "note", "the true ben")
    old = ben.fingerprint()
    anna.ok("group", "verify", "g")
    caras = cara.listen()
    caras.wait_for('"the true ben"')
    shutil.rmtree(ben.home / "state")  # Ben's disk died, or somebody else is Ben now
    ben.ok("send", "g", "--mode", "note", "trust me")
    new = ben.fingerprint()
    caras.wait_for('"identity_changed"')
    out = anna.ok("group", "verify", "g", code=1)
    assert "CHANGED" in out and old in out and new in out
    aloud = anna.ok("group", "verify", "g", "--words", code=1)
    assert spoken(old) in aloud and spoken(new) in aloud and new not in aloud
    wrong = anna.run("group", "verify", "g", "--approve", spoken(old))
    assert wrong.returncode == 2 and wrong.stderr.count("\n") == 1
    out = anna.ok("group", "verify", "g", "--approve", spoken(new))
    assert 'approved: "ben"' in out and "for all members" in out and "CHANGED" not in out
    caras.wait_for('"approved"')
    caras.wait_for('"trust me"')
    assert caras.stop(signal.SIGTERM) == 0
    assert f"{new}  pinned" in anna.ok("group", "verify", "g", "ben")


@pytest.mark.parametrize("provisioned", ["here", "elsewhere"])
def test_a_board_that_was_replaced_is_approved_for_all_and_stays_so(users, provisioned):
    """elsewhere: the roster of the admin's computer names the old board until the new one is approved."""
    anna, ben, cara = users
    ben.ok("send", "g", "--mode", "note", "the old board")
    known = json.loads(anna.file.read_text())
    anna.file.write_text(json.dumps(known | {"roster": {"ben": b64(ben.public())}}))
    anna.ok("group", "verify", "g")
    cara.ok("group", "verify", "g")
    shutil.rmtree(ben.home / "state")
    ben.ok("send", "g", "--mode", "note", "the new board")
    if provisioned == "here":  # what `sealcast provision --replace` does to the file
        anna.file.write_text(json.dumps(known | {"roster": {"ben": b64(ben.public())}}))
        assert "CHANGED" not in anna.ok("group", "verify", "g")
    new = ben.fingerprint()
    assert "for all members" in anna.ok("group", "verify", "g", "--approve", new)
    assert f"{new}  pinned" in anna.ok("group", "verify", "g", "ben")
    assert json.loads(anna.file.read_text())["roster"] == {"ben": b64(ben.public())}
    caras = cara.listen()
    caras.wait_for('"the new board"')
    assert caras.stop(signal.SIGTERM) == 0


BAD = {
    "group without an action": (["group"], "group --help"),
    "unknown action": (["group", "frob", "g"], "no such command"),
    "create of oneself": (["group", "create", "g", "anna"], "this member itself"),
    "create with nobody awake": (["group", "create", "g"], "nobody else is awake and takes part"),
    "create with an unknown member": (["group", "create", "g", "zoe"], "zoe"),
    "create with a name twice": (["group", "create", "g", "ben", "ben"], "twice"),
    "add without a name": (["group", "add", "g"], "UID"),
    "add outside of a group": (["group", "add", "g", "ben"], "no group"),
    "remove outside of a group": (["group", "remove", "g", "ben"], "no group"),
    "remove of oneself": (["group", "remove", "g", "anna"], "group leave"),
    "leave outside of a group": (["group", "leave", "g"], "group"),
    "unknown channel": (["group", "status", "elsewhere"], "elsewhere"),
    "bad timeout": (["group", "create", "g", "--timeout", "0"], "--timeout"),
    "verify of an unknown member": (["group", "verify", "g", "zoe"], "zoe"),
    "approve without a fingerprint": (["group", "verify", "g", "--approve", "yes"], "fingerprint"),
    "approve of a fingerprint that nobody has": (
        ["group", "verify", "g", "--approve", "aaaa-bbbb-cccc-dddd-eeee"],
        "no changed identity",
    ),
    "ratchet outside of a group": (["send", "g", "--mode", "ratchet", "hi"], "not in a group"),
    "private outside of a group": (["send", "g", "--to", "ben", "hi"], "not in a group"),
    "private to nobody": (["send", "g", "--to", "zoe", "hi"], "no member of that name"),
    "private note": (["send", "g", "--mode", "note", "--to", "ben", "hi"], "--mode ratchet"),
    "lost of an unknown member": (["lost", "g", "zoe"], "zoe"),
    "lost of oneself": (["lost", "g", "anna"], "itself"),
    "lost without a name": (["lost", "g"], "UID"),
}


def test_bad_input_is_one_line_and_changes_nothing(users):
    anna, ben, cara = users
    ben.ok("send", "g", "--mode", "note", "ben was here")
    # Whoever is seen for the first time gets no new key unless it is named.
    cara.ok("send", "g", "--mode", "note", "so was cara")
    refused = anna.run("lost", "g", "ben")
    assert refused.returncode == 2 and "not kept (--keep would): cara\n" in refused.stdout
    key = anna.key()
    for name, (args, says) in BAD.items():
        done = anna.run(*args)
        assert done.returncode == 2, (name, done)
        assert done.stderr.startswith("sealcast: ") and done.stderr.count("\n") == 1 and says in done.stderr, (
            name,
            done,
        )
        assert "Traceback" not in done.stderr + done.stdout and "internal error" not in done.stderr, (name, done)
    assert anna.key() == key
    not_admin = ben.run("lost", "g", "anna")
    assert not_admin.returncode == 2 and "admin" in not_admin.stderr
    with anna.listen():
        assert "in no group" in anna.ok("group", "status", "g")  # beside a listener, through its agent
