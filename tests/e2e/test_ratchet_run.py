"""The ratcheting group at work between MicroPython nodes and a host
over mosquitto; over the embedded broker it is part of the demo.
"""

import asyncio

import pytest

from sealcast_host.demo.members import HostMember, NodeMember
from sealcast_host.demo.ratchet import RatchetAct
from sealcast_host.member.channels import ChannelFile
from sealcast_host.waiting import Watch

KEY = bytes(range(32))
NODES = ("ann", "bob", "cid")


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def test_three_nodes_and_a_host_over_mosquitto(micropython, mosquitto, tmp_path):
    broker = {"host": "127.0.0.1", "port": mosquitto.port}
    known = ChannelFile("greenhouse", KEY, "host", broker=broker)
    told = []

    def need(holds, what):
        assert holds, what

    async def run():
        watch = Watch()
        nodes = [NodeMember(uid, watch, micropython, tmp_path / uid) for uid in NODES]
        host, visitor = HostMember("host", watch), HostMember("visitor", watch)
        members = [*nodes, host, visitor]
        try:
            for node in nodes:
                node.provision(known, None)
                await node.start()
            for member in (host, visitor):
                await member.join(known.settings(member.uid))

            def met(member):
                return {u for u, status in member.session.members if status == "awake"} == {m.uid for m in members}

            await watch.until("all are awake", lambda: met(host) and met(visitor))
            return await RatchetAct(nodes, host, visitor, watch).run(told.append, need)
        except Exception as e:
            for m in members:
                events = [(name, info) for name, info in m.events if name not in ("sent", "accepted")]
                e.add_note(f"{m.uid} has {len(m.messages)} messages, and told at last {events[-40:]}")
            raise
        finally:
            for node in nodes:
                await node.kill()
            for member in (host, visitor):
                if hasattr(member, "session"):
                    await member.session.close()

    counts = asyncio.run(run())
    expected = {"ratchet_messages": 205, "private_messages": 2, "receipts": 12}
    expected |= {"added": 1, "removed": 1, "digest_mismatches": 0}
    assert {key: counts[key] for key in expected} == expected, told
    assert counts["collisions"] > 0 and counts["resyncs"] > 0
