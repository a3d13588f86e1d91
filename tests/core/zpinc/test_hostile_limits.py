"""The ends of number ranges and of what is remembered, pushed by others: nobody is stopped. PROTOCOL.md 6 to 10."""

from sealcast.crypto.keys import derive
from sealcast.wire import HANDSHAKE, u32
from sealcast.zpinc.conversation import MAX_SKIPPED, Epoch
from sealcast.zpinc.epochs import ASK, STALE
from sealcast.zpinc.joins import LAMPORT_MAX
from sealcast.zpinc.members import CONN, LEFT
from sealcast.zpinc.notes import MAX_MISSED
from sealcast.zpinc.rekey import BURST
from solo import Peer, Solo, agree, suite, talk

HEAP = "heapsize=300k"  # for a day's events and what is stored, beside the member

def online(*frames, **changes):
    return Solo(**changes).connect(*frames)


def test_the_highest_numbers_cannot_stop_a_member():
    """One retained note, signed by a true member, with the last number that a frame can carry."""
    anna, bert = Peer("anna"), Peer("bert", 2)
    solo = online(anna.join())
    solo.give(*anna.note(0xFFFFFFFF))
    solo.barrier()
    solo.later(10000)
    solo.give(*bert.join())
    solo.give(*bert.note(0x7FFFFFFE))
    solo.barrier()
    solo.later(10000)
    solo.give(*bert.presence(head=0x7FFFFFFF))
    solo.refuses(*(bert.presence(head=0xFFFFFFFF) + ("format",)))
    solo.refuses(*(bert.note(0x7FFFFFFF) + ("window",)))
    solo.later(10000)
    assert [m.seq for m in solo.messages] == [0x7FFFFFFE]
    assert Solo(blob=solo.blob).ch.others.by_tag[bert.tag].current.window.next == 0x7FFFFFFF


def test_being_told_that_we_are_stale_costs_one_session_in_ten_seconds_and_ends_at_the_last_counter():
    anna = Peer("anna")
    solo = online(anna.join())

    def told(lamport):
        solo.give(*anna.handshake(0, bytes((STALE,)) + solo.ch.me.session.sid + u32(lamport) + bytes(16)))

    sessions = []
    for _ in range(5):
        told(solo.ch.others.lamport)
        sessions.append(solo.ch.me.session.sid)
    assert len(set(sessions)) == 1 and solo.ch.out.drops == {"stale": 4}
    solo.later(10000)
    solo.ch.others.lamport = LAMPORT_MAX - 10
    told(LAMPORT_MAX)  # nobody is brought to the end of the counter by word
    assert solo.ch.out.drops["jump"] == 1 and solo.ch.me.session.sid == sessions[0]


def test_who_joins_at_the_last_counter_joins_all_the_same():
    """A stranger has brought the Lamport counter to its end: a newcomer, and who loses its storage again and again,
    are taken by all, and what was said before a session is not taken again.
    """
    anna = Peer("anna", lamport=LAMPORT_MAX)
    watch = online(anna.join())
    solo = Solo("bob").connect(anna.join())
    joins = [[f for f in solo.published if "/j/" in f[0]][-1]]
    for _ in range(6):
        topic, frame = joins[-1]
        watch.give(topic, frame)
        assert watch.ch.others.tag_of("bob") and watch.ch.others.by_tag[solo.ch.me.tag].current.sid == frame[2:18]
        solo = Solo("bob").connect(anna.join(), joins[-1])
        assert solo.ch.me.session.lamport == LAMPORT_MAX
        joins.append([f for f in solo.published if "/j/" in f[0]][-1])
    current = watch.ch.others.by_tag[solo.ch.me.tag].current.sid
    for topic, frame in joins[:3]:
        watch.give(topic, frame)
        assert watch.ch.others.by_tag[solo.ch.me.tag].current.sid == current
    assert watch.ch.out.drops == {"stale": 3}


