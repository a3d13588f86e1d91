"""docs/PERFORMANCE.md and docs/performance.svg, drawn from the figures."""

from operations import OPERATIONS

from benchmarks.peers import LEAST, PEERS, TARGETS
from wrapped import wrapped

CORES = {
    "rv32imc": "RV32IMC (ESP32-C3)",
    "armv7m": "Cortex-M3",
    "armv7emsp": "Cortex-M4 (RP2350)",
    "armv6m": "Cortex-M0+ (RP2040)",
}
CHARTS = [
    "rv32imc.x25519.instructions",
    "rv32imc.ristretto_mul.instructions",
    "rv32imc.ristretto_map.instructions",
    "rv32imc.blake2b_64.instructions",
    "rv32imc.secretbox_256.instructions",
    "rv32imc.scrypt_n1024_r8.instructions",
    "armv7m.x25519.instructions",
    "armv7emsp.x25519.instructions",
    "armv6m.x25519.instructions",
]

_TOP = """# Performance

This page is written by `make bench` (tests/bench.py) from build/bench.json, whose keys stay the same from version to
version. Instruction counts are exact: QEMU's `-icount` makes its counters count instructions, whatever else the machine
does, and the code has the flags of the shipped modules. An ESP32-C3 runs about one instruction a cycle, at 160 MHz.

![Instructions of our native modules and of others](performance.svg)
"""
_NODE = """Heap bytes of a node that talks in a channel of eight (and, with the ratchet, in a group of eight as well)
over the serial link and a broker. DESIGN asks for 60 KB free of 138.5.

* `node`: installed as ROMFS, which MicroPython has from 1.25 on; `node_without_ratchet`: the same with
  `ratchet: false`. Both run on the heap of an ESP32-C3 (177 KB); `heap_free_of_138k` is what 138.5 KB would leave
  (negative: it does not fit).
* `node_in_firmware`: native modules, core and node in a firmware of one's own (docs/HARDWARE.md), on 138.5 KB; with the
  ratchet.
* `node_in_flash`: its bytecode in flash under stock firmware (`sealcast flash --xip`), on the heap of an ESP32-C3; with
  the ratchet.
* `share`: what the parts take when they are imported from ROMFS, the table of names included as it grows;
  `qstr_pools`: that table, which MicroPython doubles when it is full (17.8 KB from 1,261 names on).
* `largest_allocation`: the largest from the node's start on. The emulated board's allocator is wrapped
  (firmware/qemu/modules/qemu/watch.c) and refuses more than 4,096 bytes then: a larger one would have ended the run."""
_STOCK = """Bytes of MicroPython's heap after a collection, the interpreter's own 6 to 8 KB included, native modules
not. `esp32`, `esp32c3`: the node over Wi-Fi on that chip's memory (docs/HARDWARE.md); `start`: before anybody has
joined; `members`: how many it took; `with_rare`: while joining, `channel`: 65 s later; `group`: a ratcheting group of
all. `python`: the figures that there are limits for: in flash as measured, on the C3 where an ESP32 has no room; from
files, where neither chip has room for eight, what the node has at its start plus what channel and group added in flash.
`reserve_least`: least that was free for lwIP since the node was online; `largest_free_block`: of MicroPython's heap.

Where the kilobytes lie, and what was tried, with what each thing brought: docs/HARDWARE.md, "Where every kilobyte
lies". `rv32imc.stock.part` has what the parts of a node from files take when they are imported (`names`: the table of
names, which is in the others), `rare` what comes and goes."""
_XIP = """Heap that all modules of the node take when they are imported on an emulated board, native modules not
counted: from files, and out of an image in flash (`sealcast flash --xip`, docs/HARDWARE.md), its loader included."""
_DAY = """Two members in one heap: notes, conversation and ratchet messages in turn, keepalives and new epochs as in a
day. In use after a collection, at the end of each part: of a thousand messages on the unix port (words of 8 bytes,
native modules, 480 KB), of seventy on the emulated board (256 KB). It is flat when `most` is `last`. `gc.threshold`,
which boot.py and the node set, is part of it: without it half a day leaves no free block above 2 KB."""
_DUTY = """One waking of a node with `duty`, the median of five in a row: from its main program to sleep, over the
serial link to the bridge, where every byte passes the interpreter. Instructions without the time in which it waited;
bytes are topics and payloads; `exchanges`: what it asks of the bridge and waits for, subscriptions and publishes."""
_FLASH = """What littlefs programs for one member's state (blocks of 4,096 bytes, programs of 32, as on an ESP32), a
message sent or received, with all that the member stores meanwhile (keepalives, hourly new epochs): the real FileStore
on a block device that counts, under MicroPython's unix port. `flash_years`: until every block of a partition of 2 MB
was erased 100,000 times; littlefs spreads what it writes over them."""
_RATCHET = """In a group of n, 32 bytes of text. `send` includes the acceptance of one's own echo; `bytes`: the one
frame. `heap`: the state of one member, channel and conversation included; `group.heap`: the ratcheting group's part of
it."""
_TEXT = """`native.text_bytes` has scrypt's text in it, which a provisioned board never loads: it stretches passwords.
"""
_MISSING = "not measured in the last run"


def _number(value):
    return _MISSING if value is None else format(value, ",") if isinstance(value, int) else format(value, ".2f")


def _table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" + "---:|" * (len(head) - 1)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def _title(key):
    arch, operation = key.split(".")[:2]
    return "%s, %s" % (operation, CORES.get(arch, arch))


