"""`sealcast.join` on a computer: the same API as on a board, over a
real broker; state, identity and lock kept on disk.
"""

import asyncio
import os
import subprocess
import sys

import pytest

from host_support import environment, free_port, mosquitto, start_broker
from sealcast.effects import Sent
from sealcast.errors import Mute, NoConversation, TooLong
from sealcast_host.broker.server import running_broker
from sealcast_host.errors import UserError
from sealcast_host.member.session import join
from sealcast_host.member.state import MemberBusy

DEADLINE_S = 90
KEY = "A" * 42 + "E"
pytestmark = pytest.mark.usefixtures("own_home")


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, DEADLINE_S))


def settings(uid, port, **more):
    return {"uid": uid, "channel": "barn", "key": KEY, "broker": {"host": "127.0.0.1", "port": port}} | more


class Ready:
    """Waits for the events of a session."""

    def __init__(self, session):
        self.events = []
        self._more = asyncio.Event()
        session.on("*", self._note)

    def _note(self, name, info):
        if name != "message":
            self.events.append((name, info))
        self._more.set()

    async def until(self, holds):
        while not holds():
            self._more.clear()
            await self._more.wait()


async def member(uid, port, **more):
    session = await join(settings=settings(uid, port, **more))
    ready = Ready(session)
    await ready.until(lambda: session.channel.me.joined and session.online)
    return session, ready


def test_two_members_talk_and_the_messages_say_how_secret_they_are():
    async def go():
        async with running_broker() as broker:
            a, ready_a = await member("a", broker.port)
            with pytest.raises(NoConversation):
                await a.send(b"too early", mode="conversation")
            with pytest.raises(TooLong):
                await a.send(bytes(2001))
            await a.send(b"a note")
            b, ready_b = await member("b", broker.port)
            got = [await anext(b)]
            await ready_a.until(lambda: a.epoch)
            await ready_b.until(lambda: b.epoch == a.epoch)
            await b.send(b"secret")
            got.append(await anext(a))
            members = a.members, b.members
            await b.leave()
            await ready_a.until(lambda: ("left", {"uid": "b"}) in ready_a.events)
            await a.close()
            with pytest.raises(StopAsyncIteration):
                await anext(b)
            return got, members

    got, members = run(go())
    assert [(m.sender, m.body, m.secrecy, m.origin, m.historic) for m in got] == [
        ("a", b"a note", "note", "member", True),
        ("b", b"secret", "conversation", "member", False),
    ]
    assert members[0] == members[1] == [("a", "awake"), ("b", "awake")]


def test_a_password_leads_to_the_same_channel_as_its_key():
    async def go():
        async with running_broker() as broker:
            a, _ = await member("a", broker.port, key=None, password="one phrase")
            b, _ = await member("b", broker.port, key=None, password="one phrase")
            await a.send(b"hello", mode="note")
            got = await anext(b)
            await a.close()
            await b.close()
            return got

    assert run(go()).body == b"hello"


def test_a_message_that_was_not_finished_with_comes_again_after_a_crash():
    async def go():
        async with running_broker() as broker:
            a, _ = await member("a", broker.port)
            b, _ = await member("b", broker.port)
            await a.send(b"one", mode="note")
            assert (await anext(b)).body == b"one"  # never comes back for another: it is still at work on this one
            await b.close()
            b, _ = await member("b", broker.port)
            await a.send(b"two", mode="note")
            got = [await anext(b)]
            while got[-1].body != b"two":
                got.append(await anext(b))
            await a.close()
            await b.close()
            return [(m.body, m.again) for m in got]

    assert run(go()) == [(b"one", True), (b"two", False)]


def test_an_internal_error_is_survived_like_a_power_cut():
    async def go():
        async with running_broker() as broker:
            a, ready_a = await member("a", broker.port)
            b, _ = await member("b", broker.port)
            broken = a.channel

            def fails(*_):
                raise MemoryError

            broken.send = fails
            with pytest.raises(MemoryError):
                await a.send(b"lost in the middle", mode="note")
            await ready_a.until(lambda: a.channel not in (None, broken) and a.channel.me.joined and a.online)
            await a.send(b"after", mode="note")
            got = await anext(b)
            errors = [info["code"] for name, info in ready_a.events if name == "error"]
            await a.close()
            await b.close()
            return got.body, errors

    assert run(go()) == (b"after", ["internal"])


def test_a_message_counts_as_taken_when_a_session_ends_in_good_order():
    async def go():
        async with running_broker() as broker:
            a, _ = await member("a", broker.port)
            b, _ = await member("b", broker.port)
            await a.send(b"one", mode="note")
            assert (await anext(b)).body == b"one"
            await b.sleep(60)
            b, _ = await member("b", broker.port)
            await a.send(b"two", mode="note")
            got = await anext(b)
            await a.close()
            await b.close()
            return got.body, got.again

    assert run(go()) == (b"two", False)


