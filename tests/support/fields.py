"""docs/SETTINGS.md's table: every field of sealcast.json, what it must be and its default as sealcast/run/settings.py
has them, and what it is for. `python tests/support/fields.py` writes it.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "shared"))

from sealcast.run.settings import _FIELDS, _REQUIRED  # noqa: E402

PAGE = ROOT / "docs/SETTINGS.md"
MARK = "## Every field\n"

# What the rule's own words do not say
FOR = {
    "uid": "who this member is to the others: each needs a name of its own",
    "channel": "where the members meet; part of the key that a password gives",
    "group": "which group of the channel it may take part in",
    "group_name": "what that group is called here: shown to this member alone, never sent",
    "data": "what this member says of itself to all, sealed in its join: its model, its place",
    "key": "this or `password`; as `sealcast provision` writes it",
    "password": "the phrase; a board makes the key of it once: minutes at `stretch` 15, hours at 18",
    "stretch": "with `password`: how hard it is stretched; absent: as in version 0.1; "
    "`sealcast channel new` says its own (18)",
    "identity": "made at the first start where it is absent; the others pin its public half",
    "transport": "`serial`: a board without radio, by `sealcast bridge`",
    "broker": "where the broker is; not for `serial`",
    "broker.port": "1883, with TLS 8883",
    "broker.ca": "without it a computer takes the system's authorities",
    "serial": "for `serial`: which port",
    "wifi": "boards only",
    "wifi.password": "absent: an open network",
    "roster": "whom to trust from the start; without it members are pinned when they are first seen",
    "admin": "whose word counts when a board is lost (`sealcast lost`)",
    "sign": "the others see `origin: member`; costs a signature a message",
    "ring": "how far back a member reads that slept or comes later",
    "keepalive": "silent for two and a half of these: vanished",
    "rekey_seconds": "a new conversation key after so long, while two members are awake; counted anew at a start",
    "rekey_messages": "or after so many",
    "history": "after a reconnect: all notes that were missed, or each member's latest",
    "sensor": "publish readings",
    "sensor.kind": "`auto`: the chip's own thermometer, or simulated",
    "sensor.every": "between two readings",
    "sensor.mode": "how secret readings are",
    "modes": "what it takes part in; without `ratchet` the group takes no memory",
    "min_secrecy": "refuse to send in a weaker mode",
    "ratchet": "absent: yes, unless it has `duty` or the board is too small",
    "duty": "deep sleep: wake, send a reading, sleep",
    "led": "shows how the node is; absent: the board's own",
    "log": "what a node prints on its console",
}


def rows(fields=_FIELDS, above=""):
    for name, (default, rule) in fields.items():
        at = above + name
        if isinstance(rule, dict):
            yield at, "an object", default, FOR.get(at, "")
            yield from rows(rule, at + ".")
        else:
            yield at, rule[1], default, FOR.get(at, "")


def table():
    out = [MARK, "Written by `python tests/support/fields.py`.\n", "| field | give | default | |", "|---|---|---|---|"]
    for name, give, default, what in rows():
        shown = "needed" if default is _REQUIRED else "" if default is None else f"`{str(default).lower()}`"
        out.append(f"| `{name}` | {give.rstrip(',').replace('<', '&lt;')} | {shown} | {what} |")
    return "\n".join(out) + "\n"


if __name__ == "__main__":
    PAGE.write_text(PAGE.read_text().partition(MARK)[0] + table())
    print(f"wrote {PAGE.relative_to(ROOT)}")