def _operations(figures):
    def cell(arch, name):
        key = "%s.%s.instructions" % (arch, name)
        return _number(figures[key]) if key in figures else ""

    rows = [[op.name] + [cell(arch, op.name) for arch in CORES] for op in OPERATIONS]
    return "## Instructions of the native operations\n\n" + _table(["operation", *CORES.values()], rows)


def _peers(figures):
    rows = []
    for key in TARGETS:
        others = ["%s %s" % (who, format(count, ",")) for where, who, count, _, _ in PEERS if where == key]
        ours, target = figures.get(key), TARGETS[key]
        reached = "" if ours is None else "yes" if ours <= target else "no"
        rows.append(["`%s`" % key, _number(ours), _number(target), reached, "; ".join(others)])
    for key in LEAST:
        ours = figures.get(key)
        reached = "" if ours is None else "yes" if ours >= LEAST[key] else "no"
        plain = figures.get(key.replace(".note.", ".plain.").replace(".conversation.", ".plain."))
        others = "plain QoS 1 in the same run " + _number(plain) if ".api." in key and plain is not None else ""
        rows.append(["`%s`" % key, _number(ours), "at least " + _number(LEAST[key]), reached, others])
    sources = sorted({"%s: %s" % (who, source) for _, who, _, _, source in PEERS})
    table = _table(["figure", "ours", "target, at most", "reached", "others"], rows)
    method = "\nThe others were compiled and counted by us in the same way (GCC 12, the better of -O2 and -Os): "
    return "## Ours, the target, the others\n\n" + table + method + "; ".join(sources) + ".\n" + _TEXT


def _rest(figures, title, prefixes, text):
    rows = [["`%s`" % key, _number(figures[key])] for key in sorted(figures) if key.startswith(prefixes)]
    return "## %s\n\n%s\n\n%s" % (title, text, _table(["key", "figure"], rows)) if rows else ""


def _svg(figures):
    """Horizontal bars, one group a chart; each group has its own scale."""
    bars, y = [], 16
    for key in CHARTS:
        group = [("Sealcast", figures[key], "#0b7285")] if key in figures else []
        group += [(who, count, "#adb5bd") for where, who, count, _, _ in PEERS if where == key]
        largest = max(count for _, count, _ in group)
        bars.append('<text x="8" y="%d" font-weight="bold">%s</text>' % (y + 4, _title(key)))
        y += 12
        for who, count, colour in group:
            width = 460 * count / largest
            bars.append('<text x="128" y="%d" text-anchor="end">%s</text>' % (y + 11, who))
            bars.append('<rect x="136" y="%d" width="%.1f" height="13" fill="%s"/>' % (y + 1, width, colour))
            bars.append('<text x="%.1f" y="%d">%s</text>' % (140 + width, y + 11, format(count, ",")))
            y += 16
        y += 14
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="700" height="%d"'
        ' font-family="sans-serif" font-size="11">\n'
        '<rect width="100%%" height="100%%" fill="#ffffff"/>\n%s\n</svg>\n' % (y, "\n".join(bars))
    )


def whole(figures):
    """Is there a figure for each target? A single part's would leave most of the page empty."""
    return all(key in figures for key in (*TARGETS, *LEAST))


def write(figures, folder):
    """Writes both files; returns their paths."""
    parts = [
        _TOP, _peers(figures), _operations(figures),
        _rest(figures, "On the machine of the last run (x64)",
              tuple(key for key in figures if key[:4] == "x64." and "_bytes" not in key),
              "Nanoseconds depend on the machine; the ratios less so: both sides are timed in turn, in one run. A\n"
              "ratio under 1 is faster than libsodium. `portable` is its C code, the other what it chooses on this\n"
              "processor."),
        _rest(figures, "Memory",
              ("rv32imc.import.", "armv7m.import.", "rv32imc.board.", "rv32imc.core.", "rv32imc.member_of_"),
              "Heap bytes on an emulated board. `import` is the two native modules, `core` the protocol and its\n"
              "crypto suite with them (a negative `heap_free`: it does not fit), `member_of_n` the state of one\n"
              "member of a group of n."),
        _rest(figures, "The whole node", ("rv32imc.share.", "rv32imc.node"), _NODE),
        _rest(figures, "Stock firmware", ("rv32imc.stock.", "esp32.", "esp32c3."), _STOCK),
        _rest(figures, "Bytecode in flash", ("rv32imc.xip.",), _XIP),
        _rest(figures, "A day", ("x64.day.", "rv32imc.hour."), _DAY),
        _rest(figures, "Flash", ("rv32imc.flash_",), _FLASH),
        _rest(figures, "Deep sleep", ("rv32imc.duty.",), _DUTY),
        _rest(figures, "A message of the ratcheting group", ("rv32imc.ratchet_", "protocol.ratchet_"), _RATCHET),
        _rest(figures, "The protocol on an ESP32-C3",
              ("rv32imc.join_", "rv32imc.handshake_", "rv32imc.note_", "rv32imc.conversation_", "rv32imc.receipt."),
              "Instructions of one member, MicroPython included: a member of a recorded group is replayed on the\n"
              "emulated board, which must publish the same bytes. Messages carry 32 bytes and a signature, if not\n"
              "unsigned."),
        _rest(figures, "On the wire",
              tuple(key for key in figures if key.startswith("protocol.") and "ratchet" not in key),
              "Payload bytes of a message of 32 bytes; frames and bytes of all members together in a handshake of n."),
    ]  # fmt: skip
    page, drawing = folder / "PERFORMANCE.md", folder / "performance.svg"
    page.write_text(wrapped("\n".join(part for part in parts if part)))
    drawing.write_text(_svg(figures))
    return [page, drawing]
