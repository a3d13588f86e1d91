"""Runs seeds: `python tests/sim/run.py --seed N --trace` replays one, `--seeds A B` runs a range and sums it up.

`--group` tells stories of the ratcheting group (group_schedule.py)
instead of joins, notes and handshakes (schedule.py), `--lying` those behind a broker that lies (lying.py).
"""

import argparse
import sys
import time
import traceback
from pathlib import Path

if __name__ == "__main__":
    ROOT = Path(__file__).resolve().parents[2]
    sys.path[:0] = [str(ROOT / folder) for folder in ("shared", "tests", "tests/support", "tests/support/core")]

from sim.group_schedule import GroupStory
from sim.lying import LyingStory
from sim.schedule import Story as ChannelStory


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, help="one seed")
    parser.add_argument("--trace", action="store_true", help="print every step")
    parser.add_argument(
        "--seeds", type=int, nargs=2, metavar=("FROM", "TO"), help="a range of seeds, the last not included"
    )
    parser.add_argument("--group", action="store_true", help="the ratcheting group")
    parser.add_argument("--lying", action="store_true", help="a broker that lies")
    args = parser.parse_args()
    Story = GroupStory if args.group else LyingStory if args.lying else ChannelStory
    if args.seed is not None:
        w = Story(args.seed, print if args.trace else None).run()
        print(summary(w))
        return 0
    failed, worst, most, counts, receipts = [], 0, 0, {}, 0
    begin = time.perf_counter()
    for seed in range(*args.seeds):
        t = time.perf_counter()
        try:
            w = Story(seed).run()
        except Exception as e:
            failed.append(seed)
            where = traceback.extract_tb(e.__traceback__)[-1]
            print(
                "seed %d: %s: %s (%s:%d)" % (seed, type(e).__name__, e, Path(where.filename).name, where.lineno),
                flush=True,
            )
            continue
        t = time.perf_counter() - t
        receipts += w.checks.asked.confirmed
        for what in w.checks.counts:
            counts[what] = counts.get(what, 0) + w.checks.counts[what]
        worst, most = max(worst, w.settle_ms), max(most, w.settle_messages / len(w.clients))
        if t > 5:
            print("seed %d took %.1f s (%d members)" % (seed, t, len(w.clients)), flush=True)
    took = time.perf_counter() - begin
    print("%d seeds, %d failed %s, %.0f s; slowest to settle %.1f s, most handshake messages a member %.1f"
          % (args.seeds[1] - args.seeds[0], len(failed), failed[:20], took, worst / 1000, most))  # fmt: skip
    print("%d receipts" % receipts)
    if counts:
        print(", ".join("%s %d" % (what, counts[what]) for what in sorted(counts)))
    return 1 if failed else 0


def summary(w):
    c = w.checks
    if w.ratchet:
        return "seed %d: %d members, %s; settled in %.1f s" % (w.seed, len(w.clients), c.counts, w.settle_ms / 1000)
    return (
        "seed %d: %d members, %d notes, %d conversation messages, %d historic, %d again, %d gaps, %d rekeys; "
        "settled in %.1f s"
    ) % (w.seed, len(w.clients), c.notes, c.talks, c.historic, c.again, c.gap_count, w.rekeys, w.settle_ms / 1000)


if __name__ == "__main__":
    sys.exit(main())
