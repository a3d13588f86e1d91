"""Which functions take the instructions of a message on an emulated ESP32-C3.

    python tests/benchmarks/functions.py note receive --unsigned

A line a function: instructions, calls, allocations of more than a block of the heap, calls whose locals lay on the
heap. Such an allocation searches the heap from its first hole on: in a full one that is most of what a message costs.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if __name__ == "__main__":
    sys.path[:1] = [str(ROOT / folder) for folder in ("shared", "tests", "tests/support", "tests/native", "host")]

from benchmarks.protocol import BODY, complete_group, replaying  # noqa: E402
from benchmarks.ratchet import ratcheting  # noqa: E402


def steps_of(mode, what, members, sign):
    """-> the group, (its steps before, the step to look at). The third message is looked at."""
    group = ratcheting(members) if mode == "ratchet" else complete_group(members, sign=sign)
    me = group.recorded
    sender = me if what == "send" else 1 - me
    for _ in range(3):
        done = len(group.steps)
        group.call(sender, "send", BODY, mode)
        group.run(3000)
    return group, done


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mode", choices=("note", "conversation", "ratchet"))
    parser.add_argument("what", choices=("send", "receive"))
    parser.add_argument("--unsigned", action="store_true", help="in a channel that does not sign")
    parser.add_argument("--members", type=int, default=2, help="of the channel (default: %(default)d)")
    args = parser.parse_args()
    group, done = steps_of(args.mode, args.what, args.members, not args.unsigned)
    with replaying() as replay:
        replay.new(group)
        for step in group.steps[:done]:
            replay.step(step)
        replay.profile()
        for step in group.steps[done:]:
            count = replay.step(step)
            print("%9d  %s %s" % (count, step.method, step.stream() or ""))
            shares = sorted(replay.profile(), key=lambda share: -share[3])
            for file, name, calls, instructions, allocations, frames in shares:
                if instructions > 1000 and not file.startswith("replay"):
                    print("%9d %5d %5d %5d  %s:%s" % (instructions, calls, allocations, frames, file[:-3], name))
            print("%9d       %5d        in all" % tuple(sum(share[i] for share in shares) for i in (3, 4)))


if __name__ == "__main__":
    main()
