"""Clients of the agent that go away, do not read or ask too much, and an agent that ends or hangs: real processes."""

import os
import select
import signal
import socket

import pytest


@pytest.fixture
def silent():
    """A socket that takes connections, as a broker that says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        yield server


def elsewhere(server):
    return "--broker", f"127.0.0.1:{server.getsockname()[1]}"


def test_who_goes_away_while_it_connects_locks_nobody_out(users, silent):
    anna, _ = users
    with anna.agent() as agent:
        agent.wait_for("online")
        with anna.start("send", "g", *elsewhere(silent), "hi") as sending, silent.accept()[0]:
            assert sending.stop(signal.SIGINT) == 130
        anna.ok("send", "g", "--mode", "note", "where it belongs")


def test_a_gateway_that_was_stopped_while_it_starts_is_gone(users, tmp_path):
    anna, _ = users
    site, begun = tmp_path / "site", tmp_path / "begun"
    site.mkdir()
    os.mkfifo(begun)
    (site / "sitecustomize.py").write_text(
        "import os, sys, signal\n"
        "if '--by-agent' in sys.orig_argv:\n"
        f"    open({str(begun)!r}, 'w').write(str(os.getpid()))\n"
        "    signal.pause()\n"
    )
    with anna.agent(PYTHONPATH=f"{site}:{os.environ.get('PYTHONPATH', '')}") as agent:
        agent.wait_for("online")
        with anna.start("gateway", "g", "--to", "csv=a.csv", "--detach") as command:
            process = os.pidfd_open(int(begun.read_text()))
            assert command.stop(signal.SIGINT) == 130
        with open(process):  # a descriptor that can be read when it has ended
            assert select.select([process], [], [], 60)[0]
        assert anna.json("agent", "--status")["gateways"] == []
