"""Everything that is measured, written to build/bench.json (flat, stable dotted keys) and docs/PERFORMANCE.md:

    make bench         or  python tests/bench.py [part ...]
    parts: cores sizes x64 board frames protocol ratchet receipts day duty node stock xip assurance computer api flash

A part whose tools are missing is left out and named. To add a figure, add it to a part's measure(), which is given a
function put(key, value); to add a part, a module in tests/benchmarks and its name in PARTS.

Keys: <arch>.<operation>.instructions   exact counts under QEMU's -icount, code and flags of the shipped module
      <arch>.<module>.text_bytes        code and constants in the prebuilt .mpy
      <arch>.import.*                   heap of an emulated board before and after importing
      x64.<operation>.nanoseconds       and .ratio_to_libsodium, .ratio_to_libsodium_portable: both timed in turn,
                                        in one run
      rv32imc.<call>.*                  a higher call of the suite from Python, and composed of primitives (.composed.)
      rv32imc.<protocol step>.*         the core on an emulated board, replaying a recorded group
      rv32imc.node*.*                   heap of the whole node on an emulated board in a group that talks: in ROMFS,
                                        in ROMFS without the ratchet, in the firmware; rv32imc.share.*: what its parts
                                        take when they are imported
      rv32imc.ratchet_<n>.*, protocol.ratchet_<n>.*   one message of a ratcheting group of n
      rv32imc.receipt.*                 saying receipts for one message and for eight at once, hearing one: signed, and
                                        in the group
      rv32imc.flash_bytes_per_message.<mode>.<sent|received>.<one_a_minute|ten_a_second>, rv32imc.flash_years.*
                                        what littlefs writes for one member's state, keepalives and new epochs
                                        included, and how long a partition of 2 MB lasts: see
                                        tests/benchmarks/flash.py
      x64.day.*, rv32imc.hour.*         heap after 10,000 messages (unix port) and 420 (board), largest allocation
      rv32imc.duty.*                    a deep sleeper from wake to sleep
      rv32imc.stock.*                   heap of modules from files on stock firmware: what stays, and each rare part
      <esp32|esp32c3>.*                 the node over Wi-Fi on that chip's memory: start, channel of eight, group of
                                        eight
      rv32imc.xip.*                     heap that all modules of the node take, from files and out of flash
                                        (`sealcast flash --xip`)
      assurance.model_states            states that the formal models of `make test` explored, all with their properties
      assurance.stories                 lives of whole channels and groups that the simulators of `make test` play,
                                        from a seed
      assurance.mutants_total, _killed  changed cores of `make test`, and those of them that were found out
      assurance.insider_frames          frames of an insider that `make test` plays: rightly keyed and signed, fields at
                                        their edges
      x64.send_command.*                `sealcast send` as a process, from start to end: beside an agent (seconds:
                                        median; the others: best), alone, and fifty at once (agent_fifty: their
                                        interpreters' start included)
      x64.agent.fifty_sends_seconds     fifty programs attach to an agent at once, send one message each, detach
      x64.api.<mode>.<where>.*          messages a second through the API, a process each for sender, hearer and broker,
                                        14 under way: note | conversation | ratchet, and plain: QoS 1 over the same
                                        client library in the same run; ratio_to_plain. disk | tmpfs: where members keep
                                        their state (mosquitto); embedded: our broker, state on disk
      x64.api.<mode>.fsyncs_per_message flushes (fsync, fdatasync) of the sender on disk; x64.fsyncs_per_message:
                                        conversation messages, 62 under way (a ring of 64)
      x64.api.<mode>.cpu_microseconds   of the sender's processor for each (state on tmpfs)
      protocol.*                        bytes and messages, the same on every machine
"""

import importlib
import json
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
FOLDERS = (HERE, *(HERE / name for name in ("native", "support", "support/core")),
           *(HERE.parent / name for name in ("shared", "host", "firmware")))  # fmt: skip
sys.path[:0] = [str(folder) for folder in FOLDERS]
PARTS = ["cores", "sizes", "x64", "board", "frames", "protocol", "ratchet", "receipts", "day", "duty", "node", "stock",
         "xip", "assurance", "computer", "api", "flash"]


def main(wanted):
    path = HERE.parent / "build" / "bench.json"
    figures, failed = json.loads(path.read_text()) if wanted and path.exists() else {}, []
    for name in wanted or PARTS:
        if name not in PARTS:
            sys.exit("no such part: %s (there are: %s)" % (name, " ".join(PARTS)))
        part, start, before = importlib.import_module("benchmarks." + name), time.monotonic(), len(figures)
        absent = part.missing()
        if absent:
            print("%-10s left out: %s not installed" % (name, ", ".join(absent)))
            continue
        print("%-10s %s ..." % (name, part.__doc__.splitlines()[0].rstrip(".")), end=" ", flush=True)
        try:
            part.measure(figures.__setitem__)
        except (Exception, SystemExit) as e:
            failed.append(name)
            print("failed: %s: %s" % (type(e).__name__, e), end=" ")
        print("%d figures, %.0f s" % (len(figures) - before, time.monotonic() - start))
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(dict(sorted(figures.items())), indent=1) + "\n")
    page, written = importlib.import_module("benchmarks.page"), [path]
    if wanted and not page.whole(figures):
        print("docs/PERFORMANCE.md stays as it is: build/bench.json does not have all of its figures (make bench)")
    else:
        written += page.write(figures, HERE.parent / "docs")
    print("wrote " + ", ".join(str(p.relative_to(HERE.parent)) for p in written))
    if failed:
        sys.exit("failed: " + " ".join(failed))


if __name__ == "__main__":
    main(sys.argv[1:])
