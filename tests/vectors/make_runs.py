"""Writes runs.json: whole protocol runs, byte for byte. `python
tests/vectors/make_runs.py` (no argument: writes; --check: compares).

The rule by which they are verified stands in the file itself. Made with libsodium; tests/core/test_runs.py replays them
with the soft and the host suite on CPython, and with the soft suite on MicroPython.
"""

import json
import sys
from pathlib import Path

if __name__ == "__main__":
    ROOT = Path(__file__).resolve().parents[2]
    sys.path[:0] = [str(ROOT / "shared"), str(ROOT / "tests")]

from sealcast.channel import Channel
from sealcast.wire import b64
from sim import sodium
from sim.broker import patterns

HERE = Path(__file__).resolve().parent
RULE = (
    "A member is a function of its inputs. Build a Channel from `settings`, the member's uid (its name in `members`), "
    "key and identity, without stored state, with a source of randomness that returns, at its i-th call for n bytes, "
    "BLAKE2b(size n, no key, no salt, personalisation 'sc/vector', uid || i as 4 bytes, big endian), i from 1. Feed it "
    "`steps` in order: [now in ms, method, arguments...]; the argument of receive is an index into `frames` ([topic, "
    "payload in hex]), those of send are body in hex, mode and time. After each step what it publishes (['p', frame, "
    "retain 0 or 1, token]), subscribes to (['s', filter]), delivers (['m', sender, body in hex, secrecy, origin, "
    "time, seq, historic 0 or 1]) and reports as its epoch (['e', hex or null]) must be, in this order, the list that "
    "follows the step. Stores, wakes, connections and other events are not compared."
)
SETTINGS = {"channel": "greenhouse", "roster": None, "sign": True, "ring": 4, "keepalive": 30, "rekey_seconds": 3600,
            "rekey_messages": 1000, "history": "all", "ratchet": False}  # fmt: skip


def source(uid):
    count = [0]

    def hardware(n):
        count[0] += 1
        return sodium.h(n, b"", b"", b"sc/vector", uid.encode() + count[0].to_bytes(4, "big"))

    return hardware


class Run:
    """Members and an orderly broker; notes every input and what came of it."""

    def __init__(self):
        self.now = 1000
        self.frames = []
        self.numbers = {}
        self.members = {}
        self.channels = {}
        self.filters = {}
        self.wakes = {}
        self.retained = {}
        self.queue = []

    def add(self, uid):
        key, identity = bytes(range(32)), sodium.h(32, b"", b"", b"identity", uid.encode())
        config = dict(SETTINGS, uid=uid, key=key, identity=identity)
        self.members[uid] = {"key": b64(key), "identity": b64(identity), "steps": []}
        self.channels[uid] = Channel(sodium, config, None, source(uid))
        self.filters[uid] = []
        for method in ("start", "connecting", "connected"):
            self.do(uid, method)

    def do(self, uid, method, *args):
        """Enter a channel, as the step says it."""
        effects = step(self.channels[uid], self.frames, self.now, method, *args)
        out = []
        for e in effects:
            told = tell(e, self.number)
            if told:
                out.append(told)
            if e[0] == "publish":
                if e[3]:
                    self.retained[e[1]] = e[2]
                for other, filters in self.filters.items():
                    if any(f in patterns(e[1]) for f in filters):
                        self.queue.append((other, "receive", self.number(e[1], e[2])))
                if e[5]:
                    self.queue.append((uid, "acked", e[5]))
            elif e[0] == "subscribe":
                self.filters[uid].append(e[1])
                for topic, payload in self.retained.items():
                    if e[1] in patterns(topic):
                        self.queue.append((uid, "receive", self.number(topic, payload)))
            elif e[0] == "wake":
                self.wakes[uid] = e[1]
            elif e[0] == "message":
                self.channels[uid].taken(e[1])
            elif e[0] == "disconnect":
                self.filters[uid] = []
        self.members[uid]["steps"].append([[self.now, method, *args], out])

    def number(self, topic, payload):
        if (topic, payload) not in self.numbers:
            self.numbers[(topic, payload)] = len(self.frames)
            self.frames.append([topic, payload.hex()])
        return self.numbers[(topic, payload)]

    def later(self, ms):
        end = self.now + ms
        while True:
            while self.queue:
                uid, method, arg = self.queue.pop(0)
                if self.filters[uid]:
                    self.do(uid, method, arg)
            due = [(at, uid) for uid, at in self.wakes.items() if at <= end and self.filters[uid]]
            if not due:
                self.now = end
                return
            at, uid = min(due)
            self.now = max(self.now, at)
            del self.wakes[uid]
            self.do(uid, "tick")


