"""Whole channels and groups behind a lying broker, with power cuts, for as long as is wanted; then a report.

    make soak ARGS="--minutes 60 --seed 1"        or  python tests/soak.py; more in docs/RELIABILITY.md

Every story is a world of tests/sim: real Channels on simulated storage, links and a broker that drops, delays, repeats
and reorders. All of the simulator's rules are checked at every step, and at each story's end that what was sent came,
once, or was reported. A story that breaks a rule is counted by what it broke, named by its seed, and the run goes on.
The report is written after every story, so that a run that is stopped has one, too.

Several processes tell the stories, and their figures are added in the order of the seeds: what a run reports depends
on its first seed and on where it stops, and not on how many they are.
"""

import argparse
import json
import os
import platform
import signal
import sys
import time
from itertools import count
from multiprocessing import get_context
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT / folder) for folder in ("shared", "tests", "tests/support", "tests/support/core")]

from sim.group_schedule import GroupStory  # noqa: E402
from sim.lying import LyingStory  # noqa: E402
from sim.recorder import Broken  # noqa: E402
from sim.schedule import Story  # noqa: E402

REPORT = ROOT / "build" / "soak.json"
STORIES = {"channel": Story, "group": GroupStory, "lying": LyingStory}  # in turn
# what a story that fails broke, by the words of the rule
BROKEN = (("losses_unnoticed", ("is missing", "still wait")), ("doubles", ("delivered twice",)))


def kind_of(seed):
    return list(STORIES)[seed % len(STORIES)]


def tell(seed):
    """One story -> its figures, named as in the report."""
    kind, broke = kind_of(seed), {}
    story = STORIES[kind](seed)
    try:
        story.run()
    except Exception as e:
        what = "crashes"
        if isinstance(e, (Broken, AssertionError)):
            what = next((name for name, words in BROKEN if any(w in str(e) for w in words)), "other_rules_broken")
        broke = failure(seed, what, "%s: %s" % (type(e).__name__, e))
    c = story.world.checks
    return {
        "messages": c.notes + c.talks + c.counts.get("delivered", 0), "marked_again": c.again,
        "gaps_reported": c.gap_count, "power_cuts": story.world.cuts,
        "restored_and_hidden": c.counts.get("twins", 0), **broke,
    }  # fmt: skip


def failure(seed, what, text):
    return {what: 1, "failed": [{"story": kind_of(seed), "seed": seed, "what": text}]}


class Soak:
    """The sum of all stories so far."""

    def __init__(self, seed):
        self.report = {
            "seed": seed, "stories": 0, "messages": 0, "marked_again": 0, "gaps_reported": 0, "power_cuts": 0,
            "losses_unnoticed": 0, "restored_and_hidden": 0, "doubles": 0, "crashes": 0, "other_rules_broken": 0,
            "failed": [], "seconds": 0,
            "machine": "%s, Python %s" % (platform.machine(), platform.python_version()),
        }  # fmt: skip

    def add(self, figures):
        self.report["stories"] += 1
        for name, value in figures.items():
            self.report[name] += value

    @property
    def clean(self):
        return not self.report["failed"]


# --- the processes


class Teller:
    """A process that tells every `step`th story from `seed` on; the pipe bounds how far ahead of the report it gets."""

    def __init__(self, seed, step):
        spawn = get_context("spawn")  # and nothing of ours is open in it: with us it ends
        self.figures, theirs = spawn.Pipe(duplex=False)
        self.process = spawn.Process(target=tell_on, args=(theirs, seed, step), daemon=True)
        self.process.start()
        theirs.close()

    def end(self):
        self.process.kill()
        self.process.join()
        self.figures.close()


def tell_on(pipe, seed, step):
    try:
        for one in count(seed, step):
            pipe.send(tell(one))
    except BrokenPipeError:
        pass


class Tellers:
    """Figures of all stories from `seed` on, in their order. Ctrl-C is for us alone: it sets `stopped`."""

    def __init__(self, seed, jobs):
        self.seed, self.jobs, self.stopped = seed, jobs, False

    def stop(self, *_):
        self.stopped = True

    def __enter__(self):
        # The tellers inherit that they ignore both.
        self.former = [(s, signal.signal(s, signal.SIG_IGN)) for s in (signal.SIGINT, signal.SIGTERM)]
        self.tellers = [Teller(self.seed + i, self.jobs) for i in range(self.jobs)]
        for s, _ in self.former:
            signal.signal(s, self.stop)
        return self

    def __exit__(self, *_):
        for teller in self.tellers:
            teller.end()
        for s, former in self.former:
            signal.signal(s, former)

    def __iter__(self):
        for seed in count(self.seed):
            at = (seed - self.seed) % self.jobs
            try:
                yield self.tellers[at].figures.recv()
            except EOFError:
                self.tellers[at].end()
                self.tellers[at] = Teller(seed + self.jobs, self.jobs)
                yield failure(seed, "crashes", "the process that told it ended")


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1_000_000, help="of the first story; each next one has the next")
    parser.add_argument("--minutes", type=float, default=60, help="stop after so long (default: %(default)g)")
    parser.add_argument("--messages", type=int, default=1_000_000, help="or after so many (default: %(default)d)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes (default: %(default)d, the cores)")
    parser.add_argument("--report", type=Path, default=REPORT, help="file that it goes to (default: build/soak.json)")
    args = parser.parse_args(arguments)
    if args.jobs < 1:
        parser.error("--jobs must be 1 or more")
    soak, begin = Soak(args.seed), time.monotonic()
    r = soak.report
    args.report.parent.mkdir(exist_ok=True)
    with Tellers(args.seed, args.jobs) as tellers:
        for figures in tellers:
            soak.add(figures)
            r["seconds"] = round(time.monotonic() - begin)
            args.report.write_text(json.dumps(r, indent=1) + "\n")
            if r["stories"] % 100 == 1:
                print(line(r), flush=True)
            if tellers.stopped or r["messages"] >= args.messages or r["seconds"] >= args.minutes * 60:
                break
    print(line(r))
    return 0 if soak.clean else 1


def line(r):
    return (
        "%(stories)d stories, %(messages)d messages, %(power_cuts)d power cuts: %(losses_unnoticed)d losses unnoticed, "
        "%(doubles)d doubles, %(crashes)d crashes, %(other_rules_broken)d other rules broken; %(seconds)d s"
    ) % r


if __name__ == "__main__":
    sys.exit(main())
