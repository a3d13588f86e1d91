"""Deep sleep on real MicroPython and a real broker: wakings go on
from what is stored, keep the epoch, need no handshake.
"""

import asyncio
import json
import os
import subprocess

import aiomqtt
import pytest

from host_support import free_port, start_broker
from node_support import PATH, ROOT, Program
from sealcast_host.broker.mosquitto import find
from sealcast_host.demo.members import HostMember
from sealcast_host.waiting import Watch

KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


def settings(folder, port, **more):
    folder.mkdir(exist_ok=True)
    values = {
        "uid": "sleepy",
        "channel": "greenhouse",
        "key": KEY,
        "broker": {"host": "127.0.0.1", "port": port},
        "log": "json",
    }
    path = folder / "sealcast.json"
    path.write_text(json.dumps(values | {"keepalive": 5} | more))
    return path


def wake(micropython, path):
    """One waking, from start to exit -> its log."""
    argv = [str(micropython), str(ROOT / "firmware/node/main.py"), str(path)]
    env = {**os.environ, "MICROPYPATH": PATH}
    done = subprocess.run(argv, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def sent(log):
    return [e for e in log if e["event"] == "sent"]


def test_wakings_keep_the_epoch_and_cost_no_handshake(micropython, mosquitto, home):
    async def story():
        watch = Watch()
        host = HostMember("host", watch)
        await host.join(
            {
                "channel": "greenhouse",
                "key": KEY,
                "broker": {"host": "127.0.0.1", "port": mosquitto.port},
                "keepalive": 5,
            }
        )
        # Once awake for long enough to agree on a key, then asleep. It has the key when it says so itself: the host may
        # have it earlier, and what is not confirmed is not kept in sleep.
        both = ["host", "sleepy"]
        with Program(micropython, ROOT / "firmware/node/main.py", settings(home / "sleepy", mosquitto.port)) as first:
            await watch.until("one epoch", lambda: bool(host.epochs) and host.epochs[-1][1] == both)
            epoch = host.session.epoch
            keyed = {"event": "rekeyed", "epoch": epoch}
            await asyncio.to_thread(first.wait, lambda e: keyed.items() <= e.items(), "one epoch")
            first.say("sleep 600")
            await watch.until("asleep", lambda: host.saw("asleep", uid="sleepy"))
            assert await asyncio.to_thread(first.end) == 0
        core = host.session.channel
        while core.keepalive.said[0].hex() != epoch:  # until it has told where it is, which is no event
            await asyncio.sleep(0.02)
        await host.send("here I am", "note")  # acknowledged: the broker has what was published before it
        path = settings(home / "sleepy", mosquitto.port, duty=600)
        seen, heard = [], asyncio.Event()
        async with aiomqtt.Client("127.0.0.1", mosquitto.port) as spy:
            await spy.subscribe("zp/1/+/+/h")

            async def listen():
                async for message in spy.messages:
                    seen.append(str(message.topic))
                    heard.set()

            listening = asyncio.create_task(listen())
            for i in range(3):
                log = await asyncio.to_thread(wake, micropython, path)
                assert [e["mode"] for e in sent(log)] == ["conversation"], log
                n = i + 1
                await watch.until(
                    "the reading", lambda n=n: sum(m["body"] == '{"awake": true}' for m in host.messages) == n
                )
                await watch.until("asleep again", lambda n=n: sum(e == "asleep" for e, _ in host.events) == n + 1)
                assert not any(e["event"] in ("rekeyed", "handshake_failed") for e in log)
            # What would have been published before this is seen before this.
            await spy.publish("zp/1/a/b/h", b"", qos=1)
            await asyncio.wait_for(heard.wait(), 30)
            listening.cancel()
        assert seen == ["zp/1/a/b/h"]
        assert host.session.epoch == epoch and all(m["epoch"] == epoch for m in host.messages)
        assert not any(host.saw(name, uid="sleepy") for name in ("left", "gone", "vanished"))
        await host.session.close()

    asyncio.run(story())


def test_alone_its_readings_are_notes_that_wait(micropython, mosquitto, home):
    path = settings(home / "sleepy", mosquitto.port, duty=600, sensor={"kind": "simulated"})
    for _ in range(2):
        log = wake(micropython, path)
        assert [e["mode"] for e in sent(log)] == ["note"] and "simulated" in sent(log)[0]["text"]

    async def story():
        watch = Watch()
        host = HostMember("host", watch)
        await host.join(
            {
                "channel": "greenhouse",
                "key": KEY,
                "broker": {"host": "127.0.0.1", "port": mosquitto.port},
                "keepalive": 5,
            }
        )
        await watch.until("the history", lambda: len(host.messages) == 2)
        assert all(m["historic"] and m["sender"] == "sleepy" for m in host.messages)
        await host.session.close()

    asyncio.run(story())


MANY = """
import asyncio, json, sealcast, sys

async def one(ch):
    try:
        await ch.send(b"x", mode="note")
    except Exception as e:
        print(json.dumps({"code": e.code}))

async def main():
    ch = await sealcast.join(settings=sys.argv[1])
    for work in [asyncio.create_task(one(ch)) for _ in range(16)]:
        await work
    await ch.close()

asyncio.run(main())
"""


@pytest.mark.skipif(find() is None, reason="mosquitto is not installed")
def test_a_sleeper_behind_as_many_as_may_wait_lets_them_go_first(micropython, tmp_path):
    """After a broker that took nothing for a while it was refused at each waking, for ever: it slept before it heard
    of any acknowledgement."""
    port, script = free_port(), tmp_path / "many.py"
    script.write_text(MANY)
    with start_broker("mosquitto", port, tmp_path, deaf=True):
        with Program(micropython, script, settings(tmp_path / "sleepy", port)) as program:
            assert program.end() == 0
            assert [e["code"] for e in program.events()] == ["mute"] * 16
    with start_broker("mosquitto", port, tmp_path):
        log = wake(micropython, settings(tmp_path / "sleepy", port, duty=600))
        assert [e["mode"] for e in sent(log)] == ["note"], log