def step(ch, frames, now, method, *args):
    """One input of a member; the same words in every implementation of the rule."""
    if method == "receive":
        topic, payload = frames[args[0]]
        return ch.receive(topic, bytes.fromhex(payload), now)
    if method == "send":
        return ch.send(bytes.fromhex(args[0]), args[1], now, args[2])
    return getattr(ch, method)(*args, now)


def tell(effect, number):
    """An effect as the vectors have it; None for what is not compared."""
    kind = effect[0]
    if kind == "publish":
        return ["p", number(effect[1], bytes(effect[2])), int(effect[3]), effect[5]]
    if kind == "subscribe":
        return ["s", effect[1]]
    if kind == "message":
        m = effect[1]
        return ["m", m.sender, m.body.hex(), m.secrecy, m.origin, m.time, m.seq, int(m.historic)]
    if kind == "event" and effect[1] == "rekeyed":
        return ["e", effect[2]["epoch"]]
    return None


def run():
    r = Run()
    r.add("anna")
    r.later(200)
    r.do("anna", "send", b"alone with the retained ring".hex(), "note", 1700000000)
    r.later(500)
    r.add("bert")
    r.later(3000)  # two members: a handshake without sums
    assert r.channels["anna"].epoch == r.channels["bert"].epoch is not None
    r.do("bert", "send", b"hello".hex(), None, 0)
    r.do("anna", "send", (b"a long answer " * 20).hex(), "conversation", 1700000100)
    r.later(500)
    r.add("cleo")
    r.later(8000)  # three members: with sums
    epochs = {c.epoch for c in r.channels.values()}
    assert len(epochs) == 1 and None not in epochs
    for uid in r.channels:
        r.do(uid, "send", ("from " + uid).encode().hex(), None, 0)
    r.do("cleo", "send", b"kept".hex(), "note", 0)
    r.later(500)
    r.do("bert", "sleep", 600)
    r.later(500)
    r.do("cleo", "leave")
    r.later(32000)
    return {"rule": RULE, "settings": SETTINGS, "frames": r.frames, "members": r.members}


def text(data):
    """One frame, one step a line: differences can be read, and a board can read it line by line."""
    rule, settings = json.dumps(data["rule"]), json.dumps(data["settings"])
    frames = ",\n".join(json.dumps(f) for f in data["frames"])
    members = []
    for uid, m in data["members"].items():
        steps = ",\n".join(json.dumps(s) for s in m["steps"])
        members.append(
            '"%s": {\n"key": "%s",\n"identity": "%s",\n"steps": [\n%s\n]\n}' % (uid, m["key"], m["identity"], steps)
        )
    parts = (rule, settings, frames, ",\n".join(members))
    return '{\n"rule": %s,\n"settings": %s,\n"frames": [\n%s\n],\n"members": {\n%s\n}\n}\n' % parts


if __name__ == "__main__":
    path = HERE / "runs.json"
    made = text(run())
    if sys.argv[1:] == ["--check"]:
        sys.exit(
            0
            if path.read_text() == made
            else "runs.json is not what make_runs.py makes: run it again, and say why in the commit"
        )
    path.write_text(made)
