"""An agreement with members that need their time: slow boards, slow links. PROTOCOL.md 9.4, the end."""

from handshakes import begun, three
from sealcast.zpinc import cpace
from sealcast.zpinc.epochs import CONFIRM, SHARE, SUM
from solo import hear

STEP = 12000 + 3 * 1000


def heard(solo, peers, attempts):
    """The peers hear what the member and they themselves have said."""
    for a in attempts:
        hear(solo, a)
    for p, a in zip(peers, attempts):
        for b in attempts:
            if a.X[a.me] is not None and a is not b:
                cpace.take(p.keys, b, SUM, b.tags.index(p.tag), a.X[a.me])


def test_each_step_has_its_time():
    solo, *peers = three()
    attempts = begun(solo, *peers)
    for kind in (SHARE, SUM, CONFIRM):
        solo.later(STEP - 1000)
        assert solo.ch.epochs.running()
        for p, a in zip(peers, attempts):
            solo.give(*p.value(a, kind))
        heard(solo, peers, attempts)
    assert solo.ch.epoch and not solo.event("handshake_failed")


def test_what_comes_again_gives_a_step_no_more_time():
    """Who is waited for in vain is left out of the next."""
    solo, anna, bert = three()
    a, _ = begun(solo, anna, bert)
    for _ in range(STEP // 1000):
        solo.give(*anna.value(a, SHARE))
        solo.later(1000)
    failed = solo.event("handshake_failed")
    assert failed["reason"] == "timeout" and failed["waiting"] == ["bert"], failed
    assert not solo.ch.epochs.running()


def test_who_always_comes_at_the_last_moment_keeps_the_others_for_three_steps_at_most():
    solo, anna, bert = three()
    a, b = begun(solo, anna, bert)
    begin = solo.now
    for kind in (SHARE, SUM):
        solo.give(*anna.value(a, kind))
        solo.later(STEP - 1)
        solo.give(*bert.value(b, kind))
        heard(solo, (anna, bert), (a, b))
    solo.give(*anna.value(a, CONFIRM))
    while solo.ch.epochs.running():
        solo.later(500)
    assert solo.now - begin <= 3 * STEP
    assert solo.event("handshake_failed")["waiting"] == ["bert"]