def test_who_was_away_while_the_counter_was_pushed_takes_later_sessions_all_the_same():
    """A stranger's joins lie in one slot, so that the last is the only one to be seen; anna began anew above them."""
    for above, times in ((5 * 65536, 2), (LAMPORT_MAX - 2, 8)):
        solo = online(Peer("anna").join())
        solo.run(solo.ch.disconnected(solo.now))
        eve, anna = Peer("eve", 1 + above), Peer("anna", 2 + above, None, 1)
        solo.connect(eve.join(), anna.join())
        assert solo.ch.out.drops == {"jump": 2} and solo.ch.others.lamport < 10
        for _ in range(times):
            solo.later(12000)
            solo.give(*anna.presence())  # it reads the joins again
            solo.give(*eve.join())
            solo.give(*anna.join())
        assert solo.ch.others.by_tag[anna.tag].current.sid == anna.session.sid


def test_a_sleeper_takes_later_sessions_at_its_next_wakings():
    """It wakes for seconds, and begins anew each time: nothing but what is stored can bring it nearer."""
    solo = online(Peer("anna").join(), duty=600)
    eve, anna = Peer("eve", LAMPORT_MAX - 2), Peer("anna", LAMPORT_MAX - 1, None, 1)
    for _ in range(9):
        blob, solo = solo.blob, None
        solo = Solo(blob=blob, duty=600).connect(eve.join(), anna.join())
    assert solo.ch.others.by_tag[anna.tag].current.sid == anna.session.sid


def test_proposals_that_are_refused_use_up_nobodys_allowance():
    """They name sessions that nobody has: they cost no share, and keep out no proposal that does."""
    anna, eve = Peer("anna"), Peer("eve", 9)
    solo = online(anna.join())
    solo.give(*anna.presence())
    for k in range(BURST + 4):
        solo.refuses(*(anna.propose(anna.proposal(solo, k + 2, eve)) + ("members",)))
    solo.give(*anna.propose(anna.proposal(solo, 100)))
    assert solo.ch.epochs.running()


def test_who_leaves_in_each_handshake_is_left_out_of_the_next():
    """Eve says goodbye whenever she is waited for, and is back before the next proposal: the others agree all the
    same, soon."""
    anna, eve = Peer("anna"), Peer("eve", 2)
    solo, conn, without = online(anna.join(), eve.join()), 0, 0
    for _ in range(120):
        conn += CONN
        solo.give(*anna.presence())
        solo.give(*eve.presence(conn=conn, counter=1))
        solo.later(1000)
        attempt = solo.ch.epochs.attempt
        if solo.ch.epochs.running() and eve.tag in attempt.tags:
            solo.give(*eve.presence(LEFT, conn, 2))
        without += bool(solo.ch.epochs.running() and eve.tag not in attempt.tags)
    assert without > 20, without


def test_proposals_to_one_member_alone_do_not_take_it_from_the_others():
    """A stranger proposes to it alone, as often and as high as it takes them. One presence, and the others follow."""
    anna, bert = Peer("anna"), Peer("bert", 2)
    solo, other = online(anna.join(), bert.join()), Solo("other").connect(anna.join(), bert.join())
    solo.give(*anna.presence())
    for _ in range(BURST):
        for step in (65536, 1024):
            solo.give(*anna.propose(anna.proposal(solo, solo.ch.epochs.rank[0] + step)))
    attempt = solo.ch.epochs.rank[0]
    assert attempt >= BURST
    other.give(*bert.presence(attempt=attempt))  # as solo's would say
    assert other.ch.epochs.rank[0] == attempt


