"""Handshakes that someone with the channel's key spoils or replays:
refused by name, the epoch as it was. PROTOCOL.md 9.
"""

from handshakes import begun, two
from sealcast.wire import u32
from sealcast.zpinc import cpace, rekey
from sealcast.zpinc.epochs import CONFIRM, PROPOSE, RETRY, SHARE, STALE, Proposal
from sealcast.zpinc.members import CONN, LEFT, MAX_ATTEMPT
from solo import Peer, Solo, agree, hear, suite, talk


def test_proposals_with_a_wrong_member_list():
    solo, peer = two()
    stranger = Peer("zoe", 9)
    us, them, other = (
        (solo.ch.me.tag, solo.ch.me.session.sid),
        (peer.tag, peer.session.sid),
        (stranger.tag, stranger.session.sid),
    )
    both = sorted([us, them])
    lists = [
        [], [them], [us], sorted([them, other]), both[::-1], [both[0], both[0], both[1]], sorted([us, them, other]),
        sorted([us, (peer.tag, bytes(16))]), sorted([them, (solo.ch.me.tag, bytes(16))]),
        sorted(both + [(bytes((i,)) * 16, bytes(16)) for i in range(31)]),
    ]  # fmt: skip
    for parties in lists:
        proposal = Proposal(peer.tag, 1, bytes(16), bytes(32), parties)
        solo.refuses(*(peer.propose(proposal) + ("members",)))


def test_nobody_takes_part_in_a_proposal_that_it_would_give_up_at_once():
    """It names one who has left, as far as we know: our share would be in vain, and all others would wait for us. The
    same proposal, repeated, is accepted when that one is back."""
    anna, bert = Peer("anna"), Peer("bert")
    solo = Solo().connect(anna.join(), bert.join())
    solo.give(*anna.presence())
    solo.give(*bert.presence(LEFT))
    parties = sorted([(p.tag, p.session.sid) for p in (solo.ch.me, anna, bert)])
    frame = anna.propose(Proposal(anna.tag, 1, bytes(16), bytes(32), parties))
    rank = solo.ch.epochs.rank
    solo.refuses(*(frame + ("members",)))
    assert solo.ch.epochs.rank == rank and not solo.event("handshake_failed")
    solo.give(*bert.presence(conn=CONN + 1))
    solo.give(*frame)
    assert solo.ch.epochs.running() and len(solo.ch.epochs.attempt.tags) == 3


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
    for pt in (bytes((STALE,)), bytes((STALE,)) + bytes(35), bytes((STALE,)) + bytes(37)):
        solo.refuses(*(peer.handshake(0, pt) + ("format",)))


def answer(sid, lamport=0, conn=0, notes=0, epoch=bytes(4), said=0):
    return bytes((STALE,)) + sid + u32(lamport) + u32(conn) + u32(notes) + epoch + u32(said)


def test_answers_that_are_not_ours_or_go_too_far_or_name_nothing_that_is_above():
    solo, peer = two()
    agree(solo, peer)
    sid, lamport, conn = solo.ch.me.session.sid, solo.ch.me.session.lamport, solo.ch.keepalive.conn
    epoch = solo.ch.epochs.current.id[:4]
    for body in (
        answer(bytes(16), lamport, conn, 9), answer(sid, lamport - 1), answer(sid, 0, conn - 1),
        answer(sid, 0, conn + 1), answer(sid, 0, 0, solo.ch.ring.next, epoch, 0), answer(sid, 0, 0, 0, bytes(4), 1),
    ):  # fmt: skip
        solo.refuses(*(peer.handshake(0, body) + ("stale" if body[1:17] != sid else "duplicate",)))
    solo.refuses(*(peer.handshake(0, answer(sid, lamport + 65536)) + ("jump",)))


def test_answers_that_show_that_we_came_from_a_backup():
    """Others have more from us than we know of: we begin anew and say which of our notes may be taken for others."""
    for about in ("conn", "notes", "said"):
        solo, peer = two()
        agree(solo, peer)
        for _ in range(2):
            solo.run(solo.ch.send(b"x", "note", solo.now))
        sid, e = solo.ch.me.session.sid, solo.ch.epochs.current.id[:4]
        counts = {"conn": {"conn": solo.ch.keepalive.conn}, "notes": {"notes": 3}, "said": {"epoch": e, "said": 1}}
        solo.give(*peer.handshake(0, answer(sid, **counts[about])))
        assert solo.ch.me.session.sid != sid, about
        assert solo.event("dropped") == {"reason": "same_uid", "uid": "solo", "count": 1, "first": 0, "last": 1}


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


def test_at_the_last_number_of_attempts_members_agree_again_and_again():
    """A stranger's 32,768 presences have brought the counter to its end: any proposal will do there, of two at once the
    one of the higher name."""
    solo, anna = two()
    solo.ch.epochs.rank = (MAX_ATTEMPT, b"\xff" * 16)
    names = set()
    for _ in range(3):
        agree(solo, anna, MAX_ATTEMPT)
        names.add(solo.ch.epoch)
        solo.later(6000)
    assert len(names) == 3
    bert = Peer("bert", 5)
    solo.give(*bert.join())
    low, high = sorted((anna, bert), key=lambda p: p.tag)
    for peer, leads in ((low, low), (high, high), (low, high)):
        solo.give(*peer.propose(peer.proposal(solo, MAX_ATTEMPT)))
        assert solo.ch.epochs.attempt.proposal.proposer == leads.tag
    assert solo.ch.out.drops == {"stale": 1}


def test_what_still_waits_of_an_old_handshake_is_not_answered_for_ever():
    """The broker repeats one recorded frame, second after second: each made all members say and sign all again, and
    check what the others said."""
    solo, peer = two()
    a, _, _ = agree(solo, peer)
    pt = bytes((SHARE | RETRY,)) + cpace.message(suite, a, SHARE)
    waits = peer.handshake(a.proposal.attempt, pt)
    solo.published = []
    solo.give(*waits)
    assert len(solo.published) == 2  # a true one is answered
    solo.later(14000)
    for _ in range(20):
        solo.published = []
        solo.give(*waits)
        assert not [f for f in solo.published if f[0].endswith("/h")]
        solo.later(1000)


def test_who_has_confirmed_is_not_checked_again():
    solo, peer = two()
    a, _, frames = agree(solo, peer)
    checked, verify = [], rekey.check
    rekey.check = lambda *arguments: (checked.append(1), verify(*arguments))
    try:
        for _ in range(5):
            solo.give(*frames[-1])
            solo.give(*peer.value(a, CONFIRM))
    finally:
        rekey.check = verify
    assert not checked and not solo.ch.out.drops
