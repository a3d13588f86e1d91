"""The second half of docs/TROUBLESHOOTING.md, written from the source: every refusal that the product prints, and the
way out.

    python tests/support/messages.py        writes it; tests/test_docs.py holds it to the source

A message says what is wrong and, behind a colon or semicolon, what to do. Where it does not, REMEDY does.
"""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "TROUBLESHOOTING.md"
MARK = "## Every message\n"
RAISED = {"UserError", "Failed", "MemberBusy", "NoAgent"}
# What to do where the message leaves it to the reader: its beginning, as the table shows it.
REMEDY = {
    "that is its name already": "nothing is to be done",
    "--no-tls and --tls": "give one of them",
    "word … of the phrase": "compare it with the phrase that was printed; the nearest words are offered",
    "a phrase has": "type all the words, with hyphens or spaces between them",
    "attach to a channel first": "a program of yours speaks to the agent: docs/AGENT.md has the order of requests",
    "cannot listen at": "another program has that port, or the address is not this computer's: give another",
    "cannot write …": "free the disk, or give the folder back to yourself (chown, chmod)",
    "cannot write in": "free the disk, or give the folder back to yourself (chown, chmod)",
    "the agent has ended meanwhile": "run the command again; its log may say why",
    "cannot start the agent": "what stands behind the colon is the system's reason; commands work without an agent too",
    "the chip at": "take the image for the chip that is plugged in, or name the other --port",
    "… is not the drive": "hold BOOTSEL while plugging in, and give the drive that appears",
    "MicroPython … on this": "flash an image of 1.23 or later: sealcast flash --image FILE",
    "cannot read the CA": "check the path, and that you may read it",
    "cannot read": "check the path, and that you may read it",
    "cannot open": "check the path and your rights; for a serial port: the group dialout",
    "…: …": "it begins with the file or field that is meant; mend what stands behind the colon",
    "--password-file needs": "add --user NAME",
    "--user must be": "choose another name for the broker's user",
    "\"…\" is named twice": "name each member once",
    "\"…\" is this member itself": "name the others only",
    "the group was not changed": "try again when the reason behind the colon is gone",
    "\"…\" is not in the group": "sealcast group status NAME lists who is",
    "\"…\" is in the group already": "nothing is to be done",
    "--broker-password-file needs": "add --broker-user NAME",
    "--wifi-open needs": "add --wifi-ssid NAME",
    "the … is not UTF-8": "type it again, or save the file as UTF-8",
    "the … in … is not UTF-8": "save the file as UTF-8",
    "no …: ……": "name one of those that are listed",
    "\"…\" is no output": "name one of those that are listed",
    "… is no text": "save the file as UTF-8",
    "output …: there is no option": "take one of the options that are listed",
    "homeassistant.command: each": "write each command under [[output.homeassistant.command]], two brackets",
    "…: there is no": "take one of the names that are listed",
    "\"mode\" is note": "mend the line that was sent to the gateway",
    "a message has 1 to": "split it, or leave out the empty one",
    "the board answered": "reset the board and try again; sealcast doctor --port PORT looks closer",
    "--broker must be": "write it so",
    "cannot use the CA": "it must be a certificate in PEM form",
    "cannot make the directory": "free the disk, or give the folder above it back to yourself",
    "nobody sleeps longer": "sleep for less, and again",
    "the session is closed": "join again: sealcast.join",
    "this member is out": "ask a member of the group: sealcast group add NAME UID",
    "its receiver left": "send it to somebody who is in the group",
    "no member of that name has": "check the name: sealcast chat NAME, then /members",
    "no other member of that name": "check the name: sealcast chat NAME, then /members",
    "a notice reaches": "declare fewer members to be kept",
    "broker.tls": "mend the field in sealcast.json",
    "password: …": "mend the field in sealcast.json",
}


def core_errors():
    tree = ast.parse((ROOT / "shared/sealcast/errors.py").read_text())
    return {n.name for n in tree.body if isinstance(n, ast.ClassDef)} - {"Reject"}


def text_of(node):
    """A message as the reader sees it, … for what is filled in; None when it is made elsewhere."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(v.value if isinstance(v, ast.Constant) else "…" for v in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
        left = text_of(node.left)
        return left and re.sub(r"%[-\d.]*[a-z]", "…", left)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        parts = text_of(node.left) or "…", text_of(node.right) or "…"
        return None if parts == ("…", "…") else "".join(parts)
    return None


def messages():
    """text -> where it is raised, the first place."""
    found = {}
    core = core_errors()
    for folder, classes in (("host/sealcast_host", RAISED), ("shared/sealcast", core), ("firmware/node", core)):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and node.args and ast.unparse(node.func).rpartition(".")[2] in classes:
                    text = text_of(node.args[0])
                    if text and text.strip("… ") and text not in found:
                        found[text] = str(path.relative_to(ROOT))
    return found


def split(text):
    """(what is wrong, what to do); "" where it does not say."""
    for mark in ("; ", ": "):
        if mark in text.strip():
            head, _, tail = text.rpartition(mark) if mark == ": " else text.partition(mark)
            if len(tail.split()) >= 2:
                return head, tail
    return text, ""


def _cell(text):
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;").strip()


def without_way_out():
    """Messages that leave their reader alone."""
    return [t for t in messages() if not split(t)[1] and not any(t.startswith(begin) for begin in REMEDY)]


def table():
    """The generated half, from MARK on."""
    rows = []
    for text, path in messages().items():
        wrong, way = split(text)
        if not way:
            way = next((r for begin, r in REMEDY.items() if text.startswith(begin)), "")
        rows.append((wrong, way, path))
    out = [MARK, "… stands for what is filled in. Written by `python tests/support/messages.py`.\n"]
    out += ["| it says | what to do | from |", "|---|---|---|"]
    for wrong, way, path in sorted(rows, key=lambda row: row[0].lower()):
        out.append(f"| {_cell(wrong)} | {_cell(way)} | `{path.rpartition('/')[2]}` |")
    return "\n".join(out) + "\n"


if __name__ == "__main__":
    before = PAGE.read_text().partition(MARK)[0]
    PAGE.write_text(before + table())
    print(f"wrote {PAGE.relative_to(ROOT)}")
