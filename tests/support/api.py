"""docs/API.md, written from the docstrings: what a program may call, on a board and on a computer.

    python tests/support/api.py         writes it; tests/test_docs.py holds it to the source
"""

import ast
import re
from pathlib import Path

import messages
import wrapped

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "API.md"
# title, file, class (None: functions), names in the order wanted (None: every public one), a word before it
PARTS = (
    ("Join", "shared/sealcast/__init__.py", None, ("join",), "On a board and on a computer."),
    ("A session", "shared/sealcast/run/session.py", "Session", None,
     "What `join` returns on a board. End it with `leave()`, `sleep()` or `close()`. A computer's session has the same "
     "face, and is below."),
    ("A message", "shared/sealcast/effects.py", "Message", ("__init__",), "What `async for` gives, on both."),
    ("A computer's join", "host/sealcast_host/agent/programs.py", None, ("join",),
     "Where `sealcast.join` ends up on a computer."),
    ("A computer's session", "host/sealcast_host/member/session.py", "HostSession",
     ("send", "send_all", "change_group", "declare_lost", "approve", "rekey", "settled", "fingerprints", "staying",
      "status", "sleep", "leave", "close", "on", "uid", "members", "data", "epoch", "group", "online"),
     "What `join` returns on a computer where no agent has the member."),
    ("Through the agent", "host/sealcast_host/agent/client.py", None, ("attach",),
     "On a computer; the agent holds the member."),
    ("What the agent lends", "host/sealcast_host/agent/client.py", "Attached", None,
     "The face of a session, and some more."),
    ("An output of one's own", "host/sealcast_host/gateway/output.py", "Output", None,
     "On a computer: a file in `sealcast_host/gateway/`."),
)  # fmt: skip
# what the session's own parts call
INNER = {"again", "ask", "beat", "emit", "failed", "full", "give_up", "handled", "perform", "post", "receive"}
ERRORS = "shared/sealcast/errors.py"
INTRO = """\
# What a program calls

Written from the docstrings by `python tests/support/api.py`; the same on MicroPython and on a computer unless it says
otherwise. Texts are str, bodies bytes, at most 2,000 of them (1,150 where a message goes in the group),
times Unix seconds. Inside a coroutine:

    import sealcast

    ch = await sealcast.join("greenhouse")
    ch.on("rekeyed", lambda name, info: print(info["epoch"]))
    await ch.send(b"21.5")
    async for m in ch:
        print(m.sender, m.body, m.secrecy)

Programs to begin with: [examples](../examples/README.md).
"""


def parsed(path):
    return ast.parse((ROOT / path).read_text())


def entries(path, holder, wanted):
    """(signature, docstring) of public functions or methods."""
    tree = parsed(path)
    body = tree.body
    if holder:
        body = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == holder).body
    found = []
    for node in body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if wanted is None and (node.name.startswith("_") or node.name in INNER) or wanted and node.name not in wanted:
            continue
        arguments = re.sub(r"^self(, )?", "", ast.unparse(node.args))
        name = holder if node.name == "__init__" else node.name
        returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
        is_property = any(ast.unparse(d) == "property" for d in node.decorator_list)
        word = "await " if isinstance(node, ast.AsyncFunctionDef) else ""
        doc = ast.get_docstring(node) or ""
        found.append((f"{word}{name}" + ("" if is_property else f"({arguments})") + returns, doc))
    return found


def errors():
    """(name, code, what it says at one place) of each error that a caller can see."""
    says = {}
    for path in sorted((ROOT / "shared/sealcast").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
                says.setdefault(ast.unparse(node.exc.func).rpartition(".")[2], messages.text_of(node.exc.args[0]))
    rows = []
    for node in parsed(ERRORS).body:
        if isinstance(node, ast.ClassDef) and node.name not in ("Reject", "NoRoom"):
            codes = [ast.literal_eval(n.value) for n in node.body if isinstance(n, ast.Assign)]
            rows.append((node.name, codes[0] if codes else "", says.get(node.name) or ""))
    return rows


def events():
    """name -> the keys of its details, as the core gives them."""
    found = {}
    for path in sorted((ROOT / "shared/sealcast").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and ast.unparse(node.func).rpartition(".")[2] in ("event", "lost", "emit")
                and len(node.args) == 2
                and isinstance(node.args[0], ast.Constant)
                and isinstance(node.args[1], ast.Dict)
            ):
                keys = [ast.literal_eval(k) for k in node.args[1].keys if isinstance(k, ast.Constant)]
                found.setdefault(node.args[0].value, set()).update(keys)
    return found


def page():
    """The whole of it."""
    out = [INTRO]
    for title, path, holder, wanted, word in PARTS:
        out.append(f"## {title}\n\n{word} (`{path}`)\n")
        for signature, doc in entries(path, holder, wanted):
            out.append(f"### `{signature}`\n\n{doc}\n" if doc else f"### `{signature}`\n")
    out.append(
        "## Errors\n\nThose of the core (`from sealcast.errors import SealcastError`) derive from `SealcastError`, "
        "have a `code`, and hold no secret; text: one of each. On a computer what a program can put right is a "
        "`UserError` (`from sealcast_host.errors import UserError`, no `SealcastError`), also `MemberBusy`, `NoAgent` "
        "and `Failed`; "
        "a message that is neither bytes nor text is a TypeError.\n"
    )
    out += ["| error | code | text |", "|---|---|---|"]
    out += [f"| `{name}` | `{code}` | {text} |" for name, code, text in errors()]
    out.append("\n## Events\n\n`ch.on(name, callback)`; the callback, a plain function, gets the name and a dict with "
               "these keys.\n")  # fmt: skip
    out += ["| event | keys |", "|---|---|", "| `awake`, `asleep`, `left`, `gone`, `unheard` | `uid` |"]
    out += ["| `dropped`, `forged` | `count`, `reason`, `uid`; with the reason `same_uid` also `first`, `last` |"]
    out += [f"| `{name}` | {', '.join(f'`{k}`' for k in sorted(keys))} |" for name, keys in sorted(events().items())]
    return wrapped.wrapped("\n".join(out) + "\n")


if __name__ == "__main__":
    PAGE.write_text(page())
    print(f"wrote {PAGE.relative_to(ROOT)}")
