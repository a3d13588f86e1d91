"""Rare code goes: after a member's life in which all of it was used, each rare module dies when it is dropped. See rare.py."""

import gc
import subprocess
import sys
import weakref
from pathlib import Path

import pytest

from sealcast import rare
from sealcast.errors import NoRoom
from solo import Peer, Solo, raises

CORE = Path(rare.__file__).parent
RARE = ("state", "zpinc.joins", "zpinc.history", "zpinc.rekey", "zpinc.cpace", "zpinc.revocation")


# One life in a process of its own, since the tests beside it hold the modules by name.
LIFE = """
import gc, sys, weakref
from solo_life import live
from sealcast import rare
solo, anna = live()
for name in {names!r}:
    dies = weakref.ref(rare.load(name))
    module = sys.modules["sealcast." + name]
    del module
    rare.drop(name)
    gc.collect()
    assert dies() is None, name + " outlives its drop"
    assert "sealcast." + name not in sys.modules
live(solo, anna)
print("all loaded again")
"""

STEADY = """
import sys
from sealcast import channel
print([n for n in sys.modules if n.startswith("sealcast.")])
"""


def _python(code):
    paths = [str(CORE.parent), str(Path(__file__).parents[2] / "support" / "core")]
    begin = "import sys; sys.path[:0] = %r\n" % paths
    done = subprocess.run([sys.executable, "-c", begin + code], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_each_rare_module_dies_and_comes_again():
    assert _python(LIFE.format(names=RARE)) == "all loaded again\n"


def test_a_channel_that_has_nothing_to_do_has_loaded_none_of_it():
    loaded = _python(STEADY)
    assert not [name for name in RARE if "'sealcast.%s'" % name in loaded]


@pytest.fixture
def no_memory_for(monkeypatch):
    """no_memory_for(names, n): the next n loads of these modules fail."""
    left = {}
    true = rare.load

    def load(name):
        if left.get(name, 0):
            left[name] -= 1
            raise MemoryError
        return true(name)

    monkeypatch.setattr(rare, "load", load)
    return left


@pytest.mark.parametrize("name", ["zpinc.rekey", "zpinc.cpace"])
def test_a_handshake_for_which_there_was_no_room_is_given_in_again(no_memory_for, name):
    anna, solo = Peer("anna"), Solo()
    solo.connect(anna.join())
    solo.give(*anna.presence())
    frame = anna.propose(anna.proposal(solo))
    before = solo.state()
    no_memory_for[name] = 2
    for _ in range(2):
        raises(NoRoom, solo.give, *frame)
        assert solo.state() == before
    solo.give(*frame)
    assert solo.ch.epochs.running()


def test_a_join_for_which_there_was_no_room_is_given_in_again(no_memory_for):
    anna, solo = Peer("anna"), Solo().connect()
    before = solo.state()
    for name in ("zpinc.joins", "zpinc.history"):
        no_memory_for[name] = 1
        raises(NoRoom, solo.give, *anna.join())
        assert solo.state() == before
    solo.give(*anna.join())
    assert [m.uid for m in solo.ch.others.by_tag.values()] == ["anna"]


def test_a_tick_for_which_there_was_no_room_is_given_in_again(no_memory_for):
    anna, solo = Peer("anna"), Solo()
    solo.connect(anna.join())
    solo.give(*anna.presence())
    solo.now = solo.ch.epochs.propose_at
    no_memory_for["zpinc.rekey"] = 1
    raises(NoRoom, solo.ch.tick, solo.now)
    assert not solo.ch.epochs.running()
    solo.run(solo.ch.tick(solo.now))
    assert solo.ch.epochs.running()


def test_a_flood_of_forged_questions_costs_one_load(monkeypatch):
    """Frames that only a rare part can judge: what was used since the last sweep stays."""
    anna, solo = Peer("anna"), Solo()
    solo.connect(anna.join())
    loads = []
    monkeypatch.setattr(rare, "UNLOADS", True)
    monkeypatch.setattr(rare, "_from_files", lambda name: True)
    monkeypatch.setattr(rare, "drop", lambda name: loads.append(name))
    for _ in range(100):
        solo.give(anna.topic("x"), bytes(100))
        solo.now += 500
        solo.run(solo.ch.tick(solo.now))
    assert "zpinc.revocation" not in loads
    rare.sweep()
    rare.sweep()
    assert "zpinc.revocation" in loads


def test_gone_and_weak():
    """The check above can fail: a module that somebody holds lives on."""
    held = rare.load("zpinc.cpace")
    dies = weakref.ref(held)
    gc.collect()
    assert dies() is held
