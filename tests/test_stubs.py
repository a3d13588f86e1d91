"""The type stubs of what the host holds in its hands agree with the source: names, arguments, defaults, attributes."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
STUBS = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "shared").rglob("*.pyi"))
Function = (ast.FunctionDef, ast.AsyncFunctionDef)


def public(name):
    return not name.startswith("_") or name.startswith("__") and name.endswith("__")


def arguments(node):
    """Names with their defaults; a default that the source takes from a constant of its own is "..." in a stub."""
    a = node.args
    named = [*a.posonlyargs, *a.args]
    defaults = [None] * (len(named) - len(a.defaults)) + [ast.unparse(d) for d in a.defaults]
    shown = ["..." if default and default.startswith("_") else default for default in defaults]
    pairs = [(arg.arg, default) for arg, default in zip(named, shown, strict=True)]
    return pairs, a.vararg and a.vararg.arg, [arg.arg for arg in a.kwonlyargs], a.kwarg and a.kwarg.arg


def shape(body):
    """{name: what a caller may rely on} of a module's or class's public functions and classes."""
    out = {}
    for node in body:
        if isinstance(node, Function) and public(node.name):
            decorators = [ast.unparse(d) for d in node.decorator_list]
            out[node.name] = (type(node).__name__, decorators, arguments(node))
        elif isinstance(node, ast.ClassDef) and public(node.name) and not is_protocol(node):
            out[node.name] = shape(node.body)
    return out


def is_protocol(node):
    return any(ast.unparse(base).startswith("Protocol") for base in node.bases)


def attributes(tree, stub):
    """{class: its public attributes}: annotated in a stub, assigned to self in a source."""
    out = {}
    for node in tree.body:
        if not isinstance(node, ast.ClassDef) or is_protocol(node):
            continue
        if stub:
            names = {n.target.id for n in node.body if isinstance(n, ast.AnnAssign)}
        else:
            targets = [t for n in ast.walk(node) if isinstance(n, ast.Assign) for t in n.targets]
            targets = [t for target in targets for t in (target.elts if isinstance(target, ast.Tuple) else [target])]
            own = [t for t in targets if isinstance(t, ast.Attribute) and ast.unparse(t.value) == "self"]
            names = {t.attr for t in own if public(t.attr)}
        out[node.name] = names
    return out


def constants(tree, stub):
    if stub:
        return {n.target.id for n in tree.body if isinstance(n, ast.AnnAssign)}
    targets = [t for n in tree.body if isinstance(n, ast.Assign) for t in n.targets]
    return {t.id for t in targets if isinstance(t, ast.Name) and public(t.id)}


def test_channel_and_session_have_stubs():
    assert STUBS == ["shared/sealcast/channel.pyi", "shared/sealcast/run/session.pyi"]


@pytest.mark.parametrize("name", STUBS)
def test_the_stub_is_the_source(name):
    stub = ast.parse((ROOT / name).read_text())
    source = ast.parse((ROOT / name).with_suffix(".py").read_text())
    assert shape(stub.body) == shape(source.body)
    assert attributes(stub, True) == attributes(source, False)
    assert constants(stub, True) == constants(source, False)


def test_the_host_is_judged_by_them(tmp_path):
    """Calls that the stubs forbid are found, with the project's settings: they are not quietly Any."""
    wrong = tmp_path / "wrong.py"
    wrong.write_text(
        "from sealcast.channel import Channel\n"
        "from sealcast.run.session import Session\n\n\n"
        "async def use(channel: Channel, session: Session) -> None:\n"
        "    channel.acked('token', 1)\n"
        "    await session.send(5)\n"
        "    session.members.append('uid')\n"
        "    await session.nothing()\n"
    )
    command = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), str(wrong)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    found = [line.split(":")[1] for line in done.stdout.splitlines() if "wrong.py" in line]
    assert found == ["6", "7", "8", "9"], done.stdout + done.stderr
