"""Handshakes that someone with the channel's key spoils or replays: refused or given up by name, the epoch as it was. PROTOCOL.md 9."""

from sealcast.wire import u32
from sealcast.zpinc import cpace
from sealcast.zpinc.epochs import CONFIRM, PROPOSE, SHARE, STALE, SUM, Proposal
from solo import Peer, Solo, agree, hear, suite, talk

NEUTRAL = bytes(32)
NOT_CANONICAL = b"\xff" * 32


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
    attempts = [p.take_part(solo, proposal, *others) if p is peer else p.take_part(solo, proposal, peer) for p in (peer,) + others]
    for a in attempts:
        hear(solo, a)
        for p, b in zip((peer,) + others, attempts):
            if a is not b:
                cpace.take_share(p.keys, a, a.tags.index(p.tag), b.Z[b.me])
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
        cpace.take_sum(solo.ch.me.keys, x, x.tags.index(y.tags[y.me]), y.X[y.me])
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


def test_proposals_with_a_wrong_member_list():
    solo, peer = two()
    stranger = Peer("zoe", 9)
    us, them, other = (solo.ch.me.tag, solo.ch.me.session.sid), (peer.tag, peer.session.sid), (stranger.tag, stranger.session.sid)
    both = sorted([us, them])
    lists = [
        [], [them], [us], sorted([them, other]), both[::-1], [both[0], both[0], both[1]], sorted([us, them, other]),
        sorted([us, (peer.tag, bytes(16))]), sorted([them, (solo.ch.me.tag, bytes(16))]),
        sorted(both + [(bytes((i,)) * 16, bytes(16)) for i in range(31)]),
    ]  # fmt: skip
    for parties in lists:
        proposal = Proposal(peer.tag, 1, bytes(16), bytes(32), parties)
        solo.refuses(*(peer.propose(proposal) + ("members",)))


def test_proposals_out_of_their_time():
    solo, peer = two()
    agree(solo, peer, 5)
    for attempt in (0, 1, 4, 5, 0x80000000, 0xFFFFFFFF):
        solo.refuses(*(peer.propose(peer.proposal(solo, attempt)) + ("stale", "members")))
    for attempt in (5 + 65537, 0x7FFFFFFF):
        solo.refuses(*(peer.propose(peer.proposal(solo, attempt)) + ("jump", "members")))


def test_no_number_of_attempts_is_used_up():
    """An insider that pushes the attempt number as far as it goes cannot make a member fail inside."""
    solo, peer = two()
    solo.ch.epochs.rank = (0x7FFFFFFF - 1, bytes(16))
    for attempt in (0x7FFFFFFF, 0x80000000, 0xFFFFFFFF):
        solo.give(*peer.presence(attempt=attempt))
        solo.later(20000)
    assert solo.ch.epochs.rank[0] <= 0x7FFFFFFF


def test_frames_that_are_too_short_or_unknown():
    solo, peer = two()
    begun(solo, peer)
    share, confirm = bytes((SHARE,)) + bytes(31), bytes((CONFIRM,)) + bytes(127)
    for pt in (b"", b"\x00", b"\xff", bytes((PROPOSE,)), share, confirm, bytes((7,)) + bytes(64)):
        solo.refuses(*(peer.handshake(1, pt) + ("format", "members")))
    for pt in (bytes((STALE,)), bytes((STALE,)) + bytes(23), bytes((STALE,)) + bytes(25)):
        solo.refuses(*(peer.handshake(0, pt) + ("format",)))


def test_answers_about_stale_joins_that_are_not_ours_or_go_too_far():
    solo, peer = two()
    sid = solo.ch.me.session.sid
    lamport = solo.ch.me.session.lamport
    for body in (bytes(16) + u32(lamport), sid + u32(lamport - 1)):
        solo.refuses(*(peer.handshake(0, bytes((STALE,)) + body + u32(0)) + ("stale",)))
    solo.refuses(*(peer.handshake(0, bytes((STALE,)) + sid + u32(lamport + 65536) + u32(0)) + ("jump",)))
    solo.refuses(*(peer.handshake(0, bytes((STALE,)) + sid + u32(0) + u32(solo.ch.keepalive.conn)) + ("stale",)))


def test_a_whole_old_handshake_again():
    solo, peer = two()
    _, _, old = agree(solo, peer, 1)
    agree(solo, peer, 2)
    epoch = solo.ch.epoch
    for frame in old:
        solo.refuses(*(frame + ("stale",)))
    assert solo.ch.epoch == epoch


def test_a_whole_old_handshake_again_after_a_reboot():
    solo, peer = two()
    _, _, old = agree(solo, peer, 1)
    again = Solo(blob=solo.blob).connect(peer.join())
    again.give(*peer.presence())
    assert again.ch.epoch == solo.ch.epoch
    for frame in old:
        again.refuses(*(frame + ("stale",)))


def test_a_whole_old_handshake_again_after_storage_was_lost():
    """It names a session that is no more."""
    solo, peer = two()
    _, _, old = agree(solo, peer, 1)
    new = Solo().connect(peer.join())
    new.give(*peer.presence())
    assert new.ch.me.session.sid != solo.ch.me.session.sid
    for frame in old:
        new.refuses(*(frame + ("stale", "members")))
    assert new.ch.epoch is None


def test_the_previous_epoch_is_erased_in_time_also_offline_and_after_a_reboot():
    solo, peer = two()
    agree(solo, peer, 1)
    old = solo.ch.epochs.current.hk
    agree(solo, peer, 2)
    blob = solo.blob
    assert old in blob
    solo.run(solo.ch.disconnected(solo.now))
    solo.later(61000)
    assert solo.ch.epochs.previous is None and old not in solo.blob
    again = Solo(blob=blob)
    again.later(1)
    assert again.ch.epochs.previous is None and old not in again.blob


def test_our_secret_is_gone_when_the_key_is_known():
    solo, peer = two()
    agree(solo, peer)
    a = solo.ch.epochs.attempt
    assert a.ISK is None and a.A is None and not any(a.y)
    assert suite.scalar_reduce(bytes(64)) == bytes(32)


def test_in_a_channel_that_does_not_sign_a_frame_of_the_epoch_confirms_nobody():
    """Who knows the channel's key, and sits in the middle, takes anna's part without anna's session key."""
    anna, mallory = Peer("anna"), Peer("anna", secret=b"\x66" * 32)
    mallory.session.seed = b"\x66" * 32
    solo = Solo(sign=False).connect(anna.join())
    solo.give(*anna.presence())
    proposal = mallory.proposal(solo)
    solo.give(*mallory.propose(proposal))
    a = mallory.take_part(solo, proposal)
    hear(solo, a)
    epoch = cpace.new_epoch(suite, a, [solo.ch.others.uid_of(t) for t in a.tags])
    solo.give(*mallory.value(a, SHARE))
    solo.give(*talk(mallory, epoch, b"it is me", signed=False))
    assert solo.ch.epoch is None
