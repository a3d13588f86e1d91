"""Shares, sums and confirmations that are wrong: the attempt is given
up by name, the epoch as it was. PROTOCOL.md 9.4.
"""

from handshakes import begun, gives_up, three, two
from sealcast.zpinc import cpace
from sealcast.zpinc.epochs import CONFIRM, SHARE, SUM
from solo import Peer, hear, suite

NEUTRAL = bytes(32)
NOT_CANONICAL = b"\xff" * 32


def test_a_neutral_share():
    solo, peer = two()
    (a,) = begun(solo, peer)
    gives_up(solo, peer.value(a, SHARE, a.hid + NEUTRAL), "neutral", "anna")


def test_a_share_that_is_no_canonical_encoding():
    solo, peer = two()
    (a,) = begun(solo, peer)
    gives_up(solo, peer.value(a, SHARE, a.hid + NOT_CANONICAL), "encoding", "anna")


def test_a_share_that_repeats_ours():
    solo, peer = two()
    (a,) = begun(solo, peer)
    gives_up(solo, peer.value(a, SHARE, a.hid + a.Z[1 - a.me]), "duplicate_share", "anna")


def test_two_different_shares():
    solo, peer, other = three()
    a, b = begun(solo, peer, other)
    solo.give(*peer.value(a, SHARE))
    gives_up(solo, peer.value(a, SHARE, a.hid + b.Z[b.me]), "conflict", "anna")


def test_sums_that_do_not_cancel():
    solo, peer, other = three()
    a, b = begun(solo, peer, other)
    for p, x in ((peer, a), (other, b)):
        solo.give(*p.value(x, SHARE))
    solo.give(*peer.value(a, SUM))
    gives_up(solo, other.value(b, SUM, b.hid + b.Z[b.me]), "sum", "bert")


def test_two_that_make_the_key_neutral():
    """Neighbours of ours know A; both sums are right and cancel, and K = 3 A + 2 X_i + X_{i+1} is nothing at all."""
    solo, peer, other = three()
    a, b = begun(solo, peer, other)
    for p, x in ((peer, a), (other, b)):
        solo.give(*p.value(x, SHARE))
    me = solo.ch.epochs.attempt
    A, X = me.A, me.X[me.me]  # before y_{i-1} and after: X_i is on the wire, A is y_{i-1} Z_i

    def minus(P):
        return suite.ristretto_sub(NEUTRAL, P)

    def plus(P, Q):
        return suite.ristretto_sub(P, minus(Q))

    following = minus(plus(plus(A, plus(A, A)), plus(X, X)))
    sums = {(me.me + 1) % 3: following, (me.me + 2) % 3: minus(plus(X, following))}
    (p, x), (q, y) = sorted([(peer, a), (other, b)], key=lambda pair: pair[0].uid)
    solo.give(*p.value(x, SUM, x.hid + sums[x.me]))
    gives_up(solo, q.value(y, SUM, y.hid + sums[y.me]), "neutral", q.uid)


def test_a_confirmation_of_another_key():
    solo, peer = two()
    (a,) = begun(solo, peer)
    solo.give(*peer.value(a, SHARE))
    gives_up(solo, peer.value(a, CONFIRM, a.hid + bytes(32)), "confirmation", "anna")


def test_a_confirmation_under_another_signature_is_dropped_and_the_true_one_counts():
    solo, peer = two()
    (a,) = begun(solo, peer)
    solo.give(*peer.value(a, SHARE))
    solo.refuses(*(peer.value(a, CONFIRM, signer=Peer("bert").session) + ("signature",)))
    solo.give(*peer.value(a, CONFIRM))
    assert solo.ch.epoch


def test_a_false_early_confirmation_does_not_silence_the_others():
    """Confirmations that come before the last sum wait; one that turns out to be nobody's is dropped alone."""
    solo, peer, other = three()
    a, b = begun(solo, peer, other)
    for p, x in ((peer, a), (other, b)):
        solo.give(*p.value(x, SHARE))
    hear(solo, a)
    hear(solo, b)
    for x, y in ((a, b), (b, a)):
        cpace.take(solo.ch.me.keys, x, SUM, x.tags.index(y.tags[y.me]), y.X[y.me])
    solo.give(*peer.value(a, CONFIRM, signer=Peer("bert").session))
    solo.give(*other.value(b, CONFIRM))
    for p, x in ((peer, a), (other, b)):
        solo.give(*p.value(x, SUM))
    assert solo.ch.out.drops == {"signature": 1} and solo.ch.epochs.attempt is not None
    assert solo.ch.epoch is None
    solo.give(*peer.value(a, CONFIRM))
    assert solo.ch.epoch


def test_values_for_no_attempt_of_ours():
    solo, peer = two()
    (a,) = begun(solo, peer)
    for kind in (SHARE, SUM):
        solo.refuses(*(peer.value(a, kind, b"\x07" * 32 + a.Z[a.me]) + ("stale",)))
    solo.refuses(*(peer.value(a, SUM, a.hid + a.Z[a.me]) + ("format",)))  # two members have no sums
