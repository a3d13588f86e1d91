"""Channels as they are kept: brokers as URLs, WebSockets, phrases with a checksum, set, rename, forget, purge."""

import asyncio
import json
import stat
import sys

import pytest

from cli_users import User
from host_support import Child, free_port, start_mosquitto
from sealcast_host.cli.options import BrokerOptions
from sealcast_host.errors import UserError
from sealcast_host.member import channels, invites
from sealcast_host.member.address import read_place, url_of
from sealcast_host.member.channels import ChannelFile
from sealcast_host.member.mqtt import MqttTransport
from sealcast_host.member.phrases import checksum, new_phrase, read_phrase, wordlist


@pytest.mark.parametrize(
    "text,expected",
    [
        ("farm", {"host": "farm"}),
        ("farm:1900", {"host": "farm", "port": 1900}),
        ("mqtt://farm", {"host": "farm", "tls": False}),
        ("MQTTS://farm:99", {"host": "farm", "tls": True, "port": 99}),
        ("mqtts://[::1]:8883", {"host": "::1", "tls": True, "port": 8883}),
        ("ws://farm", {"host": "farm", "tls": False, "port": 80, "path": "/mqtt"}),
        ("wss://farm/", {"host": "farm", "tls": True, "port": 443, "path": "/"}),
        ("wss://farm/a/b", {"host": "farm", "tls": True, "port": 443, "path": "/a/b"}),
    ],
)
def test_places_of_brokers(text, expected):
    assert read_place(text) == expected
    if "://" in text:
        assert read_place(url_of(expected)) == expected | {"port": read_place(url_of(expected))["port"]}


@pytest.mark.parametrize("text", [
    "http://farm", "mqtt://", "mqtt://u:p@farm", "mqtt://farm/x", "ws://farm/a b", "ws://farm/?x", "ws://farm:0"
])  # fmt: skip
def test_wrong_places(text):
    with pytest.raises(UserError) as e:
        read_place(text)
    assert "--broker" in str(e.value) and "u:p" not in str(e.value)


def test_options_over_what_is_known():
    tls = {"host": "farm", "tls": True, "ca": "/ca.pem", "username": "u", "password": "p"}
    assert BrokerOptions(broker="farm:99").over(tls) == tls | {"port": 99}
    assert BrokerOptions(broker="mqtt://farm").over(tls) == {"host": "farm", "username": "u", "password": "p"}
    assert BrokerOptions(no_tls=True).over(tls) == {"host": "farm", "username": "u", "password": "p"}
    assert BrokerOptions(broker="wss://else").over(tls) == read_place("wss://else")
    with pytest.raises(UserError, match="exclude"):
        BrokerOptions(no_tls=True, tls=True).over(tls)


def test_an_invitation_keeps_a_websocket():
    known = ChannelFile("g", b"k" * 32, "a", broker=read_place("wss://farm/x"))
    assert invites.read(invites.make(known), "b").broker == known.broker
    with pytest.raises(UserError, match="cannot use WebSockets"):
        channels.raise_if_no_board(known.broker)


