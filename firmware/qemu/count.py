#!/usr/bin/env python3
"""Counts the instructions of C calls on an emulated core:

    count.py rv32imac field.c curve.c -i curve.h 'x25519: x25519(a, b, c)' 'map: refill(d, 64) | ristretto_map(a, d)'

An operation is NAME: COUNTED, or NAME: PREPARED | COUNTED (both are C statements). Buffers a, b, c (256 bytes), d, e
(4 KB), f (2 MB) are at hand; a to d hold pseudo-random bytes. show("label", buffer, size) prints bytes. Compiler flags
follow after --.
"""
import argparse
import sys

import baremetal


def main():
    own, _, flags = "\0".join(sys.argv[1:]).partition("\0--\0")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("arch", choices=sorted(baremetal.ARCHES) + ["all"])
    parser.add_argument("items", nargs="+", metavar="SOURCE or OPERATION")
    parser.add_argument("-i", "--include", action="append", default=[], help="header that declares the operations")
    parser.add_argument("-r", "--runs", type=int, default=1,
                        help="runs, each on other random bytes: constant-time code shows one count")
    args = parser.parse_intermixed_args(own.split("\0"))
    sources = [item for item in args.items if item.endswith((".c", ".S", ".s")) and ":" not in item]
    ops = []
    for item in args.items:
        if item not in sources:
            name, _, code = item.partition(":")
            prepare, bar, run = code.partition(" | ")
            ops.append((name.strip(), prepare if bar else "", run if bar else code))
    flags = baremetal.DEFAULT_FLAGS + flags.split("\0") if flags else None
    arches = ["rv32imac", "armv7m", "armv6m", "armv7emsp", "cortex-m33"] if args.arch == "all" else [args.arch]
    for arch in arches:
        counts, text, out = baremetal.count(arch, sources, ops, flags, args.include, args.runs)
        for line in out.splitlines():
            if not line.startswith("count "):
                print(line)
        for name, runs in counts.items():
            spread = "" if min(runs) == max(runs) else "   VARIES: %d .. %d" % (min(runs), max(runs))
            print("%-10s %-24s %12s%s" % (arch, name, format(runs[0], ","), spread))
        print("%-10s %-24s %12s" % (arch, "text+rodata bytes", format(text, ",")))


if __name__ == "__main__":
    try:
        main()
    except RuntimeError as error:
        sys.exit(str(error))
