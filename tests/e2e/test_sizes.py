"""Where a document says "at most N" or "N are needed": N is enough, and more is refused in words that say N."""

import asyncio
import json

import pytest

from cli_users import User, member, until
from sealcast.wire import b64
from sealcast_host.errors import UserError
from sealcast_host.member import invites
from sealcast_host.member.channels import ChannelFile
from sealcast_host.member.refusals import BASE_SUBSCRIPTIONS

ADMIN = b64(bytes(32))  # its notices and approvals are listened for


def test_a_member_takes_as_many_subscriptions_as_we_say(mosquitto, home):
    """In a channel with an admin, in the group, and waiting for receipts."""

    async def talk():
        async with await member("ann", mosquitto.port, admin=ADMIN) as ann:
            async with await member("ben", mosquitto.port, admin=ADMIN) as ben:
                await until(lambda: ann.epoch and ann.epoch == ben.epoch)
                await ann.change_group("create", ["ben"])
                await until(lambda: ann.group and ann.group["phase"] == "live" and ben.group)
                await ann.send(b"21.5", receipt=True)
                return len(ann.transport._filters)

    assert asyncio.run(talk()) == BASE_SUBSCRIPTIONS + 1


def test_an_invitation_that_nobody_could_read_is_not_made():
    """A broker's user name may have 256 bytes, three characters each in a URL."""
    broker = {"host": "broker.example", "port": 8883, "tls": True}
    plain = ChannelFile("g", bytes(32), "u", admin=bytes(32), broker=broker | {"username": "u"})
    room = invites.MAX_URL - len(invites.make(plain))
    most = ChannelFile("g", bytes(32), "u", admin=bytes(32), broker=broker | {"username": "u", "path": "/mqtt"})
    most.broker["username"] = "u" * (1 + room - len("&ws=%2Fmqtt"))
    assert len(invites.make(most)) == invites.MAX_URL
    most.broker["username"] += "u"
    with pytest.raises(UserError, match="1025 characters, 1024 at most"):
        invites.make(most)


@pytest.mark.parametrize("size", [1, 1024, 1025])
def test_a_password_of_ones_own_has_1_to_1024_bytes(tmp_path, size):
    user = User(tmp_path, 1, "ann")
    words = ("channel", "new", f"g{size}", "--password-stdin", "--force", "--stretch", "15")
    done = user.run(*words, stdin="x" * size + "\n")
    assert done.returncode == (0 if size <= 1024 else 2), done
    assert size <= 1024 or "1024 bytes at most" in done.stderr


def test_a_password_with_a_nul_is_refused(tmp_path):
    """PROTOCOL.md 4.1. The root key of it would be another where a text ends there."""
    done = User(tmp_path, 1, "ann").run("channel", "new", "g", "--password-stdin", "--force", stdin="a\0b\n")
    assert (done.returncode, done.stdout) == (2, "") and "NUL" in done.stderr and done.stderr.count("\n") == 1


def test_of_very_many_channels_an_error_names_some(tmp_path):
    user = User(tmp_path, 1, "ann")
    known = ChannelFile("c", bytes(32), "ann")
    folder = tmp_path / "config" / "sealcast"
    folder.mkdir(parents=True)
    for i in range(2000):
        (folder / f"c{i:04}.json").write_text(json.dumps(known.to_json() | {"channel": f"c{i:04}"}))
    assert len(user.ok("channel", "list", "-q").split()) == 2000
    told = user.run("channel", "show", "nobodys").stderr
    assert "c0000, c0001" in told and "and 1980 more" in told and len(told) < 400
