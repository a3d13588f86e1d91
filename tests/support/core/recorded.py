"""Members whose every input and output is recorded, and the files of such runs: tests/vectors/stories and v0.1, by the
RULE that stands in each.

Used by the generator (tests/vectors/make_stories.py) and by the replay (tests/core/test_stories.py), on CPython and
MicroPython: so the files are read line by line. What the core offers is touched in `Member` alone.
"""

import json
import sys
from binascii import hexlify, unhexlify

from check import VECTORS
from packed import pack_state
from sealcast.channel import Channel

ORDERED = sys.implementation.name == "cpython"  # on MicroPython a dict has no order: one state may be other bytes


def hexed(data):
    return hexlify(data).decode()


def digest(suite, state):
    """Of a stored state."""
    return hexed(suite.h(8, b"", b"", b"sc/vector", state))


class Member:
    """A Channel between power cuts. number(topic, payload) -> index of a frame; frame(index) -> (topic, payload)."""

    def __init__(self, suite, settings, number, frame):
        self.suite, self.settings = suite, settings
        self.number, self.frame = number, frame
        self.calls = 0  # of the source of randomness, over all power cuts
        self.channel = None
        self.stored = None  # the last stored state
        self.journal = False  # has it one?
        self.tokens = {}  # index of a frame -> the token that it was published with last
        self.messages = []  # delivered since the last boot

    def _hardware(self, n):
        self.calls += 1
        uid = self.settings["uid"].encode()
        return self.suite.h(n, b"", b"", b"sc/vector", uid + self.calls.to_bytes(4, "big"))

    def boot(self, calls, state):
        """Begin again with this stored state (bytes or None); -> what it says of itself, and the state packed again."""
        self.calls = calls
        config = dict(self.settings)
        for name in ("key", "identity", "admin"):
            if config.get(name):
                config[name] = unhexlify(config[name])
        if config["roster"]:
            config["roster"] = {uid: unhexlify(public) for uid, public in config["roster"].items()}
        self.channel = None
        ch = self.channel = Channel(self.suite, config, state, self._hardware)
        ch.journal.room = 4096
        if config.get("admin_here"):
            ch.places.collects = True
        self.tokens, self.messages = {}, []
        seen = [[uid, status] for uid, status in ch.members] + [ch.epoch, ch.group_summary()]
        return seen, pack_state(ch)

    def enter(self, now, method, *args):
        """One input; -> the effects."""
        ch = self.channel
        if method == "receive":
            topic, payload = self.frame(args[0])
            return ch.receive(topic, payload, now)
        if method == "acked":
            return ch.acked(self.tokens[args[0]], now)
        if method == "send":
            return ch.send(unhexlify(args[0]), args[1], now, args[2], args[3], receipt=len(args) > 4)
        if method == "declare_lost":
            return ch.declare_lost(args[0], unhexlify(args[1]), now)
        if method == "taken":
            return ch.taken(self.messages[args[0]]) or []
        return getattr(ch, method)(*(list(args) + [now]))

    def finish(self, now):
        """What an input leaves to do that found no memory at its end."""
        return self.channel._finish(now)

    def told(self, effects):
        """What the rule compares, in order."""
        out = []
        for e in effects:
            if e[0] == "store":
                self.stored, self.journal = b"".join(e[1]), False
            elif e[0] == "append":
                self.stored, self.journal = self.stored + e[1], True
            elif e[0] == "publish":
                index = self.number(e[1], bytes(e[2]))
                if e[5]:
                    self.tokens[index] = e[5]
                out.append(["p", index, int(e[3])])
            elif e[0] == "connect":
                out.append(["w", self.number(e[1], bytes(e[2]))])
            elif e[0] == "subscribe":
                out.append(["s", e[1]])
            elif e[0] == "message":
                m = e[1]
                self.messages.append(m)
                flags = [int(m.historic), int(m.private), int(m.again)]
                out.append(["m", m.sender, hexed(m.body), m.secrecy, m.origin, m.time, m.seq] + flags)
            elif e[0] == "event" and e[1] == "rekeyed":
                out.append(["e", e[2]["epoch"]])
        return out


