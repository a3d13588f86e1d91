"""What version 0.1 left on two computers and at their broker (tests/vectors/v0.1/computers.json), taken up by today's
commands: settings, identities, states, a group, notes that nobody has read yet. docs/VERSIONS.md.
"""

import asyncio
import json
from pathlib import Path

import aiomqtt
import pytest

from cli_users import User, messages
from sealcast.run.settings import check

KEPT = json.loads((Path(__file__).parents[1] / "vectors/v0.1/computers.json").read_text())
STALL = "Stall & Hof/1"


def user_of_0_1(home, name, channel, port):
    """His files as 0.1 wrote them; the broker has moved to another port since."""
    for path, content in KEPT["homes"][name].items():
        file = home / name / path
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.write_bytes(content["text"].encode() if "text" in content else bytes.fromhex(content["hex"]))
        file.chmod(0o600)
    user = User(home / name, port, name)
    told = user.json("channel", "show", channel)
    assert (told["uid"], told["admin"], told["broker"]["port"]) == (name, name == "anna", KEPT["port"])
    user.ok("channel", "set", channel, *user.where)
    return user


async def _keep(port):
    async with aiomqtt.Client("127.0.0.1", port) as client:
        for topic, payload in KEPT["retained"].items():
            await client.publish(topic, bytes.fromhex(payload), qos=1, retain=True)


@pytest.fixture
def broker(mosquitto):
    """With all that it kept of 0.1."""
    asyncio.run(_keep(mosquitto.port))
    return mosquitto


def key_of(user, channel):
    return json.loads(Path(user.json("channel", "show", channel)["file"]).read_text())["key"]


@pytest.mark.parametrize(
    "channel,unread,mode",
    [("greenhouse", "what ben has not read yet", "ratchet"), (STALL, "what ben has not read of the new key", "note")],
)
def test_nothing_is_lost_and_messages_go_on(tmp_path, broker, channel, unread, mode):
    """In the group where there was one; on the key that a lost board left to the others; though ben was killed."""
    anna, ben = (user_of_0_1(tmp_path, name, channel, broker.port) for name in ("anna", "ben"))
    with ben.start("listen", channel, "--json") as listening:
        listening.wait_for(unread)
        (note,) = [m for m in messages(listening.lines) if m["text"] == unread]
        assert (note["sender"], note["secrecy"], note["origin"]) == ("anna", "note", "member")
        assert (note["historic"], note["age"]) == (True, None)  # notes of 0.1 prove nothing of when they were made
        anna.ok("send", channel, "--mode", mode, "from today")
        listening.wait_for("from today")
        assert messages(listening.lines)[-1]["secrecy"] == mode
        assert not [line for line in listening.lines if "identity_changed" in line or "forged" in line]
    prints = [json.loads(line) for line in anna.ok("group", "verify", channel, "--json").splitlines()]
    assert {row["uid"]: row["fingerprint"] for row in prints} == KEPT["fingerprints"][channel]


def test_what_0_1_handed_out_still_leads_to_its_channel(tmp_path, broker):
    """A phrase (of seven words, without the one that finds errors), an invitation, the settings of a node."""
    anna = user_of_0_1(tmp_path, "anna", "greenhouse", broker.port)
    cara = User(tmp_path / "cara", broker.port)
    cara.join(KEPT["phrase"], "greenhouse", "cara")
    assert key_of(cara, "greenhouse") == key_of(anna, "greenhouse") == KEPT["node"]["key"]
    cara.ok("join", KEPT["invitation"], "--uid", "cara", *cara.where)
    admin = json.loads(KEPT["homes"]["anna"]["config/sealcast/Stall%20%26%20Hof%2F1.json"]["text"])["admin"]
    invited = json.loads(Path(cara.json("channel", "show", STALL)["file"]).read_text())
    assert invited["admin"] == admin
    assert check(KEPT["node"]) == []


def test_a_presence_of_0_1_is_refused_in_words(tmp_path, broker):
    """Not all can be taken over: how awake a member of 0.1 is. Whoever sees this knows why."""
    ben = user_of_0_1(tmp_path, "ben", "greenhouse", broker.port)
    assert "not a message of this version of the protocol" in ben.ok("status", "greenhouse")
