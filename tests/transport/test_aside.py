"""A host's state is written beside the loop; who is cancelled meanwhile waits for the end of it."""

import asyncio
import fcntl
import os

import pytest

from sealcast_host.member.aside import Aside, Files
from sealcast_host.member.privatefiles import write_private
from slow_disk import Disk, engine


def test_the_loop_goes_on_while_the_disk_flushes():
    async def story():
        disk = Disk()
        storing = asyncio.create_task(Aside(disk).store([b"state"]))
        assert await asyncio.to_thread(disk.begun.wait, 60)
        assert not storing.done() and not disk.stored
        disk.go.set()
        await storing
        assert disk.stored == [[b"state"]]

    asyncio.run(story())


@pytest.mark.parametrize("error", [None, OSError("full")])
def test_who_is_cancelled_gives_nothing_back_before_the_write_has_ended(error):
    async def story():
        disk = Disk(error)
        storing = asyncio.create_task(Aside(disk).store([b"state"]))
        assert await asyncio.to_thread(disk.begun.wait, 60)
        for _ in range(2):
            storing.cancel()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        assert not storing.done()
        disk.go.set()
        with pytest.raises(asyncio.CancelledError):
            await storing
        assert disk.stored == ([] if error else [[b"state"]])

    asyncio.run(story())


def test_who_closes_a_session_that_is_being_closed_waits_for_its_last_write():
    """It gives the state's lock back then."""

    async def story():
        disk = Disk()
        session = await engine(disk)
        closing = [asyncio.create_task(session.close()) for _ in range(2)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not any(task.done() for task in closing)
        disk.go.set()
        await asyncio.gather(*closing)
        assert disk.stored == [[b"state"]]

    asyncio.run(story())


@pytest.mark.parametrize("refused", [False, True])
def test_a_mac_is_asked_to_empty_its_drives_memory(tmp_path, monkeypatch, refused):
    """Where there is no such thing, on a network's folder, fsync is what there is."""
    asked = []

    def ask(fd, what):
        asked.append(what)
        if refused:
            raise OSError("not supported")

    monkeypatch.setattr(fcntl, "F_FULLFSYNC", 51, raising=False)
    monkeypatch.setattr(fcntl, "fcntl", ask)
    monkeypatch.setattr(os, "fsync", lambda fd: asked.append("fsync"))
    with (tmp_path / "state").open("wb") as file:
        Files().sync(file)
    Files().settle(str(tmp_path / "state"))
    write_private(tmp_path / "channel", "text", replace=True)  # the file, and its folder
    assert asked == ([51, "fsync"] if refused else [51]) * 4
