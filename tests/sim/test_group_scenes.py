"""Single scenes of the ratcheting group, each a way in which order is
put to the test. The stories (group_schedule.py) mix them.
"""

import pytest

from sealcast.smmp import fetch
from sealcast.smmp.group import FORKED, LIVE, REJOIN
from sim.group_world import GroupWorld

CREW = ("m00", "m01", "m02")


@pytest.fixture
def w():
    world = GroupWorld(1)
    world.quiet = True
    for uid in CREW:
        world.restart(world.add(uid))
    world.run_until(world.now + 3000)
    world.change(world.clients["m00"], "create", CREW[1:])
    assert world.run_until(world.now + 20000, world.one_group)
    world.run_until(world.now + 1000)
    return world


def calm(w, ms=60000):
    assert w.run_until(w.now + ms, lambda: len(w.live()) == len(w.clients) and w.one_group())
    w.run_until(w.now + 2000)
    w.checks.settled_group(w.members())


def say(w, *uids, to=None):
    for uid in uids:
        w.say(w.clients[uid], to)


def out_of_the_group(w, c):
    """What it missed cannot be had: it asks to be taken in again."""
    c.enter("break", lambda ch: fetch.rejoin(ch.me, ch.others, ch.group, w.now, ch.out) or ch._finish(w.now))


def counted(w, *names):
    return [w.checks.counts.get(name, 0) for name in names]


def test_all_speak_at_once_and_all_hear_all_in_one_order(w):
    for _ in range(5):
        say(w, *CREW)
    calm(w)
    assert counted(w, "delivered", "desync", "resynced", "forked") == [30, 0, 0, 0]
    assert w.checks.counts["collision"] >= 2


def test_a_reconnect_between_two_frames_of_one_epoch(w):
    """One hears the loser only: it must not take it for the winner."""
    say(w, "m00", "m01")  # m00's frame reaches the broker first, m01's is for the same epoch
    w.clients["m02"].lose_link()
    calm(w)
    assert counted(w, "delivered", "desync", "resynced", "forked") == [4, 0, 0, 0]


def test_a_loser_in_the_slot(w):
    """A slot that holds a frame which lost: whoever takes it goes back and finds the right one."""
    c = w.clients["m02"]
    c.lose_link()
    w.run_until(w.now + 100)
    losers = []
    publish = w.broker.publish

    def watch(connection, topic, payload, *rest):
        if topic.endswith("/g"):
            losers.append((connection.client.uid, payload))
        publish(connection, topic, payload, *rest)

    w.broker.publish = watch
    say(w, "m00", "m01")
    w.run_until(w.now + 300)
    w.broker.publish = publish
    epoch = losers[0][1][18:22]
    loser = next(p for uid, p in losers if p[18:22] == epoch and p != losers[0][1])
    slot = next(t for t in w.broker.retained if "/e/" in t and w.broker.retained[t] == losers[0][1])
    w.broker.retained[slot] = loser
    assert w.run_until(w.now + 60000, lambda: len(w.live()) == 3 and w.one_group())
    assert counted(w, "resynced", "forked") == [1, 0]
    heard = [b for b in w.checks.bodies if b in w.checks.got[("m02", 0)]]
    assert len(heard) == 2 and w.broker.retained[slot] in (loser, losers[0][1])


def test_everything_again_30_s_late(w):
    say(w, *CREW)
    calm(w)
    before = {c.uid: c.channel.group.state.head for c in w.live()}
    w.run_until(w.now + 30000)
    for topic, payload in list(w.broker.seen):
        if topic.endswith("/g"):
            w.broker._publish(topic, payload, False)
    w.run_until(w.now + 10000)
    assert {c.uid: c.channel.group.state.head for c in w.live()} == before
    assert counted(w, "delivered", "resynced", "desync", "forked") == [6, 0, 0, 0]
    calm(w)


def test_a_split_view_is_told_to_a_person_never_healed_in_silence(w):
    w.person = lambda client: None
    w.broker.split({"m02"})
    w.run_until(w.now + 1000)
    for _ in range(3):
        say(w, *CREW)
        w.run_until(w.now + 5000)
    w.broker.unite()
    w.run_until(w.now + 60000)
    assert counted(w, "forked")[0] >= 1
    stuck = [c for c in w.live() if c.channel.group.phase == FORKED]
    assert stuck and not w.one_group()
    for c in stuck:
        w.change(c, "rejoin")
    assert w.run_until(w.now + 60000, w.one_group)
    say(w, *CREW)
    assert w.run_until(w.now + 10000, w.one_group)


