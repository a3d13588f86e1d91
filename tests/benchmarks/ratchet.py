"""What a message of the ratcheting group costs in groups of 2 to 20: multiplications, bytes, instructions, heap."""
from types import SimpleNamespace

from benchmarks.group import Group, settings
from benchmarks.protocol import BODY, missing, replaying
from sealcast.crypto import host as suite_host
from sealcast.crypto import soft_frames

__all__ = ("measure", "missing")
SIZES = [2, 4, 8, 16, 20]
MESSAGES = 8  # each way: a collection of the heap falls into some, and is all of them's


class Counted(Group):
    """A group whose members' scalar multiplications are counted, each member's apart."""

    def __init__(self, n, recorded):
        self.multiplications, self._now = [0] * n, 0
        suite = SimpleNamespace(**{name: getattr(suite_host, name) for name in dir(suite_host) if name[0] != "_"})
        for name in ("x25519", "x25519_base"):
            setattr(suite, name, self._counting(getattr(suite_host, name)))
        soft_frames.install(suite)  # the higher calls, composed of what is counted
        super().__init__(n, recorded, suite=suite)

    def _counting(self, function):
        def counted(*args):
            self.multiplications[self._now] += 1
            return function(*args)

        return counted

    def call(self, i, method, *arguments, last=()):
        before, self._now = self._now, i
        super().call(i, method, *arguments, last=last)
        self._now = before

    def until(self, what, condition):
        for _ in range(200):
            if condition():
                return
            self.run(500)
        raise SystemExit("a group of %d: %s never came" % (len(self.channels), what))

    def live(self):
        states = [channel.group_summary() for channel in self.channels]
        return all(s and s["phase"] == "live" and len(s["members"]) == len(self.channels) for s in states)


def ratcheting(n):
    """Members 0 to n - 1 in one ratcheting group, made by member 0; member 1 is recorded."""
    group = Counted(n, recorded=1)
    for i in range(n):
        group.switch_on(i)
    group.until("an epoch", lambda: all(c.epoch and len(c.members) == n for c in group.channels))
    group.call(0, "change_group", "create", [settings(i)["uid"] for i in range(1, n)])
    group.until("the group", group.live)
    group.run(2000)
    return group


def measure(put):
    for n in SIZES:
        with replaying() as replay:  # a board of its own: what groups before it left of a heap costs up to 6 %
            _message(put, replay, n)


def _message(put, replay, n):
    group = ratcheting(n)
    for _ in range(2):  # the first time brings the code
        replay.new(group)
        _play(replay, group, 0)
    done = len(group.steps)
    counted = {"send": 0, "receive": 0}
    for sender, what in ((1, "send"), (0, "receive")) * MESSAGES:
        epoch = group.channels[1].group.state.epoch
        group.multiplications[:] = [0] * n
        sent = len(group.published)
        group.call(sender, "send", BODY, "ratchet")
        group.until("the message", lambda e=epoch: all(c.group.state.epoch > e for c in group.channels))
        live = [payload for topic, payload in group.published[sent:] if topic.endswith("/g")]
        if len(live) != 1:
            raise SystemExit("a message took %d publishes" % len(live))
        counted[what] += _play(replay, group, done)
        done = len(group.steps)
        put("protocol.ratchet_%d.%s.multiplications" % (n, what), group.multiplications[1])
        put("protocol.ratchet_%d.bytes" % n, len(live[0]))
    for what, count in counted.items():
        put("rv32imc.ratchet_%d.%s.instructions" % (n, what), count // MESSAGES)
    put("rv32imc.ratchet_%d.heap_bytes" % n, replay.heap_bytes)
    put("rv32imc.ratchet_%d.group.heap_bytes" % n, replay.drop("group"))


def _play(replay, group, done):
    return sum(replay.step(step) for step in group.steps[done:])