def test_phrases_as_they_are_typed():
    words = list(wordlist()[::300][:7])
    words.append(checksum(words, 18))
    phrase = "-".join(words)
    for typed in (phrase.upper(), " ".join(words), f"  {', '.join(words)} \n", phrase.replace("-", "\u00a0- ")):
        assert read_phrase(typed) == (phrase, 18)
    assert read_phrase("-".join(words[:7])) == ("-".join(words[:7]), 15)  # a phrase of version 0.1
    for own in ("my own Password 123!", "abandon", "two words", "Grüße aus dem Garten im schönen alten Tal hier"):
        assert read_phrase(own) == (own, 18) and read_phrase(own, 15) == (own, 15)
    other = next(w for w in wordlist() if w not in words)
    for wrong, says in (
        ("-".join([other, *words[1:]]), "does not fit"),
        ("-".join(words[:6]), "8 words, this has 6"),
        ("-".join([*words, other]), "8 words, this has 9"),
        ("-".join([words[0][:-1] + "qq", *words[1:]]), "word 1 "),
    ):
        with pytest.raises(UserError, match=says) as e:
            read_phrase(wrong)
        assert words[3] not in str(e.value)
    with pytest.raises(UserError, match=f'did you mean "{words[2]}"'):
        read_phrase("-".join([*words[:2], words[2] + "z", *words[3:]]))
    # Each word that is exchanged for another is found, but for one in 1,024.
    missed = 0
    for i, word in enumerate(words):
        for put in wordlist()[:: 2048 // 40]:
            try:
                missed += put != word and bool(read_phrase("-".join([*words[:i], put, *words[i + 1 :]])))
            except UserError:
                pass
    assert missed <= 1


def test_a_phrase_says_how_hard_it_is_stretched():
    for stretch in (15, 18, 20):
        words = new_phrase(stretch).split("-")
        assert len(words) == 8 and checksum(words[:7], stretch) == words[7]
        assert read_phrase("-".join(words), stretch) == ("-".join(words), stretch)
    kinds = {stretch: checksum(words[:7], stretch) for stretch in range(15, 21)}
    assert len(set(kinds.values())) > 3
    for stretch in (15, 18):
        assert read_phrase("-".join([*words[:7], kinds[stretch]]))[1] == stretch
    with pytest.raises(UserError, match="--stretch"):
        read_phrase("-".join([*words[:7], checksum(list(wordlist()[:7]), 19)]))


def test_the_stretch_is_kept_with_the_channel_and_handed_on(tmp_path):
    """What both must know before anything can be read: the phrase tells it, a password of one's own does not."""
    anna, ben = User(tmp_path / "anna", 1), User(tmp_path / "ben", 1)

    def kept(user, channel):
        return json.loads((user.home / f"config/sealcast/{channel}.json").read_text())

    made = anna.json("channel", "new", "g", "--uid", "anna")
    assert made["stretch"] == kept(anna, "g")["stretch"] == 18 and anna.json("channel", "show", "g")["stretch"] == 18
    ben.join(made["phrase"])
    assert kept(ben, "g")["key"] == kept(anna, "g")["key"]
    own = "my own Password 123!"
    out = anna.ok("channel", "new", "own", "--stretch", "15", "--password-stdin", "--force", stdin=own)
    assert "--stretch 15" in out and "--stretch 15" in anna.ok("channel", "show", "own")
    for stretch, same in (((), False), (("--stretch", "15"), True)):
        (ben.home / "config/sealcast/own.json").unlink(missing_ok=True)
        ben.ok("channel", "join", "own", "--password-stdin", *stretch, stdin=own)
        assert (kept(ben, "own")["key"] == kept(anna, "own")["key"]) is same
    # a file of 0.1 says nothing of it
    file = anna.home / "config/sealcast/g.json"
    file.write_text(json.dumps({k: v for k, v in kept(anna, "g").items() if k != "stretch"}))
    assert "stretch  " not in anna.ok("channel", "show", "g")
    file.write_text(json.dumps(kept(anna, "g") | {"stretch": 40}))
    done = anna.run("channel", "show", "g")
    assert done.returncode == 2 and "stretch: is 40, not in 15..20" in done.stderr


def test_a_password_that_would_take_all_memory_is_refused(monkeypatch):
    pages = {"SC_PHYS_PAGES": 300 << 8, "SC_PAGE_SIZE": 4096}  # 300 MiB
    monkeypatch.setattr(channels.os, "sysconf", pages.__getitem__)
    with pytest.raises(UserError, match="256 MiB of memory"):
        channels.stretched("password", "g", 18)
    assert channels.stretched("password", "g", 15) == channels.keys.root_key(
        channels.best_suite(), b"password", b"g"
    )


def test_a_channel_over_websockets_is_changed_renamed_purged_and_forgotten(tmp_path):
    port, web = free_port(), free_port()
    anna, ben = User(tmp_path / "anna"), User(tmp_path / "ben")
    with start_mosquitto(port, tmp_path, f"listener {web} 127.0.0.1", "protocol websockets"):
        made = anna.json("channel", "new", "g", "--uid", "anna", "--broker", f"ws://127.0.0.1:{web}/mqtt")
        assert made["broker"]["url"] == f"ws://127.0.0.1:{web}/mqtt" and made["admin"]
        wrong = ben.run("channel", "join", "g", "--password-stdin", stdin="abandon " * 8)
        assert wrong.returncode == 2 and "does not fit" in wrong.stderr and wrong.stderr.count("\n") == 1
        where = ("--broker", f"127.0.0.1:{port}", "--password-stdin")
        ben.ok("channel", "join", "g", "--uid", "ben", *where, stdin=made["phrase"].upper().replace("-", " ") + "\n")
        with Child([sys.executable, "-m", "sealcast_host", "listen", "g", "--json"], extra_env=anna.env) as listening:
            listening.wait_for('"online"')
            ben.ok("send", "g", "--mode", "note", "over the web")
            listening.wait_for("over the web")
            listening.stop()
    assert stat.S_IMODE((ben.home / "config/sealcast/g.json").stat().st_mode) == 0o600


def test_set_rename_purge_and_forget(mosquitto, tmp_path):
    anna = User(tmp_path / "anna")
    where = f"mqtt://127.0.0.1:{mosquitto.port}"
    anna.ok("channel", "new", "g", "--stretch", "15", "--uid", "anna", "--broker", f"ws://127.0.0.1:{mosquitto.port}")
    assert anna.json("channel", "set", "g", "--broker", where)["broker"]["url"] == where
    assert anna.run("channel", "set", "g").returncode == 2
    assert anna.json("channel", "rename", "g", "the greenhouse")["name_of_its_own"] == "g"
    assert anna.ok("channel", "list") == "the greenhouse\n"
    again = anna.run("channel", "new", "g", "--stretch", "15")
    assert again.returncode == 2 and 'known here as "the greenhouse"' in again.stderr
    assert "unknown channel" in anna.run("send", "g", "x").stderr
    anna.ok("agent", "--detach")
    anna.ok("send", "the greenhouse", "--mode", "note", "under its new name")
    assert json.loads(anna.ok("status", "the greenhouse", "--json"))["channel"] == "g"
    anna.ok("agent", "--stop")
    async def kept():
        link = MqttTransport("127.0.0.1", mosquitto.port)
        await link.connect("will", b"")
        await link.subscribe(["zp/1/#"], 1)
        found = []
        try:
            while True:
                async with asyncio.timeout(0.5):
                    found.append((await link.receive())[0])
        except TimeoutError:
            return found
        finally:
            await link.close()

    assert len(asyncio.run(kept())) >= 3
    sure = anna.run("channel", "purge", "the greenhouse")
    assert sure.returncode == 2 and "--yes" in sure.stderr
    assert anna.json("channel", "purge", "the greenhouse", "--yes")["topics"] >= 3
    assert asyncio.run(kept()) == []
    sure = anna.run("channel", "forget", "the greenhouse")
    assert sure.returncode == 2 and "admin key" in sure.stderr
    inside = anna.home / "config/sealcast/the%20greenhouse.json.forgotten/x"
    inside.mkdir(parents=True)  # as a folder that may not be written in: nothing is removed
    refused = anna.run("channel", "forget", "the greenhouse", "--yes")
    assert refused.returncode == 2 and "cannot remove" in refused.stderr and refused.stderr.count("\n") == 1
    assert anna.json("status", "the greenhouse")["uid"] == "anna"
    inside.rmdir()
    inside.parent.rmdir()
    anna.ok("channel", "forget", "the greenhouse", "--yes")
    assert anna.run("channel", "list").stdout == ""
    left = [p.name for p in anna.home.rglob("*") if p.is_file() and ".agent" not in p.parts]
    assert left == []


def test_a_rename_and_a_forget_that_were_cut_short_are_finished_by_the_same_command(tmp_path):
    """Else the channel has two files, or its keys and states stay where nobody finds them."""
    anna = User(tmp_path, 1)
    anna.new("g")
    assert anna.run("send", "g", "x", "--timeout", "5").returncode != 0  # there is no broker, but a state now
    old, new = anna.home / "config/sealcast/g.json", anna.home / "config/sealcast/h.json"
    before = old.read_bytes()
    anna.ok("channel", "rename", "g", "h")
    old.write_bytes(before)
    old.chmod(0o600)
    anna.ok("channel", "rename", "g", "h")
    assert anna.ok("channel", "list") == "h\n"
    assert list((anna.home / "state").rglob("identity.json"))
    new.rename(new.with_name("h.json.forgotten"))
    anna.ok("channel", "forget", "h", "--yes")
    assert [p.name for p in anna.home.rglob("*") if p.is_file()] == []


def test_names_that_begin_with_a_dot_are_listed(tmp_path):
    """A file of that name would be hidden, and left out."""
    anna = User(tmp_path, 1)
    for name in (".x", "../y", "."):
        anna.new(name)
    listed = anna.ok("channel", "list")
    assert [line.split()[0] for line in listed.splitlines()] == [".", "../y", ".x"]
    anna.ok("channel", "rename", ".x", ".z")
    assert not list((anna.home / "config").rglob(".*"))


def test_what_a_member_says_of_itself_is_seen_by_the_others(mosquitto, tmp_path):
    anna, ben = User(tmp_path / "anna", mosquitto.port), User(tmp_path / "ben", mosquitto.port)
    phrase = anna.json("channel", "new", "g", "--uid", "anna", "--stretch", "15", *anna.where)["phrase"]
    made = ben.json("channel", "join", "g", "--uid", "ben", *ben.where, "--data", "DHT22, D\u00e4ch",
                    "--password-stdin", stdin=phrase)  # fmt: skip
    assert made["data"] == "DHT22, D\u00e4ch"
    with ben.listen() as bens, anna.listen() as annas:
        joined = json.loads(annas.wait_for('"event": "joined"'))
        assert (joined["uid"], joined["data"]) == ("ben", "DHT22, D\u00e4ch")
        told = {m["uid"]: m["data"] for m in anna.json("status", "g")["members"]}
        assert told == {"anna": None, "ben": "DHT22, D\u00e4ch"}
        assert "ben   awake; DHT22, D\u00e4ch" in anna.ok("status", "g")
        anna.ok("group", "create", "g", "ben")
        assert "group     main" in anna.ok("group", "status", "g")
        bens.wait_for('"event": "group"')
    anna.ok("channel", "set", "g", "--group-name", "upstairs")
    ben.ok("channel", "set", "g", "--data", "")
    assert ben.json("channel", "show", "g")["data"] is None
    with ben.listen(), anna.listen():
        assert anna.json("group", "status", "g")["group"]["name"] == "upstairs"
        assert ben.json("group", "status", "g")["group"]["name"] == "main"
        assert {m["uid"]: m["data"] for m in anna.json("status", "g")["members"]} == {"anna": None, "ben": None}
    board = json.loads(anna.ok("channel", "node", "g", "--uid", "bench-1", "--data", "bench"))
    assert board["data"] == "bench" and "group_name" not in board
    for wrong in (["--data", "x" * 65], ["--group-name", " "], []):
        done = anna.run("channel", "set", "g", *wrong)
        assert done.returncode == 2 and done.stderr.count("\n") == 1, done
