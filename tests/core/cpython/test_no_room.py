"""NoRoom: an input whose rare part finds no memory has done nothing, and is given in again. See rare.py."""


import pytest

from sealcast import rare
from sealcast.errors import NoRoom
from sealcast.run import aio
from solo import Peer, Solo, raises


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


def test_an_error_whose_words_cannot_be_loaded_is_told_by_its_type(monkeypatch):
    """A process that has too many files open loads nothing. The session that asks for these words goes on then."""

    def load(name):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(aio, "load", load)
    assert (aio.explain(ValueError("x")), aio.place(ValueError("x"))) == ("ValueError", "")
