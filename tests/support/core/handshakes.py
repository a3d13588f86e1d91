"""A member in the middle of a handshake with peers that go wrong.
PROTOCOL.md 9; for the attacks in tests/core/zpinc.
"""

from sealcast.zpinc import cpace
from sealcast.zpinc.epochs import SHARE
from solo import Peer, Solo, hear


def two():
    """-> (member, peer): both joined and awake."""
    peer = Peer("anna")
    solo = Solo().connect(peer.join())
    solo.give(*peer.presence())
    return solo, peer


def three():
    solo, peer = two()
    other = Peer("bert", 5)
    solo.give(*other.join())
    solo.barrier()
    solo.give(*other.presence())
    return solo, peer, other


def begun(solo, peer, *others):
    """The member takes part in the peer's proposal. -> the Attempts of the peers"""
    proposal = peer.proposal(solo, 1, *others)
    solo.give(*peer.propose(proposal))
    attempts = [
        p.take_part(solo, proposal, *others) if p is peer else p.take_part(solo, proposal, peer)
        for p in (peer,) + others
    ]
    for a in attempts:
        hear(solo, a)
        for p, b in zip((peer,) + others, attempts):
            if a is not b:
                cpace.take(p.keys, a, SHARE, a.tags.index(p.tag), b.Z[b.me])
    return attempts


def gives_up(solo, frame, reason, uid):
    """The frame ends the attempt under this reason; nothing that is stored has changed."""
    stored = solo.state()[0]
    solo.give(*frame)
    failed = solo.event("handshake_failed")
    assert failed and failed["reason"] == reason and failed["uid"] == uid, failed
    assert solo.ch.out.drops == {reason: 1}, solo.ch.out.drops
    assert solo.ch.epochs.attempt is None and solo.ch.epoch is None
    assert solo.state()[0] == stored