def test_a_split_of_one_frame_is_rolled_back_and_nothing_is_lost_or_said_twice(w):
    w.broker.split({"m02"})
    w.run_until(w.now + 500)
    say(w, "m00", "m02")
    w.run_until(w.now + 1000)
    w.broker.unite()
    calm(w)
    assert counted(w, "resynced", "forked", "desync") in ([1, 0, 0], [2, 0, 0])  # the smaller head stands
    assert all(
        b in w.checks.got[(uid, 0)] for b, (sender, *_) in w.checks.bodies.items() for uid in CREW if uid != sender
    )


def test_a_private_message_survives_a_roll_back(w):
    w.broker.split({"m02"})
    w.run_until(w.now + 500)
    say(w, "m00")
    say(w, "m02", to="m01")
    w.run_until(w.now + 1000)
    w.broker.unite()
    calm(w)
    say(w, "m01", to="m02")
    say(w, "m02", to="m01")
    calm(w)
    assert not w.checks.counts.get("message_undecryptable")
    for body, uid in w.checks.secret_to.items():
        assert body in w.checks.got[(uid, 0)]


def test_falling_behind_by_more_than_the_ring_is_one_resync(w):
    c = w.clients["m02"]
    c.wanted = False
    c.lose_link()
    for _ in range(70):
        say(w, "m00")
        w.run_until(w.now + 300)
    w.run_until(w.now + 2000)
    assert w.clients["m00"].channel.group.state.epoch > 66
    c.wanted = True
    c._connect(c.run)
    assert w.run_until(w.now + 60000, lambda: len(w.live()) == 3 and w.one_group())
    assert counted(w, "desync", "forked") == [1, 0]
    say(w, *CREW)
    assert w.run_until(w.now + 10000, w.one_group)


def test_when_nobody_can_follow_a_person_begins_anew(w):
    for c in w.live():
        out_of_the_group(w, c)
    w.run_until(w.now + 40000)
    assert all(c.channel.group.phase == REJOIN for c in w.live())
    w.change(w.clients["m01"], "create", ("m00", "m02"))
    assert w.run_until(w.now + 20000, w.one_group)
    assert all(c.channel.group.phase == LIVE for c in w.live())


def test_nobody_is_taken_in_by_an_old_agreement(w):
    """All that was ever said, again, to a member that is out: its packages are used."""
    w.change(w.clients["m00"], "remove", ("m02",))
    assert w.run_until(w.now + 20000, lambda: w.clients["m02"].channel.group.state is None)
    for topic, payload in list(w.broker.seen):
        if topic.endswith("/g"):
            w.broker._publish(topic, payload, False)
    w.run_until(w.now + 10000)
    assert w.clients["m02"].channel.group.state is None


def test_a_sleeper_whose_packages_have_run_out_does_not_stop_changes(w):
    c = w.clients["m02"]
    c.wanted = False
    c.lose_link()
    for _ in range(4):
        w.change(w.clients["m00"], "resync")
        w.run_until(w.now + 5000)
    assert w.clients["m00"].channel.group.state.epoch == 5
    c.wanted = True
    c._connect(c.run)
    # It replaces the key that served instead of a package
    assert w.run_until(w.now + 20000, lambda: c.channel.group.state.epoch == 6)
    calm(w)
    assert counted(w, "desync") == [0]


def test_the_last_member_stands_alone_and_takes_in_new_ones(w):
    for uid in ("m01", "m02"):
        w.change(w.clients["m00"], "remove", (uid,))
        w.run_until(w.now + 5000)
    assert [c.channel.group.state and c.channel.group.state.N for c in w.clients.values()] == [1, None, None]
    say(w, "m00")
    w.run_until(w.now + 1000)
    w.change(w.clients["m00"], "add", ("m01",))
    assert w.run_until(w.now + 10000, lambda: w.one_group() and len(w.members()) == 2)


def test_a_group_is_not_set_up_twice(w):
    w.restart(w.add("m03"))
    w.run_until(w.now + 3000)
    failed = []
    event = w.event
    w.event = lambda client, name, detail: (
        failed.append(client.uid) if name == "group_failed" else None,
        event(client, name, detail),
    )
    w.change(w.clients["m03"], "create", ("m00",))
    w.run_until(w.now + 10000)
    assert failed == ["m03"] and w.clients["m03"].channel.group.state is None
    assert w.one_group()


def test_a_wish_to_rejoin_does_not_bring_back_who_was_removed_meanwhile(w):
    say(w, "m02")
    w.run_until(w.now + 1000)
    c = w.clients["m02"]
    out_of_the_group(w, c)
    w.run_until(w.now + 50)
    w.change(w.clients["m00"], "remove", ("m02",))
    w.run_until(w.now + 40000)
    assert w.clients["m00"].channel.group.state.N == 2


