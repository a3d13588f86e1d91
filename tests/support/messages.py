"""The second half of docs/TROUBLESHOOTING.md, written from the source: every event in words and every refusal that the
product prints, with what to do.

    python tests/support/messages.py        writes it; tests/test_docs.py holds it to the source

A message says what is wrong and, behind a colon or semicolon, what to do. Where it does not, REMEDY does.
"""

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "shared"), str(ROOT / "host")]

from sealcast_host.cli import render  # noqa: E402
from sealcast_host.member.visit import WAYS_OUT  # noqa: E402

PAGE = ROOT / "docs" / "TROUBLESHOOTING.md"
MARK = "## What listen and chat tell\n"
RAISED = {"UserError", "Failed", "MemberBusy", "NoAgent"}
# What to do where the message leaves it to the reader: its beginning, as the table shows it.
REMEDY = {
    "that is its name already": "nothing is to be done",
    "channel must be": "give the name that sealcast channel list shows",
    "settings must be": "give one of them, or leave settings out",
    "cannot write the settings": "send it to a file, or to a program that reads it: --output FILE",
    "the channel is not made": "run it again where its output can be read",
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
    '"…" is named twice': "name each member once",
    '"…" is this member itself': "name the others only",
    "the group was not changed": "try again when the reason behind the colon is gone",
    '"…" is not in the group': "sealcast group status NAME lists who is",
    '"…" is in the group already': "nothing is to be done",
    "--broker-password-file needs": "add --broker-user NAME",
    "--wifi-open needs": "add --wifi-ssid NAME",
    "the … is not UTF-8": "type it again, or save the file as UTF-8",
    "the … in … is not UTF-8": "save the file as UTF-8",
    "no …: ……": "name one of those that are listed",
    '"…" is no output': "name one of those that are listed",
    "… is no text": "save the file as UTF-8",
    "output …: there is no option": "take one of the options that are listed",
    "homeassistant.command: each": "write each command under [[output.homeassistant.command]], two brackets",
    "…: there is no": "take one of the names that are listed",
    '"mode" is note': "mend the line that was sent to the gateway",
    "a message has 1 to": "split it, or leave out the empty one",
    "the board answered": "reset the board and try again; sealcast doctor --port PORT looks closer",
    "--broker must be": "write it so",
    "cannot use the CA": "it must be a certificate in PEM form",
    "… must be a directory for you": "give it back to yourself (chown, chmod), or remove it",
    "cannot use …": "give it back to yourself (chown, chmod)",
    "cannot write in …, where": "make room there, or give the folder back to yourself (chown, chmod)",
    "cannot remove …": "give the folder back to yourself (chown, chmod)",
    "cannot make the directory": "free the disk, or give the folder above it back to yourself",
    "nobody sleeps longer": "sleep for less, and again",
    "the session is closed": "join again: sealcast.join",
    "this member is out": "ask a member of the group: sealcast group add NAME UID",
    "its receiver left": "send it to somebody who is in the group",
    "no member of that name has": "check the name: sealcast chat NAME, then /members",
    "no other member of that name": "check the name: sealcast chat NAME, then /members",
    "the broker does not": "a board tries again by itself; when it stays so: the Wi-Fi's reach, the broker's load",
    "no bridge answers": "start sealcast bridge --port PORT on the computer at that port",
    "the bridge does not": "see whether sealcast bridge still runs there",
    "a notice reaches": "declare fewer members to be kept",
    "broker.tls": "mend the field in sealcast.json",
    "password: …": "mend the field in sealcast.json",
}


