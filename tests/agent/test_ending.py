"""Who parts with a member, a gateway or the agent and is cancelled at it, at whichever step: what it had is ended all
the same, and the cancellation is not lost."""

import asyncio
import contextlib
import sys
import types

import pytest

from scripted import Script, Wire
from sealcast_host.agent import gateways, held
from sealcast_host.agent.client import Attached
from sealcast_host.agent.gateways import Gateways
from sealcast_host.errors import Failed
from sealcast_host.member import ending
from sealcast_host.member.channels import ChannelFile
from sealcast_host.member.session import HostSession
from slow_disk import Disk, engine, writing

STEPS = 12  # turns of the loop, by which what is looked at here has ended if nobody stops it


class Log:
    def __init__(self):
        self.said = []

    def say(self, text):
        self.said.append(text)


async def cancelled_after(steps, work):
    """Begin it, cancel it after so many turns of the loop -> its task, which has ended."""
    task = asyncio.ensure_future(work)
    for _ in range(steps):
        await asyncio.sleep(0)
    asked = task.cancel()
    await asyncio.wait({task}, timeout=60)
    assert task.done()
    assert task.cancelled() == asked, "the cancellation was lost"
    return task


@pytest.mark.parametrize("times", [1, 2, 3])
def test_an_end_is_waited_for_and_the_cancellation_comes_behind_it(times):
    async def story(how):
        go, done = asyncio.Event(), []

        async def slow():
            try:
                if how is not ending.whole:
                    await asyncio.Event().wait()
            finally:
                await go.wait()
                done.append(1)

        inner = asyncio.ensure_future(slow()) if how is not ending.whole else slow()
        await asyncio.sleep(0)
        task = asyncio.ensure_future(how(inner))
        for _ in range(times):
            await asyncio.sleep(0)
            task.cancel()
        for _ in range(STEPS):
            await asyncio.sleep(0)
        assert not task.done() and not done
        go.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert done

    for how in (ending.whole, ending.ended):
        asyncio.run(story(how))


class Session:
    """What a member is to the agent: parts and closes in some turns of the loop each."""

    def __init__(self):
        self.closed, self._ends = False, asyncio.Event()

    def __aiter__(self):
        return self

    async def __anext__(self):
        await self._ends.wait()
        raise StopAsyncIteration

    async def leave(self):
        for _ in range(3):
            await asyncio.sleep(0)

    async def close(self):
        for _ in range(3):
            await asyncio.sleep(0)
        self.closed = True


@pytest.mark.parametrize("steps", range(STEPS))
def test_parting_that_is_cancelled_leaves_nothing_running(steps):
    async def story():
        member = held.Held(ChannelFile("g", bytes(32), "anna"), "anna", Log())
        member.session = session = Session()
        session.close = lambda: ending.whole(Session.close(session))  # as a HostSession's
        member._pump = asyncio.ensure_future(member._deliver(session))
        await cancelled_after(steps, member.part(None))
        assert steps == 0 or session.closed and member._pump.done()  # what never began has changed nothing
        if steps == 0:
            assert member.session is session
            await member.part(None)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(story())


@pytest.mark.parametrize("how", ["close", "leave"])
@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_session_that_is_closed_and_cancelled_gives_its_state_back_behind_its_last_write(how, times):
    async def story():
        channel, released, wire, disk = Script(), [], Wire(), Disk()
        channel.me = types.SimpleNamespace(uid="anna", config={})
        channel.out.outbox = types.SimpleNamespace(entries=[])
        wire.failure = None
        state = types.SimpleNamespace(release=lambda: released.append(1))
        session = HostSession(channel, wire, disk, state, None)
        await writing(session, channel, disk)
        task = asyncio.ensure_future(getattr(session, how)())
        for _ in range(times):
            for _ in range(STEPS):
                await asyncio.sleep(0)
            task.cancel()
        for _ in range(STEPS):
            await asyncio.sleep(0)
        assert not task.done() and not released
        disk.go.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert released and asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(story())