@pytest.mark.parametrize(
    ("gap", "delay"), [(50, (1, 40)), (100, (20, 120))], ids=["20 a second", "10 a second, slow links"]
)
def test_who_comes_back_catches_up_although_messages_flow(w, gap, delay):
    w.broker.network.delay = delay
    c = w.clients["m02"]
    c.wanted = False
    c.lose_link()

    def flow(n):
        for k in range(n):
            say(w, "m00" if k % 2 else "m01")
            w.run_until(w.now + gap)

    flow(30)
    c.wanted = True
    c._connect(c.run)
    flow(300)
    before = c.channel.group.state.epoch
    flow(40)
    assert c.channel.group.phase == LIVE and c.channel.group.state.epoch > before + 10
    calm(w)
    assert counted(w, "desync", "forked") == [0, 0]
    # one world in ten: what stood in a slot had lost its race, and it goes back by one
    assert counted(w, "resynced")[0] <= 1
    heard = [b for b in w.checks.bodies if b in w.checks.got[("m02", 0)]]
    assert len(heard) == len(w.checks.bodies)


def test_the_power_goes_before_the_winner_saw_its_echo_while_messages_flow(w):
    """Its slot was never written, and the others' memory of the frame
    is gone when it asks: but the frame is its own.
    """
    c = w.clients["m02"]
    publish = w.broker.publish

    def watch(connection, topic, payload, *rest):
        publish(connection, topic, payload, *rest)
        if topic.endswith("/g") and connection.client is c and c.channel.group.outgoing.pending:
            w.broker.publish = publish
            c.power_cut()
            w.at(w.now + 1000, w.restart, c)

    w.broker.publish = watch
    say(w, "m02")
    w.run_until(w.now + 200)
    # as if nobody had put it there
    w.broker.retained = {topic: p for topic, p in w.broker.retained.items() if not topic.endswith("/e/1")}
    for k in range(60):
        say(w, "m00" if k % 2 else "m01")
        w.run_until(w.now + 50)
    calm(w)
    assert counted(w, "desync", "forked", "resynced") == [0, 0, 0]


def test_who_answers_a_wish_to_rejoin_in_vain_lets_the_others_go_first():
    """Two cannot catch up, and do not know the member that is first to answer: it came in while they were away."""
    world = GroupWorld(1)
    world.quiet = True
    for k in range(5):
        world.restart(world.add("m%02d" % k))
    world.run_until(world.now + 3000)
    clients = sorted(world.clients.values(), key=lambda c: c.channel.me.tag)
    new, old, lost = clients[0], clients[1:3], clients[3:]
    world.change(old[0], "create", [c.uid for c in old[1:] + lost])
    assert world.run_until(world.now + 20000, world.one_group)
    for c in lost:
        c.wanted = False
        c.lose_link()
    world.change(old[0], "add", (new.uid,))
    assert world.run_until(world.now + 20000, lambda: new.channel.group.phase == LIVE)
    for c in lost:
        out_of_the_group(world, c)
        c.wanted = True
        c._connect(c.run)
        world.run_until(world.now + 9000)
    assert world.run_until(world.now + 120000, lambda: len(world.live()) == 5 and world.one_group())
    world.run_until(world.now + 2000)
    assert len(world.members()) == 5


@pytest.mark.parametrize("far", [("m02",), ("m02", "m03")], ids=["one", "two"])
def test_a_split_that_heals_without_a_reconnect_is_told_too(far):
    """Both halves have gone on, and are live: neither may go on for ever as if the other were a liar."""
    world = GroupWorld(1)
    world.quiet = True
    world.person = lambda client: None
    for k in range(2 + len(far)):
        world.restart(world.add("m%02d" % k))
    world.run_until(world.now + 3000)
    world.change(world.clients["m00"], "create", [uid for uid in world.clients if uid != "m00"])
    assert world.run_until(world.now + 20000, world.one_group)
    world.run_until(world.now + 1000)
    world.broker.split(set(far))
    for _ in range(3):
        say(world, "m02", "m00")
        world.run_until(world.now + 1000)
    say(world, "m02")
    world.run_until(world.now + 1000)
    world.broker.far = None
    say(world, "m02", "m00")
    world.run_until(world.now + 150000)
    stuck = [c for c in world.live() if c.channel.group.phase == FORKED]
    assert counted(world, "forked")[0] == len(stuck) > 0
    for c in stuck:
        world.change(c, "rejoin")
    assert world.run_until(world.now + 90000, world.one_group)
