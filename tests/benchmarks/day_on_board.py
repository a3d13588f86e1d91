"""Runs on MicroPython, emulated board or unix port: two members in
one heap talk for a day, a broker of a few lines between them.

    day(messages, rounds, span_ms) prints, after each of `rounds` equal parts: messages so far, heap in use after a
    collection, the largest block that is free, the largest allocation of that part (0 where the port cannot tell).

Time is virtual: 86,400 s (span_ms) are spread over the messages, so that keepalives, hourly new epochs, refreshes and
the rest happen as often as in a day. Notes, conversation and ratchet messages take turns, and so do the senders.
"""

import gc
import sys

from reproducible import hardware

from sealcast import rare
from sealcast.channel import Channel
from sealcast.crypto import native as suite
from sealcast.run.settings import complete

try:
    from qemu import largest
except ImportError:

    def largest():
        return 0


# ruff: noqa: UP006
DAY_MS = 86400000
MODES = ("note", "conversation", "ratchet")


class Room:
    """Members behind a broker that keeps what is retained, and a clock that jumps to whatever is next."""

    def __init__(self, uids):
        self.now = 1000
        self.heard = 0
        self.members, self.filters, self.wakes, self.queue, self.retained = {}, {}, {}, [], {}
        for i in range(len(uids)):
            settings = {"uid": uids[i], "channel": "greenhouse", "key": bytes(range(32)),
                        "identity": bytes([i + 1] * 32), "broker": {"host": "none"}, "ratchet": True}  # fmt: skip
            self.members[uids[i]] = Channel(suite, complete(settings), None, hardware(i + 1))
            self.filters[uids[i]] = set()
        for uid in uids:
            self.call(uid, "start")
            self.call(uid, "connecting")
            self.call(uid, "connected")

    def call(self, uid, name, *args):
        for e in getattr(self.members[uid], name)(*args, self.now):
            kind = e[0]
            if kind == "publish":
                if e[3]:
                    self.retained[e[1]] = e[2]
                for other in self.filters:
                    if any([matches(f, e[1]) for f in self.filters[other]]):  # noqa: C419  no generators to spare
                        self.queue.append((other, e[1], e[2]))
                if e[5]:
                    self.queue.append((uid, None, e[5]))
            elif kind == "subscribe":
                self.filters[uid].add(e[1])
                for topic in self.retained:
                    if matches(e[1], topic):
                        self.queue.append((uid, topic, self.retained[topic]))
            elif kind == "message":
                self.heard += 1
                self.members[uid].taken(e[1])
            elif kind == "wake":
                self.wakes[uid] = e[1]
            elif kind in ("store", "append"):
                self.keep(uid, kind, e[1])

    def keep(self, uid, kind, what):
        """What is to be made durable: nothing here."""

    def advance(self, ms):
        end = self.now + ms
        while True:
            while self.queue:
                uid, topic, payload = self.queue.pop(0)
                if topic is None:
                    self.call(uid, "acked", payload)
                else:
                    self.call(uid, "receive", topic, payload)
            due = [uid for uid in self.wakes if self.wakes[uid] <= end]
            if not due:
                break
            uid = min(due, key=lambda u: self.wakes[u])
            self.now = max(self.now, self.wakes.pop(uid))
            self.call(uid, "tick")
        self.now = end


def matches(wanted, topic):
    wanted, topic = wanted.split("/"), topic.split("/")
    if len(wanted) != len(topic):
        return False
    for i in range(len(wanted)):
        if wanted[i] not in ("+", topic[i]):
            return False
    return True


def free_block():
    """The largest bytearray that can be had."""
    low, high = 0, gc.mem_free()
    while high - low > 256:
        middle = (low + high) // 2
        try:
            bytearray(middle)
            low = middle
        except MemoryError:
            high = middle
    return low


def day(messages, rounds, span_ms=DAY_MS):
    # As the node does on a board; without it the heap is in pieces of 2 KB after half a day. The unix port has a larger
    # heap, which takes longer to collect.
    gc.threshold(32768 if sys.platform == "linux" else 4096)
    room = Room(("anna", "bert"))
    room.advance(10000)
    room.call("anna", "change_group", "create", ["bert"])
    room.advance(10000)
    for channel in room.members.values():
        if not channel.epoch or channel.group_summary()["phase"] != "live":
            raise ValueError("the two did not agree")
    largest()
    begun = room.heard
    for i in range(messages):
        uid = ("anna", "bert")[i // 3 % 2]
        room.call(uid, "send", b"21.5 C, 48 % relative humidity..", MODES[i % 3])
        room.advance(span_ms // messages)
        if (i + 1) % (messages // rounds) == 0:
            room.advance(10000)
            most = largest()
            rare.release()  # what is rare comes and goes: its share depends on the moment
            gc.collect()
            print("day", i + 1, room.heard - begun, gc.mem_alloc(), free_block(), most)
            largest()