# Why an event comes, and what to do: its words stand in sealcast_host/cli/render.py.
EVENTS = {
    "joined": "a member came; `sealcast group verify NAME` shows its fingerprint, to be compared once",
    "left": "it said goodbye: nothing is to be done",
    "gone": "the broker says that its connection broke; it comes back by itself when it can",
    "vanished": "no sign of life for two and a half keepalives: power, Wi-Fi, broker; a board says on its console why",
    "asleep": "it reads when it wakes; what is sent meanwhile is a note",
    "awake": "nothing is to be done",
    "rekeyed": "those who are awake have agreed on a new key; messages are conversation now",
    "gap": "more notes than the ring holds were sent meanwhile, or the broker forgot some: a larger `ring`",
    "dropped same_uid": "find the copy and give one of them another name; after a"
    " backup nothing is to be done, but send the last messages again",
    "identity_changed": "its board was erased, or somebody pretends to be it: compare fingerprints, then "
    "`sealcast group verify NAME UID --approve FINGERPRINT`",
    "approved": "nothing is to be done",
    "approval_waits": "nothing is to be done: an approval is for the identity that was compared, "
    "whatever else is shown",
    "pinned": "its first identity counts from now on; whoever wants to be sure compares it "
    "(`sealcast group verify NAME`)",
    "forged": "somebody without its key spoke in its name, and was not believed: who knows the phrase?",
    "handshake_failed": "it is tried again; if it goes on, somebody disturbs: `sealcast doctor NAME`",
    "removed": "ask who did it; `sealcast group add NAME UID` takes this member in again",
    "group": "nothing is to be done",
    "group_failed": "the reason says what to wait for; then try again",
    "no_package": "wait until it has been awake once",
    "leaving": "the first member that is awake takes it out",
    "message_undecryptable": "it was for an older state of this member (a copy put back?); ask for it again",
    "followed": "nothing is to be done",
    "expelled": "if that is wrong, this member must be invited or provisioned again",
    "notice_unreadable": "provision it again (`sealcast provision NAME --uid UID --replace`), or give it an invitation",
    "moved": "nothing is to be done; the word phrase and old invitations lead nowhere now",
    "unconfirmed": "ask who did it: that member is out of step, or lies; another one can add this member",
    "forked": "compare heads and digests on two members (`sealcast group status NAME`), leave on one side, "
    "be added again",
    "desync": "it is taken in again by a member that is awake; if all are out of step, "
    "`sealcast group create NAME UID ...` at one of them",
    "resynced": "nothing is to be done",
    "undeliverable": "send it to somebody who is in the group",
    "channel_full": "a member too many: all that ever came count, up to 32; `sealcast lost`, on the computer where the "
    "channel was made, leaves behind who is no more",
    "mute": "the broker takes messages and passes none on: its rights (ACL), its limits, another broker",
    "taken_over": "each board needs a name and an identity of its own: provision the copy anew; a board counts four "
    "connections that the broker ended soon, which a broker without enough rights or room does, too: sealcast doctor",
    "offline": "it is tried again by itself; the reason says what is wrong",
    "overflow": "its sender is too fast for this computer, or does it on purpose",
    "error": "make room on the disk where it says so; else report it",
}  # fmt: skip


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
    found = links()
    core = core_errors()
    for folder, classes in (("host/sealcast_host", RAISED), ("shared/sealcast", core), ("firmware/node", core)):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                for text in said(node, classes):
                    if text and text.strip("… "):
                        found.setdefault(text, str(path.relative_to(ROOT)))
    return found


def said(node, classes):
    """The texts of an error that is raised, of a note beside the result, and of a time that ran out."""
    if isinstance(node, ast.Call) and node.args:
        name = ast.unparse(node.func).rpartition(".")[2]
        if name in classes or name == "note":
            yield text_of(node.args[0])
        elif name == "within":
            yield text_of(node.args[-1])
    if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in CONSTANTS:
        yield text_of(node.value)
    if isinstance(node, ast.AsyncFunctionDef):  # named first, said by `within`
        used = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
        for line in node.body:
            if isinstance(line, ast.Assign) and isinstance(line.value, ast.JoinedStr):
                if ast.unparse(line.targets[0]) in used & LATE:
                    yield text_of(line.value)


LATE = {"alone", "late"}
CONSTANTS = {"NOBODY", "_UNHEARD", "_STUCK"}  # firmware/node/mqtt.py says why it has the last two


def links():
    """A connection that cannot be made: what is wrong, and the way out of its kind (sealcast_host/member/visit.py)."""
    found = {}
    for path in (ROOT / "host/sealcast_host/member" / name for name in ("mqtt.py", "refusals.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or ast.unparse(node.func) != "LinkError":
                continue
            kind, why = node.args[:2]
            if isinstance(kind, ast.Constant):
                text = f"no connection to the broker at …: {text_of(why) or '…'}; {WAYS_OUT[kind.value]}"
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
    out = [MARK, "… stands for what is filled in, here and below. Written by `python tests/support/messages.py`.\n"]
    out += ["| it says | why, and what to do |", "|---|---|"]
    for name, words in render.EVENTS.items():
        out.append(f"| {_cell(re.sub(r'{[a-z]+}', '…', words))} | {EVENTS[name]} |")
    out += ["", "## Every refusal and note", "", "A line of `sealcast doctor` says by itself what to do.", ""]
    out += ["| it says | what to do | from |", "|---|---|---|"]
    for wrong, way, path in sorted(rows, key=lambda row: row[0].lower()):
        out.append(f"| {_cell(wrong)} | {_cell(way)} | `{path.rpartition('/')[2]}` |")
    return "\n".join(out) + "\n"


if __name__ == "__main__":
    before = PAGE.read_text().partition(MARK)[0]
    PAGE.write_text(before + table())
    print(f"wrote {PAGE.relative_to(ROOT)}")