def test_who_is_cancelled_at_closing_the_cores_session_has_closed_it_and_is_cancelled():
    """The core waits for its tasks by what takes a cancellation for theirs."""

    async def story():
        disk = Disk()
        session = await engine(disk)
        closing = [asyncio.ensure_future(session.close()) for _ in range(2)]
        for _ in range(STEPS):
            await asyncio.sleep(0)
        for task in closing:
            task.cancel()
        for _ in range(STEPS):
            await asyncio.sleep(0)
        assert not any(task.done() for task in closing)
        disk.go.set()
        await asyncio.wait(closing)
        assert all(task.cancelled() for task in closing)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(story())


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The agent's."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    (tmp_path / "sealcast" / ".agent").mkdir(parents=True, mode=0o700)
    return tmp_path


@pytest.fixture
def programs(monkeypatch):
    """What was begun in place of gateways: each says that it has, and takes its time to end."""
    begun = []
    program = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('gone', flush=True), sys.exit(0)))\n"
        "print('gateway of g', file=sys.stderr, flush=True)\n"
        "while True: signal.pause()\n"
    )
    real = asyncio.create_subprocess_exec

    async def begin(*argv, cwd, **pipes):
        process = await real(sys.executable, "-S", "-c", program, **pipes)
        begun.append((argv[argv.index("g") + 1 :][:-1], process))
        return process

    monkeypatch.setattr(gateways.asyncio, "create_subprocess_exec", begin)
    return begun


def running(programs):
    return [list(words) for words, process in programs if process.returncode is None]


@pytest.mark.parametrize("steps", [0, 1, 2, 3, 5, 8, 20])
def test_a_gateway_that_is_replaced_or_not_is_there_once(folder, programs, steps):
    """Whoever asked goes away at some step: the one of before runs, or the new one does."""

    async def story():
        all_of_them = Gateways(Log())
        await all_of_them.add("g", ["first"], ".")
        task = asyncio.ensure_future(all_of_them.add("g", ["second"], "."))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(all_of_them._running["g"].tried.wait(), 60)
        assert running(programs) == [["first"]] == [row["words"] for row in all_of_them.status()]
        removing = asyncio.ensure_future(all_of_them.remove("g"))
        for _ in range(steps):
            await asyncio.sleep(0)
        removing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await removing
        assert removing.cancelled() and bool(running(programs)) == bool(all_of_them.status())
        await all_of_them.close()
        assert running(programs) == []

    asyncio.run(story())


def test_a_gateway_that_does_not_start_leaves_the_one_of_before_though_it_is_cancelled(folder, programs, monkeypatch):
    def full(self, new):
        raise Failed("cannot write")

    async def story():
        all_of_them = Gateways(Log())
        await all_of_them.add("g", ["first"], ".")
        monkeypatch.setattr(Gateways, "_write", full)
        task = asyncio.ensure_future(all_of_them.add("g", ["second"], "."))
        while running(programs) != [["second"]]:
            await asyncio.sleep(0.01)
        while all_of_them._running.get("g") is None and not task.done():
            task.cancel()  # again and again
            await asyncio.sleep(0.01)
        with pytest.raises((asyncio.CancelledError, Failed)):
            await task
        await asyncio.wait_for(all_of_them._running["g"].tried.wait(), 60)
        assert running(programs) == [["first"]]
        await all_of_them.close()

    asyncio.run(story())


@pytest.mark.parametrize("steps", range(1, 6))
def test_detaching_that_is_cancelled(folder, steps):
    """It ends what it began, and is cancelled; once more it does nothing."""

    async def story():
        def quiet(reader, writer):
            pass

        server = await asyncio.start_unix_server(quiet, str(folder / "s"))
        reader, writer = await asyncio.open_unix_connection(str(folder / "s"))
        attached = Attached("g", reader, writer, None)
        await cancelled_after(steps, attached.close()) if steps < 3 else await attached.close()
        assert attached.closed and attached._task.done() and writer.transport.is_closing()
        await attached.close()
        server.close()

    asyncio.run(story())