def test_sessions_that_nobody_joins_do_not_keep_a_lost_join_from_being_asked_for():
    """A stranger's presences name 32 sessions of which there is no join; bert's join is lost at the broker."""
    eve, bert = Peer("eve"), Peer("bert", 9)
    solo = online(eve.join())
    for i in range(MAX_MISSED):
        solo.give(*Peer("eve", 1, None, 100 + i).presence())
    solo.later(12000)
    solo.published = []
    solo.give(*bert.presence())
    solo.later(5000)
    asked = [solo.ch.me.keys.open(f, HANDSHAKE, solo.ch.me.tag)[3] for t, f in solo.published if t[-2:] == "/h"]
    assert asked == [bytes((ASK,)) + bert.session.sid] and len(solo.ch.reading.missed) == 1


def test_proposals_of_a_stranger_cost_a_bounded_number_of_shares_and_writes():
    anna = Peer("anna")
    solo = online(anna.join())
    solo.give(*anna.presence())
    shares = 0
    for k in range(60):
        solo.published = []
        solo.give(*anna.propose(anna.proposal(solo, k + 2)))
        shares += len([f for f in solo.published if f[0] == solo.ch.me.topic("h")])
    assert shares == BURST and solo.ch.out.drops == {"stale": 60 - BURST}
    solo.later(12000)
    solo.published = []
    solo.give(*anna.propose(anna.proposal(solo, 100)))
    assert [f for f in solo.published if f[0] == solo.ch.me.topic("h")]


def test_one_party_cannot_make_us_forget_the_skipped_keys_of_another():
    anna = Peer("anna")
    solo = online(anna.join())
    solo.give(*anna.presence())
    agree(solo, anna)
    e = solo.ch.epochs.current
    other = e.index(solo.ch.me.tag)  # stands for a third party
    e.skipped[(other, 0)] = bytes(32)
    mine = e.index(anna.tag)
    theirs = Epoch(e.hid, e.hk, e.parties, [list(c) for c in e.chains])
    for jump in (70, 3):
        chain = theirs.chains[mine]
        for _ in range(jump):
            chain[0] = derive(suite, chain[0], b"sc/next")
            chain[1] += 1
        solo.give(*talk(anna, theirs, b"far ahead"))
    assert len(solo.messages) == 2
    assert (other, 0) in e.skipped and len(e.skipped) == MAX_SKIPPED


def test_the_last_number_of_a_conversation_is_refused():
    """A party that has come so far, 1,024 at a time: the state can always be stored, also what is said ahead."""
    anna = Peer("anna")
    for ahead in (0, 48):
        solo = online(anna.join())
        solo.ch.journal.ahead, solo.ch.out.prompt = ahead, bool(ahead)
        solo.give(*anna.presence(conn=1 + ahead))
        _, epoch, _ = agree(solo, anna)
        e, count = solo.ch.epochs.current, len(solo.messages)
        i = e.index(anna.tag)
        epoch.chains[i][1] = e.chains[i][1] = 0xFFFFFFFC
        for _ in range(3):
            solo.give(*talk(anna, epoch, b"x"))
        solo.refuses(*(talk(anna, epoch, b"x") + ("window",)))
        solo.give(*anna.presence(conn=1 + ahead, epoch=e.id, said=(0xFFFFFFFF, bytes(4), 0)))
        solo.run(solo.ch.snapshot())
        assert len(solo.messages) == count + 3 and e.chains[i][1] == 0xFFFFFFFF
        assert Solo(blob=solo.blob).ch.epochs.current.chains[i][1] == 0xFFFFFFFF


def test_a_silent_member_that_raises_its_connection_number_is_left_out_all_the_same():
    anna, bert = Peer("anna"), Peer("bert", 2)
    solo = online(anna.join(), bert.join())
    silent = 0
    for conn in range(1, 90):  # a minute and a half: bert answers no handshake, and says every second that it is new
        solo.give(*anna.presence())
        solo.give(*bert.presence(conn=conn, counter=1))
        solo.later(1000)
        silent += solo.ch.others.by_tag[bert.tag].silent_until > solo.now
    assert solo.ch.others.by_tag[bert.tag].strikes >= 2 and silent > 20, silent
