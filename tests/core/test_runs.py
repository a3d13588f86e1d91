"""Whole runs of the protocol, byte for byte: tests/vectors/runs.json, by the rule that stands in it. One member a test.

The file has one frame or step a line and is read like that: all of it at once is too much beside a channel in 160 KB.
"""

import binascii  # by its name: a board has others for what is ours, which may be these
import json
import sys

from check import VECTORS
from sealcast.channel import Channel
from sealcast.wire import unb64
from solo import suite


class Lines:
    """The file's lines as values, with a place to come back to."""

    def __init__(self):
        self.file = open(VECTORS + "runs.json")

    def to(self, start):
        """Go on to the line that begins with `start`; -> what follows it."""
        while True:
            line = self.file.readline()
            assert line, start
            if line.startswith(start):
                return line[len(start) :].strip().rstrip(",")

    def items(self):
        """The values of the list that begins here."""
        while True:
            line = self.file.readline()
            if line[0] == "]":
                return
            yield json.loads(line.strip().rstrip(","))


class Frames:
    """[topic, payload in hex] by number, and the other way round."""

    def __init__(self):
        self.lines = Lines()
        self.lines.to('"frames": [')
        self.begin = self.lines.file.tell()
        self.at = []
        place = self.begin
        for _ in self.lines.items():
            self.at.append(place)
            place = self.lines.file.tell()

    def get(self, number):
        self.lines.file.seek(self.at[number])
        topic, payload = json.loads(self.lines.file.readline().strip().rstrip(","))
        return topic, binascii.unhexlify(payload)

    def find(self, topic, payload):
        """The number of a frame; -1 when it is not among the recorded ones."""
        for number in range(len(self.at)):
            if self.get(number) == (topic, payload):
                return number
        return -1


def suites():
    """Every suite that is here; beside the soft one and a channel a board's heap has no room."""
    out = [suite]
    if sys.implementation.name == "cpython":
        from sealcast.crypto import soft as suite_soft

        out.append(suite_soft)
    return out


def member(uid):
    """Replay one member's inputs; everything it says must be as recorded."""
    for s in suites():
        replay(uid, s)


def replay(uid, suite):
    frames = Frames()
    lines = Lines()
    config = json.loads(lines.to('"settings": '))
    lines.to('"%s": {' % uid)
    config["uid"] = uid
    config["key"] = unb64(json.loads(lines.to('"key": ')))
    config["identity"] = unb64(json.loads(lines.to('"identity": ')))
    lines.to('"steps": [')
    count = [0]

    def hardware(n):
        count[0] += 1
        return suite.h(n, b"", b"", b"sc/vector", uid.encode() + count[0].to_bytes(4, "big"))

    ch = Channel(suite, config, None, hardware)
    steps = 0
    for given, expected in lines.items():
        out = []
        for e in enter(ch, frames, given[0], given[1], given[2:]):
            compare(ch, frames, e, out)
        assert out == expected, (uid, steps, given, expected, out)
        steps += 1
    assert steps > 20


def enter(ch, frames, now, method, args):
    if method == "receive":
        topic, payload = frames.get(args[0])
        return ch.receive(topic, payload, now)
    if method == "send":
        return ch.send(binascii.unhexlify(args[0]), args[1], now, args[2])
    return getattr(ch, method)(*(list(args) + [now]))


def compare(ch, frames, e, out):
    if e[0] == "publish":
        out.append(["p", frames.find(e[1], bytes(e[2])), int(e[3]), e[5]])
    elif e[0] == "subscribe":
        out.append(["s", e[1]])
    elif e[0] == "message":
        m = e[1]
        ch.taken(m)
        out.append(["m", m.sender, m.body.hex(), m.secrecy, m.origin, m.time, m.seq, int(m.historic)])
    elif e[0] == "event" and e[1] == "rekeyed":
        out.append(["e", e[2]["epoch"]])


def test_anna_as_recorded():
    member("anna")


def test_bert_as_recorded():
    member("bert")


def test_cleo_as_recorded():
    member("cleo")
