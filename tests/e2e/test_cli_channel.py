"""Channels as they are kept: brokers as URLs, WebSockets, phrases with a checksum, set, rename, forget, purge."""

import asyncio
import json
import stat
import sys

import pytest

from cli_users import User
from host_support import Child, free_port
from host_support import mosquitto as program
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
        ("wss://farm/a/b", {"host": "farm", "tls": True, "port": 443, "path": "/a/b"}),
    ],
)
def test_places_of_brokers(text, expected):
    assert read_place(text) == expected
    if "://" in text:
        assert read_place(url_of(expected)) == expected | {"port": read_place(url_of(expected))["port"]}


@pytest.mark.parametrize(
    "text", ["http://farm", "mqtt://", "mqtt://u:p@farm", "mqtt://farm/x", "ws://farm/a b", "ws://farm/?x", "ws://farm:0"]
)
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
    phrase = new_phrase()
    words = phrase.split("-")
    assert len(words) == 8 and checksum(words[:7]) == words[7]
    for typed in (phrase.upper(), " ".join(words), f"  {', '.join(words)} \n", phrase.replace("-", "\u00a0- ")):
        assert read_phrase(typed) == phrase
    assert read_phrase("-".join(words[:7])) == "-".join(words[:7])  # a phrase of version 0.1
    for own in ("my own Password 123!", "abandon", "two words", "Grüße aus dem Garten im schönen alten Tal hier"):
        assert read_phrase(own) == own
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
    # Each word that is exchanged for another is found, but for one in 2,048.
    missed = 0
    for i, word in enumerate(words):
        for put in wordlist()[:: 2048 // 40]:
            try:
                missed += put != word and bool(read_phrase("-".join([*words[:i], put, *words[i + 1 :]])))
            except UserError:
                pass
    assert missed <= 3


def test_a_channel_over_websockets_is_changed_renamed_purged_and_forgotten(tmp_path):
    port, web = free_port(), free_port()
    config = tmp_path / "mosquitto.conf"
    config.write_text(
        f"listener {port} 127.0.0.1\nlistener {web} 127.0.0.1\nprotocol websockets\nallow_anonymous true\nuser root\n"
    )
    anna, ben = User(tmp_path / "anna"), User(tmp_path / "ben")
    with Child([program() or "mosquitto", "-c", str(config)]) as broker:
        broker.wait_for("running")
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
    anna.ok("channel", "new", "g", "--uid", "anna", "--broker", f"ws://127.0.0.1:{mosquitto.port}")
    assert anna.json("channel", "set", "g", "--broker", where)["broker"]["url"] == where
    assert anna.run("channel", "set", "g").returncode == 2
    assert anna.json("channel", "rename", "g", "the greenhouse")["name_of_its_own"] == "g"
    assert anna.ok("channel", "list") == "the greenhouse\n"
    assert "unknown channel" in anna.run("send", "g", "x").stderr
    anna.ok("agent", "--detach")
    anna.ok("send", "the greenhouse", "--mode", "note", "under its new name")
    assert json.loads(anna.ok("status", "the greenhouse", "--json"))["channel"] == "g"
    anna.ok("agent", "--stop")
    async def kept():
        link = MqttTransport("127.0.0.1", mosquitto.port)
        await link.connect("will", b"")
        await link.subscribe("zp/1/#", 1)
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
    anna.ok("channel", "forget", "the greenhouse", "--yes")
    assert anna.run("channel", "list").stdout == ""
    left = [p.name for p in anna.home.rglob("*") if p.is_file() and ".agent" not in p.parts]
    assert left == []


def test_names_that_begin_with_a_dot_are_listed(tmp_path):
    """A file of that name would be hidden, and left out."""
    anna = User(tmp_path, 1)
    for name in (".x", "../y", "."):
        anna.new(name)
    listed = anna.ok("channel", "list")
    assert [line.split()[0] for line in listed.splitlines()] == [".", "../y", ".x"]
    anna.ok("channel", "rename", ".x", ".z")
    assert not list((anna.home / "config").rglob(".*"))
