"""Which functions take the interpreter's share of a message: bytecodes that CPython carries out in each, for one call.

    python tests/benchmarks/steps.py note receive --unsigned

Cryptography is one call here and one on a board. MicroPython's bytecodes are others, but about as many: who is first
here is first there. `rv32imc.*.instructions` in build/bench.json say what the whole call takes on a board.
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if __name__ == "__main__":
    folders = ("shared", "tests", "tests/support", "tests/native", "host", "firmware")
    sys.path[:0] = [str(ROOT / folder) for folder in folders]

from benchmarks.protocol import BODY, complete_group  # noqa: E402


def counted(call):
    """-> Counter of bytecodes by function, of our own files alone."""
    steps = Counter()

    def trace(frame, event, _):
        code = frame.f_code
        if "sealcast" not in code.co_filename:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            steps["%s.%s" % (Path(code.co_filename).stem, code.co_qualname)] += 1
        return trace

    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(None)
    return steps


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mode", choices=("note", "conversation"))
    parser.add_argument("what", choices=("send", "receive"))
    parser.add_argument("--unsigned", action="store_true", help="in a channel that does not sign")
    parser.add_argument("--members", type=int, default=2, help="of the channel (default: %(default)d)")
    args = parser.parse_args()
    group = complete_group(args.members, sign=not args.unsigned)
    sender = 0 if args.what == "send" else 1
    for _ in range(2):
        group.call(sender, "send", BODY, args.mode)
        group.run(3000)
    total, call = Counter(), group.call

    def traced(i, method, *arguments, **more):
        receives = method == "receive" and arguments[0].split("/")[4] == args.mode[0]
        if i or not (method == "send" if args.what == "send" else receives):
            return call(i, method, *arguments, **more)
        total.update(counted(lambda: call(i, method, *arguments, **more)))

    group.call = traced
    group.call(sender, "send", BODY, args.mode)
    group.run(1000)
    for name, steps in total.most_common(40):
        print("%6d  %s" % (steps, name))
    print("%6d  in all" % sum(total.values()))


if __name__ == "__main__":
    main()
