"""More members are awake than a handshake takes: who is not among the
first 32 leaves the proposing to them. PROTOCOL.md 9.1.
"""

from solo import Peer, Solo


def test_who_is_beyond_the_first_32_proposes_nothing():
    peers = [Peer("m%d" % k) for k in range(36)]
    last = max(peers, key=lambda p: p.tag)
    solo = Solo(last.uid)
    others = [p for p in peers if p is not last]
    solo.connect(*[p.join() for p in others])
    for p in others:
        solo.give(*p.presence())
    assert sorted(p.tag for p in others)[31] < solo.ch.me.tag
    solo.later(20000)
    assert solo.ch.epochs.propose_at is None and not solo.ch.epochs.running()
    assert [m for _, m in solo.ch.members if m == "awake"] == ["awake"] * 36
