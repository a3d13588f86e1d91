"""The rules that all scenarios are held to (rules.py, test_rare_scenarios.py) are each found broken where they are."""

import pytest

from rules import RuleBroken, hoard, rules
from sealcast.channel import Channel
from sealcast.effects import STORE
from sealcast.errors import Reject
from sealcast.rare import load
from solo import Peer, Solo, agree, talk


def conversation():
    """Two messages of an epoch, sent and received, and a note."""
    anna = Peer("anna")
    solo = Solo().connect(anna.join())
    solo.give(*anna.presence())
    epoch = agree(solo, anna)[1]
    for body in (b"one", b"two"):
        solo.run(solo.ch.send(body, "conversation", solo.now))
        solo.give(*talk(anna, epoch, body))
    solo.give(*anna.note(0))
    return solo


def test_a_scenario_that_keeps_them():
    with rules():
        assert len(conversation().messages) == 3


def test_a_state_that_is_not_stored(monkeypatch):
    commit = Channel.commit
    monkeypatch.setattr(Channel, "commit", lambda self: commit(self) if not self.epochs.current else [])
    with pytest.raises(RuleBroken, match="no stored state knows of"), rules():
        conversation()


def test_a_state_that_is_stored_too_late(monkeypatch):
    take = Channel._finish

    def late(self, now):
        effects = take(self, now)
        return [e for e in effects if e[0] != STORE] + [e for e in effects if e[0] == STORE]

    monkeypatch.setattr(Channel, "_finish", late)
    with pytest.raises(RuleBroken, match="before the state is stored"), rules():
        conversation()


def test_a_key_that_stays_in_the_state(monkeypatch):
    hoard(monkeypatch)
    with pytest.raises(RuleBroken, match="let go is stored"), rules():
        solo = conversation()
        solo.run(solo.ch.rekey(solo.now))


def test_a_frame_that_is_refused_when_it_has_done_its_work(monkeypatch):
    def believing(me, members, reading, member, frame, now, out):
        member.floor += 1
        raise Reject("signature")

    monkeypatch.setattr("sealcast.channel.messages.receive_note", believing)
    with pytest.raises(RuleBroken, match="refused has changed something"), rules():
        conversation()


def test_a_key_that_comes_back(monkeypatch):
    first = []

    def going_back(self, now):
        self.epochs.current.chains[1][0] = first[1]
        return self._finish(now)

    monkeypatch.setattr(Channel, "rekey", going_back)
    rekey = load("zpinc.rekey")
    adopt = rekey._adopt

    def seen(members, epochs, now, out):
        adopt(members, epochs, now, out)
        first.extend([key for key, _ in epochs.current.chains])

    monkeypatch.setattr(rekey, "_adopt", seen)
    with pytest.raises(RuleBroken, match="is back"), rules():
        solo = conversation()
        solo.run(solo.ch.rekey(solo.now))