class Run:
    """A recorded run as its file has it, read line by line."""

    def __init__(self, path, suite):
        self.path = VECTORS + path
        self.suite = suite
        self.at, self.marks = [], []  # where each frame stands, and the first bytes of its digest
        with open(self.path) as file:
            self._to(file, '"frames": [')
            while True:
                place = file.tell()
                line = file.readline()
                if line[0] == "]":
                    break
                self.at.append(place)
                self.marks.append(self._mark(*json.loads(line.strip().rstrip(","))))
        self.file = open(self.path)

    def _to(self, file, start):
        while True:
            line = file.readline()
            assert line, start
            if line.startswith(start):
                return line[len(start) :].strip().rstrip(",")

    def _mark(self, topic, payload):
        return self.suite.h(2, b"", b"", b"", topic.encode(), payload.encode())

    def frame(self, index):
        self.file.seek(self.at[index])
        topic, payload = json.loads(self.file.readline().strip().rstrip(","))
        return topic, unhexlify(payload)

    def number(self, topic, payload):
        """The number of a frame; -1 when it is not among the recorded ones."""
        mark = self._mark(topic, hexed(payload))
        for index in range(len(self.at)):
            if self.marks[index] == mark and self.frame(index) == (topic, payload):
                return index
        return -1

    def uids(self):
        with open(self.path) as file:
            return json.loads(self._to(file, '"uids": '))

    def replay(self, uid):
        """One member's part; raises AssertionError where it differs. -> names of the states that it began with."""
        states = []
        with open(self.path) as file:
            settings = json.loads(self._to(file, '"%s": {"settings": ' % uid))
            self._to(file, '"steps": [')
            member = Member(self.suite, settings, self.number, self.frame)
            while True:
                line = file.readline()
                if line[0] == "]":
                    return states
                (given, expected, state) = json.loads(line.strip().rstrip(","))
                where = (self.path, uid, given)
                if given[1] == "boot":
                    states.append(given[3])
                    self._boot(member, given, expected, state, where)
                    continue
                out = member.told(self.entered(member, given))
                assert out == expected, where + (expected, out)
                if state and ORDERED:
                    assert digest(self.suite, member.stored) == state, where

    def boots(self, uid):
        """Take up each state that one member began with, and start. -> their names."""
        states = []
        with open(self.path) as file:
            settings = json.loads(self._to(file, '"%s": {"settings": ' % uid))
            self._to(file, '"steps": [')
            while True:
                line = file.readline()
                if line[0] == "]":
                    return states
                (given, expected, state) = json.loads(line.strip().rstrip(","))
                if given[1] != "boot":
                    continue
                states.append(given[3])
                member = Member(self.suite, settings, self.number, self.frame)
                says, _ = member.boot(given[2], unhexlify(state) if state else None)
                assert says == expected, (uid, given, expected, says)
                assert member.enter(given[0], "start")[0][0] == "store"  # in today's format

    def entered(self, member, given):
        """The effects of an input."""
        return member.enter(*given)

    def _boot(self, member, given, expected, state, where):
        state = unhexlify(state) if state else None
        if member.stored is not None and ORDERED:
            assert member.stored == state, where
        says, again = member.boot(given[2], state)
        assert says == expected, where + (expected, says)
        if state and len(state) > 33 and ORDERED:
            # format, the seed, which serves once, the key of a journal, and the rest, unless a journal follows
            key, journal = state[49:51], len(given) > 4 and given[4]
            if journal:
                read, key = member.boot(given[2], again)[1], b""
                member.boot(given[2], state)
                state = read
            assert again[:1] == state[:1] and again[33:49] == state[33:49] and not any(again[49:51]), where
            assert again[51:] == state[51 + int.from_bytes(key, "big") :], where
