"""The ratcheting group on CPython and on MicroPython: its life in small, its state in flash, its size in RAM. PROTOCOL.md 16 to 20.

The simulator (tests/sim/group_*.py) is where it is broken in every way; here it must run as it is on a board.
"""

import gc

from check import raises
from sealcast.channel import Channel
from sealcast.errors import NoGroup, TooLong
from sealcast.smmp import ratchet as smmp
from sealcast.smmp.outgoing import MAX_MESSAGE, Pending
from sealcast.wire import RATCHET
from sealcast.zpinc.members import Member
from solo import config, hardware, suite


class Room:
    """Members behind an honest broker, and a clock that jumps to whatever is next."""

    def __init__(self, uids, **changes):
        self.now = 1000
        self.changes = changes  # of the settings
        self.retained, self.filters, self.queue, self.wakes = {}, {}, [], {}
        self.stored, self.heard, self.events = {}, [], []
        self.members = {}
        for uid in uids:
            self.switch_on(uid)
        self.advance(3000)

    def switch_on(self, uid):
        self.filters[uid] = []
        ch = self.members[uid] = Channel(suite, config(uid, ratchet=True, **self.changes), self.stored.get(uid), hardware)
        self.run(uid, ch.start(self.now))
        self.run(uid, ch.connecting(self.now))

    def run(self, uid, effects):
        for e in effects:
            if e[0] == "store":
                self.stored[uid] = b"".join(e[1])
            elif e[0] == "connect":
                self.run(uid, self.members[uid].connected(self.now))
            elif e[0] == "subscribe":
                self.filters[uid].append(e[1])
                for topic in list(self.retained):
                    if _match(e[1], topic):
                        self.queue.append((uid, topic, self.retained[topic]))
            elif e[0] == "publish":
                if e[3]:
                    self.retained[e[1]] = e[2]
                for other in self.filters:
                    if any(_match(f, e[1]) for f in self.filters[other]):
                        self.queue.append((other, e[1], e[2]))
                if e[5]:
                    self.queue.append((uid, None, e[5]))
            elif e[0] == "message":
                self.heard.append((uid, e[1].sender, e[1].body, e[1].private))
                self.members[uid].taken(e[1])
            elif e[0] == "event":
                self.events.append((uid, e[1]))
            elif e[0] == "wake":
                self.wakes[uid] = e[1]

    def pump(self):
        while self.queue:
            uid, topic, payload = self.queue.pop(0)
            ch = self.members[uid]
            self.run(uid, ch.acked(payload, self.now) if topic is None else ch.receive(topic, payload, self.now))

    def advance(self, ms):
        end = self.now + ms
        while True:
            self.pump()
            due = [uid for uid in self.wakes if self.wakes[uid] <= end]
            if not due:
                break
            uid = min(due, key=lambda u: self.wakes[u])
            self.now = max(self.now, self.wakes.pop(uid))
            self.run(uid, self.members[uid].tick(self.now))
        self.now = end

    def do(self, uid, method, *arguments):
        self.run(uid, getattr(self.members[uid], method)(*arguments, self.now))
        self.advance(9000)

    def say(self, uid, body, to=None):
        self.run(uid, self.members[uid].send(body, "ratchet", self.now, 0, to))
        self.advance(1000)


def _match(wanted, topic):
    a, b = wanted.split("/"), topic.split("/")
    return len(a) == len(b) and all(x == "+" or x == y for x, y in zip(a, b))


def test_a_group_from_set_up_to_removal():
    room = Room(("ann", "bob", "cem"))
    raises(NoGroup, lambda: room.members["ann"].send(b"x", "ratchet", room.now))
    room.do("ann", "change_group", "create", ["bob"])
    room.say("ann", b"hello")
    room.say("bob", b"psst", "ann")
    assert room.heard == [("bob", "ann", b"hello", False), ("ann", "bob", b"psst", True)]
    room.do("bob", "change_group", "add", ["cem"])
    room.heard = []
    room.say("cem", b"new here")
    assert sorted(room.heard) == [("ann", "cem", b"new here", False), ("bob", "cem", b"new here", False)]
    # One loses its power: it goes on from what it stored
    room.filters["bob"] = []
    room.switch_on("bob")
    room.advance(9000)
    room.heard = []
    room.say("bob", b"back")
    assert sorted(room.heard) == [("ann", "bob", b"back", False), ("cem", "bob", b"back", False)]
    room.do("cem", "change_group", "remove", ["ann"])
    assert ("ann", "removed") in room.events
    assert room.members["ann"].group.state is None
    states = [room.members[uid].group.state for uid in ("bob", "cem")]
    assert states[0].RK == states[1].RK and states[0].head == states[1].head and states[0].N == 2
    error = raises(TooLong, lambda: room.members["bob"].send(bytes(MAX_MESSAGE + 1), "ratchet", room.now))
    assert error.code == "too_long"


def full(ch, n):
    """A channel that knows n members: their tags are its own, and not counted as the group's."""
    for i in range(n):
        m = Member(bytes([i]) * 16 + bytes(16), "m%d" % i)
        ch.members_by_tag[m.tag] = m
    return ch


def big(n):
    """The group of a member of n, full: an undo, a frame on its way, a package of everyone."""
    ch = full(Channel(suite, config("m", ratchet=True), None, hardware), n)
    g = ch.group

    def state():
        tags = [bytes([i]) * 16 for i in range(n)]
        keys = [hardware(32) for _ in range(6)]
        return smmp.State(g.id, tags, [hardware(32) for _ in range(n)], 0, hardware(32), 100, hardware(32), *keys)

    from sealcast.smmp.group import Undo

    g.state = state()
    tags = list(g.state.tags)
    frame = bytes(1200)
    g.last, g.last_by, g.phase = frame, g.state.tags[1], 2
    g.pairs = {tag: hardware(32) + hardware(64) for tag in tags[1:]}
    g.undo = Undo(g, None)
    g.speech.pending = Pending(RATCHET, frame, hardware(32), (bytes(9), b"text", None))
    g.heard = {tag: bytes(8) for tag in tags}
    for tag in tags[1:]:
        g.packages.theirs[tag] = hardware(68 - 4) + hardware(8) + hardware(64)
    return g


def test_the_state_of_a_large_group_is_kept_whole():
    g = big(20)
    data = g.pack()
    other = full(Channel(suite, config("m", ratchet=True), None, hardware), 20).group
    other.unpack(data)
    other.phase = g.phase
    assert other.pack() == data
    assert len(data) < 16000


def test_the_state_of_a_member_of_twenty_fits():
    if not hasattr(gc, "mem_alloc"):
        return  # CPython's objects are larger and do not count
    g = big(20)
    data = g.pack()
    g = None
    other = full(Channel(suite, config("m", ratchet=True), None, hardware), 20).group
    gc.collect()
    before = gc.mem_alloc()
    other.unpack(data)
    gc.collect()
    used = gc.mem_alloc() - before
    print("state of a member in a group of 20:", used, "bytes of heap on this machine")
    # Its blocks are of 32 bytes and its words of 64 bits: a board's of half as much. The board's number is in build/bench.json.
    assert used <= 18 * 1024, used
