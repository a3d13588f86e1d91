"""What receipts cost a board: one for a message, one for eight at once, and hearing one, signed and in the group."""

from benchmarks.protocol import BODY, missing, replaying
from benchmarks.ratchet import ratcheting

__all__ = ("measure", "missing")
AT_ONCE = 8
ASKING = (0, None, None, True)  # the last arguments of send(): for a receipt


def measure(put):
    with replaying() as replay:
        _receipts(put, replay)


def _receipts(put, replay):
    """The other member of a group of two asks the board, and the board asks it."""
    group = ratcheting(2)
    replay.new(group)
    done = [0]

    def costs(fits):
        """What each of the new steps that fit took."""
        counts = [(step, replay.step(step)) for step in group.steps[done[0] :]]
        done[0] = len(group.steps)
        return [count for step, count in counts if fits(step)]

    costs(lambda step: True)
    for mode, name in (("note", "signed"), ("ratchet", "group")):
        for messages, what in ((1, "say"), (1, "say"), (AT_ONCE, "say_%d" % AT_ONCE)):  # the first also loads the code
            for _ in range(messages):
                group.call(0, "send", BODY, mode, last=ASKING)
            group.run(3000)
            put("rv32imc.receipt.%s_%s.instructions" % (what, name), sum(costs(lambda step: "r" in step.streams_out())))
        for _ in range(2):
            group.call(1, "send", BODY, mode, last=ASKING)
            group.run(3000)
            put("rv32imc.receipt.hear_%s.instructions" % name, costs(lambda step: step.stream() == "r")[-1])
        payloads = [payload for topic, payload in group.published if topic.endswith("/r")]
        put("protocol.receipt_%s.bytes" % name, len(payloads[-1]))