def test_an_identity_lasts_and_the_session_goes_on_after_sleep():
    async def go():
        async with running_broker() as broker:
            a, ready = await member("a", broker.port)
            for _ in range(3):
                b, _ = await member("b", broker.port)
                public, sid = b.channel.me.identity.public, b.channel.me.session.sid
                await b.sleep(60)
                await ready.until(
                    lambda: (
                        ready.events and ready.events[-1][0] != "offline" and ("asleep", {"uid": "b"}) in ready.events
                    )
                )
            joined = [info for name, info in ready.events if name == "joined"]
            await a.close()
            return joined, public, sid

    joined, public, sid = run(go())
    assert joined == [{"uid": "b", "again": False, "data": ""}], "one session, however often it slept"
    assert len(public) == 64 and len(sid) == 16


def test_one_member_is_one_process(tmp_path):
    async def go():
        async with running_broker() as broker:
            a, _ = await member("a", broker.port)
            with pytest.raises(MemberBusy):
                await join(settings=settings("a", broker.port))
            code = "import asyncio, sys; from sealcast_host.member.state import MemberBusy, MemberState\n"
            code += "try: MemberState('barn', 'a')\nexcept MemberBusy: sys.exit(7)"
            other = await asyncio.to_thread(
                subprocess.run, [sys.executable, "-c", code], env=environment(), check=False
            )
            await a.close()
            again, _ = await member("a", broker.port)
            await again.close()
            return other.returncode

    assert run(go()) == 7


def test_closing_never_hangs():
    """A cancellation that comes together with a result must not be lost (asyncio.wait_for before 3.12 does lose it)."""

    async def go():
        loop = asyncio.get_running_loop()
        async with running_broker() as broker:
            longest = 0.0
            for _ in range(15):
                a, _ = await member("a", broker.port)
                with pytest.raises(MemberBusy):
                    await join(settings=settings("a", broker.port))
                begin = loop.time()
                await a.close()
                longest = max(longest, loop.time() - begin)
            return longest

    assert run(go()) < 8


def test_wrong_settings_are_refused_without_a_trace():
    for wrong in ({"uid": ""}, {"key": "x"}, {"password": "both"}, {"broker": {}}, {"unknown": 1}):
        with pytest.raises(UserError):
            run(join(settings=settings("a", 1) | wrong))
    with pytest.raises(UserError, match="another channel"):
        run(join("stable", settings=settings("a", 1)))
    with pytest.raises(UserError, match="channel new"):
        run(join("stable"))
    assert not os.path.exists("state/sealcast/barn")


def test_settings_come_from_sealcast_json_in_this_directory(tmp_path):
    import json

    async def go():
        async with running_broker() as broker:
            path = tmp_path / "sealcast.json"
            path.write_text(json.dumps(settings("a", broker.port)))
            path.chmod(0o600)
            by_default = await join()
            uid = by_default.channel.me.uid
            await by_default.close()
            by_override = await join("barn", uid="c")
            other = by_override.channel.me.uid
            await by_override.close()
            path.chmod(0o644)
            with pytest.raises(UserError, match="chmod 600"):
                await join("barn")
            return uid, other

    assert run(go()) == ("a", "c")


def test_a_hundred_messages_are_sent_in_a_few_turns_and_in_order():
    async def go():
        async with running_broker() as broker:
            a, ready = await member("anna", broker.port)
            b, _ = await member("ben", broker.port)
            await ready.until(lambda: ("ben", "awake") in a.members)
            written, heard = [], []
            for name in {"store", "append"} & set(dir(a._session._storage)):
                real = getattr(a._session._storage, name)
                setattr(a._session._storage, name, lambda what, real=real: written.append(1) or real(what))
            done = asyncio.Event()

            def hear(_, message):
                heard.append(message.body)
                if len(heard) == 100:
                    done.set()

            b.on("message", hear)
            bodies = [b"number %d" % i for i in range(100)]
            sent = await a.send_all([*bodies, bytes(5000)], "note")
            await done.wait()
            await a.leave()
            await b.leave()
            return bodies, sent, written, heard

    bodies, sent, written, heard = run(go())
    assert heard == bodies
    assert all(end.mode == "note" and end.audience == ["ben"] for end in sent[:-1])
    assert isinstance(sent[-1], TooLong)
    assert len(written) < 50  # two for sixteen: that they are sent, and that they are acknowledged


@pytest.mark.skipif(mosquitto() is None, reason="mosquitto is not installed")
def test_a_program_that_comes_for_a_moment_gets_rid_of_what_waits(tmp_path):
    """The broker had taken nothing for a while. Each program that came later parted before it heard of any
    acknowledgement, and found no room for its own message, for ever."""
    port = free_port()

    async def moment(*bodies):
        async with await join(settings=settings("a", port)) as session:
            sending = [asyncio.ensure_future(session.send(body, "note")) for body in bodies]
            return await asyncio.gather(*sending, return_exceptions=True)

    with start_broker("mosquitto", port, tmp_path, deaf=True):
        assert {type(end) for end in run(moment(*[b"x"] * 16))} == {Mute}
    with start_broker("mosquitto", port, tmp_path):
        run(moment(b"first"))
        (end,) = run(moment(b"second"))
        assert isinstance(end, Sent), end
