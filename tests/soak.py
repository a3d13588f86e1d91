"""Whole channels and groups behind a lying broker, with power cuts, for as long as is wanted; then a report.

    make soak ARGS="--minutes 60 --seed 1"        or  python tests/soak.py; more in docs/RELIABILITY.md

Every story is a world of tests/sim: real Channels on simulated storage, links and a broker that drops, delays, repeats
and reorders. All of the simulator's rules are checked at every step, and at each story's end that what was sent came,
once, or was reported. A story that breaks a rule is counted by what it broke, named by its seed, and the run goes on.
The report is written after every story, so that a run that is stopped has one, too.
"""

import argparse
import json
import platform
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT / "shared"), str(ROOT / "tests")]

from sim.group_schedule import GroupStory  # noqa: E402
from sim.recorder import Broken  # noqa: E402
from sim.schedule import Story  # noqa: E402

REPORT = ROOT / "build" / "soak.json"
# what a story that fails broke, by the words of the rule
BROKEN = (("losses_unnoticed", ("is missing", "still wait")), ("doubles", ("delivered twice",)))


class Soak:
    """The sum of all stories so far."""

    def __init__(self, seed):
        self.report = {
            "seed": seed, "stories": 0, "messages": 0, "marked_again": 0, "gaps_reported": 0, "power_cuts": 0,
            "losses_unnoticed": 0, "doubles": 0, "crashes": 0, "other_rules_broken": 0, "failed": [], "seconds": 0,
            "machine": "%s, Python %s" % (platform.machine(), platform.python_version()),
        }  # fmt: skip

    def tell(self, kind, seed):
        """One story, kind "channel" or "group"."""
        r = self.report
        story = (GroupStory if kind == "group" else Story)(seed)
        try:
            story.run()
        except Exception as e:
            what = "crashes"
            if isinstance(e, (Broken, AssertionError)):
                what = next((name for name, words in BROKEN if any(w in str(e) for w in words)), "other_rules_broken")
            r[what] += 1
            r["failed"].append({"story": kind, "seed": seed, "what": "%s: %s" % (type(e).__name__, e)})
        c = story.world.checks
        r["stories"] += 1
        r["messages"] += c.notes + c.talks + (c.counts.get("delivered", 0) if kind == "group" else 0)
        r["marked_again"] += c.again
        r["gaps_reported"] += c.gap_count
        r["power_cuts"] += story.world.cuts

    @property
    def clean(self):
        return not self.report["failed"]


def main(arguments=None, report=REPORT):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1_000_000, help="of the first story; each next one has the next")
    parser.add_argument("--minutes", type=float, default=60, help="stop after so long (default: %(default)g)")
    parser.add_argument("--messages", type=int, default=1_000_000, help="or after so many (default: %(default)d)")
    args = parser.parse_args(arguments)
    soak, begin, seed = Soak(args.seed), time.monotonic(), args.seed
    report.parent.mkdir(exist_ok=True)
    while soak.report["messages"] < args.messages and soak.report["seconds"] < args.minutes * 60:
        soak.tell("channel" if seed % 2 else "group", seed)
        seed += 1
        soak.report["seconds"] = round(time.monotonic() - begin)
        report.write_text(json.dumps(soak.report, indent=1) + "\n")
        if soak.report["stories"] % 100 == 0:
            print(line(soak.report), flush=True)
    print(line(soak.report))
    return 0 if soak.clean else 1


def line(r):
    return "%(stories)d stories, %(messages)d messages, %(power_cuts)d power cuts: %(losses_unnoticed)d losses unnoticed, " \
           "%(doubles)d doubles, %(crashes)d crashes, %(other_rules_broken)d other rules broken; %(seconds)d s" % r  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
