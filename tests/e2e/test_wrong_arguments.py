"""A program that gives a member something wrong: it is told, and nobody loses a connection, a group or a message by it.
Sessions of this process and a real broker; through the agent: tests/agent/test_hindrances.py."""

import asyncio

import pytest

from cli_users import User, member, until
from host_support import free_port
from sealcast.errors import NoGroup, Offline, SealcastError
from sealcast_host.errors import UserError
from sealcast_host.member import arguments, migration
from sealcast_host.member.session import join

REFUSED = (TypeError, UserError, SealcastError)
WRONG = (
    ("send", (5,), {}),
    ("send", (b"x", ""), {}),
    ("send", (b"x", "shout"), {}),
    ("send", (b"x",), {"min_secrecy": ""}),
    ("send", (b"x",), {"receipt": True, "timeout": None}),
    ("send", (b"x",), {"receipt": True, "timeout": float("nan")}),
    ("send_all", ([b"1", None],), {}),
    ("send_all", ([b"1"],), {"timeout": "x" * 1000}),
    ("change_group", ("invite", ["ben"]), {}),
    ("change_group", ("add", "ben"), {}),
    ("change_group", (None,), {}),
    ("declare_lost", ("ben", b"short"), {}),
    ("declare_lost", (None, bytes(32)), {}),
    ("declare_lost", ("ben", bytes(32)), {"keep": 5}),
    ("staying", ("nobody",), {}),
    ("staying", (5,), {}),
    ("approve", ("ben", 5), {}),
    ("approve", ("\ud800", "x"), {}),
    ("sleep", (2**32,), {}),
    ("sleep", ("x",), {}),
    ("sleep", (-1,), {}),
)


def test_a_session_says_so_and_goes_on(mosquitto, home):
    async def talk():
        events = []
        async with await member("ann", mosquitto.port) as ann, await member("ben", mosquitto.port) as ben:
            ann.on("*", lambda name, info: events.append((name, info)))
            await until(lambda: ann.epoch and ann.epoch == ben.epoch)
            await ann.change_group("create", ["ben"])
            await until(lambda: ann.group and ann.group["phase"] == "live" and ben.group)
            epoch = ann.group["epoch"]
            for name, given, more in WRONG:
                with pytest.raises(REFUSED) as told:
                    await getattr(ann, name)(*given, **more)
                assert "\n" not in str(told.value) and "xxx" not in str(told.value), name
            assert ann.group["epoch"] == epoch and not ann.closed
            sent = await ann.send_all(["text, too", b"bytes"], mode="ratchet")
            assert [one.mode for one in sent] == ["ratchet"] * 2
            await ann.leave()
            await ann.leave()
            with pytest.raises(Offline):
                await ann.settled()
        return [name for name, _ in events if name in ("error", "offline", "removed", "group_failed")]

    assert asyncio.run(talk()) == []


def test_a_group_is_not_left_by_a_word_that_nobody_knows(mosquitto, home):
    async def talk():
        async with await member("ann", mosquitto.port) as ann, await member("ben", mosquitto.port) as ben:
            await until(lambda: ann.epoch and ann.epoch == ben.epoch)
            with pytest.raises(NoGroup, match="no group"):
                await ann.change_group("invite")
            await ann.change_group("create", ["ben"])
            await until(lambda: ann.group and ben.group)
            with pytest.raises(NoGroup, match="create, add, remove"):
                await ann.change_group("invite")
            assert ann.group

    asyncio.run(talk())


def test_a_receipt_is_not_waited_for_without_end(home):
    async def talk():
        async with await member("ann", free_port()) as ann:
            with pytest.raises(Offline, match="not joined yet"):
                await ann.send(b"x", receipt=True, timeout=1)

    asyncio.run(talk())


def test_what_a_program_raises_in_its_block_is_what_comes_out(home):
    async def talk():
        async with await member("ann", free_port()) as ann:
            await ann.close()
            raise KeyError("of the program")

    with pytest.raises(KeyError):
        asyncio.run(talk())


def test_a_channel_is_joined_by_its_name_here(mosquitto, tmp_path, monkeypatch):
    anna = User(tmp_path / "home", mosquitto.port)
    anna.new("orange", "anna")
    anna.ok("channel", "rename", "orange", "orangery")
    for name, value in anna.env.items():
        monkeypatch.setenv(name, value)

    async def talk():
        async with await join("orangery") as ch:
            assert (await ch.send(b"x", mode="note")).mode == "note"

    asyncio.run(talk())


def test_values():
    assert arguments.timeout(2.5) == 2.5 and arguments.timeout(10**12) == 2**31
    assert arguments.sleep(0) == 0 and arguments.sleep(2.0) == 2
    for wrong in (True, None, "5", float("inf")):
        with pytest.raises(UserError):
            arguments.timeout(wrong)
    assert arguments.callback(print) is print
    for wrong in (5, None, asyncio.sleep):
        with pytest.raises(UserError, match="plain function"):
            arguments.callback(wrong)
    with pytest.raises(UserError, match="not nothing"):
        arguments.text("uid", "")


def test_members_whose_loss_was_refused_stay_in_the_roster(mosquitto, home, monkeypatch):
    """Another admin's move would take them out of the channel's file else."""
    removed = []
    monkeypatch.setattr(migration, "follow", lambda channel, gone=(): removed.append(set(gone)))

    async def talk():
        async with await member("ann", mosquitto.port) as ann:
            with pytest.raises(SealcastError):
                await ann.declare_lost("nobody", bytes(32), also=["ben"])
            ann.follow("eve")

    asyncio.run(talk())
    assert removed[-1] == {"eve"}
