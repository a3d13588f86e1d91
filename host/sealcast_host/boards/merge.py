"""Fewer files for a board's bundle: what always stays in memory together becomes one module.

Each module costs a board its tables, its path as a name, and a place for every name that it imports: some 350 bytes,
fifty times over. So the sources of a group (GROUPS) are put together in the order in which they import each other, into
the file of one of them, the head; the head's names stay as they are, those of the others get their module's name in
front where they would clash. Whoever imports from them, rare code too, imports from the head instead. In the others'
own files stand only their names, for programs that ask for them: a board that asks for none loads none.

Constants (whole numbers and short texts, set once at the top of a file) stand as values where they are used. Long
texts, which only errors and the like have, stand in a module of their own, TEXTS, that is loaded when one is said.
"""

import ast
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

from sealcast_host.boards import asked, shipped
from sealcast_host.boards.kept import kept
from sealcast_host.boards.modules import INTERNED, Modules, Source
from sealcast_host.boards.rewriting import Rewriter
from sealcast_host.boards.scopes import FUNCTIONS, inside, local_names, stored, walk

TOP = ("main.py", "boot.py", "sealcast_platform.py")  # on a board they lie at the top, as they are

# Head, and what becomes a part of it. A node loads them in this order, the first three before the radio has its memory.
GROUPS = {
    "sealcast.rare": (
        "sealcast.errors sealcast.compat sealcast.wire sealcast.crypto.keys sealcast.run.aio node.watchdog "
        "sealcast.run.filestore"  # a first boot stores what it makes, and needs no channel yet
    ),
    "node.app": "node.log node.led node.console",
    "node.mqtt": "node.inbuf node.wifi",
    "sealcast.channel": (
        "sealcast.journal sealcast.effects sealcast.crypto.rng sealcast.crypto.signing sealcast.zpinc.heard "
        "sealcast.zpinc.identity sealcast.zpinc.notes sealcast.zpinc.members sealcast.zpinc.me "
        "sealcast.zpinc.audience sealcast.zpinc.messages "
        "sealcast.zpinc.presence sealcast.zpinc.places "
        "sealcast.sending sealcast.run.echo sealcast.run.link sealcast.run.sends sealcast.run.turn "
        "sealcast.run.durable sealcast.run.crashes sealcast.run.session"
    ),
    "sealcast.zpinc.epochs": "sealcast.zpinc.conversation",
    "sealcast.smmp.order": "sealcast.smmp.ratchet sealcast.smmp.group sealcast.smmp.outgoing",
}
TEXTS = "sealcast.texts"
_SAY = """
def long_text(n):
    try:
        return load("texts").TEXTS[n]
    except MemoryError:
        return ""
"""
_SELDOM = 2
_ONE_BYTE = 124  # places in a table whose number is one byte, less those that are taken before


def sources() -> dict[str, str]:
    """Module -> its source, of all that core and node have."""
    found: dict[str, str] = {}
    for package, folder in (("sealcast", shipped.core_dir()), ("node", shipped.node_dir())):
        for path in sorted(folder.rglob("*.py")):
            name = ".".join((package, *path.relative_to(folder).with_suffix("").parts)).removesuffix(".__init__")
            if path.name not in TOP:
                found[name] = path.read_text("utf-8")
    return found


@lru_cache
def merged(old: str = "", new: str = "") -> dict[str, str]:
    """Module -> its text on a board. old, new: a change of the sources, for tests."""
    return _merged(old, new) if old else kept("merged", _merged)


def _merged(old: str = "", new: str = "") -> dict[str, str]:
    found = {name: text.replace(old, new) if old else text for name, text in sources().items()}
    return together(found, GROUPS)


def together(found: dict[str, str], groups: dict[str, str]) -> dict[str, str]:
    """Module -> its text, of sources in these groups. Raises Clash."""
    made = _texts(Modules(found, {name for name in found if file_of(name, found).endswith("__init__")}, groups))
    asked.see_to(made)
    return made


def file_of(module: str, modules: Iterable[str]) -> str:
    """Where a module lies, without the ending: a package has a folder."""
    package = any(other.startswith(module + ".") for other in modules)
    return module.replace(".", "/") + ("/__init__" if package else "")


def is_part(module: str) -> bool:
    """Has another file become the place of what this module has?"""
    return any(module in parts.split() for parts in GROUPS.values())


def _texts(modules: Modules) -> dict[str, str]:
    out: dict[str, str] = {}
    for name, source in modules.sources.items():
        if name in modules.groups:
            body = [s for part in modules.parts(name) for s in Rewriter(modules, part, name).body()]
            body = _without_repeats(_seldom(body))
            out[name] = _most_used_first(body) + _text(body) + (_SAY if name == "sealcast.rare" else "")
        elif name in modules.head:
            out[name] = _alias(modules, source)
        else:
            out[name] = _text(_without_repeats(Rewriter(modules, source, "").body()))
    out[TEXTS] = f"TEXTS = {tuple(modules.texts)!r}\n"
    return out


def _alias(modules: Modules, source: Source) -> str:
    """The file of a part: its names, for whoever asks for the module."""
    head, names = modules.head[source.name], sorted(source.names - set(source.constants) - source.gone)
    lines = [f"from {head} import {modules.final[source.name, n]} as {n}" for n in names]
    lines += [f"{n} = {value!r}" for n, value in sorted(source.constants.items()) if not n.startswith("_")]
    return "\n".join(lines) + "\n"


def _without_repeats(body: list[ast.stmt]) -> list[ast.stmt]:
    """Imports that several parts have stand once, first, those of one module together."""
    imports: dict[str, ast.stmt] = {}
    rest: list[ast.stmt] = []
    for statement in body:
        if isinstance(statement, ast.ImportFrom):
            first = imports.setdefault(str(statement.module), ast.ImportFrom(statement.module, [], 0))
            assert isinstance(first, ast.ImportFrom)
            there = [(alias.name, alias.asname) for alias in first.names]
            first.names += [alias for alias in statement.names if (alias.name, alias.asname) not in there]
        elif isinstance(statement, ast.Import):
            imports.setdefault(ast.unparse(statement), statement)
        else:
            rest.append(statement)
    return [*imports.values(), *rest]


class _There(ast.NodeTransformer):
    """Asks sealcast.rare for these names where they are said."""

    def __init__(self, names: set[str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Attribute(ast.Name("rare", ast.Load()), node.id, node.ctx) if node.id in self.names else node


def _seldom(body: list[ast.stmt]) -> list[ast.stmt]:
    """What a file has of sealcast.rare and says once or twice is asked for there: each name that is imported takes a
    place in the file's table, which grows in large steps."""
    nodes = [node for statement in body for node in walk(statement)]
    local = {name for node in nodes if isinstance(node, FUNCTIONS) for name in local_names(node) | stored(node)}
    said = Counter(node.id for node in nodes if isinstance(node, ast.Name))
    imports = [s for s in body if isinstance(s, ast.ImportFrom) and s.module == "sealcast.rare"]
    seldom = {alias.name for s in imports for alias in s.names if said[alias.name] <= _SELDOM} - local
    for statement in imports:
        statement.names = [alias for alias in statement.names if alias.name not in seldom]
    body = [_There(seldom).visit(s) for s in body if not isinstance(s, ast.ImportFrom) or s.names]
    return [ast.ImportFrom("sealcast", [ast.alias("rare")], 0), *body] if seldom else body


def _most_used_first(body: list[ast.stmt]) -> str:
    """A line that does nothing but name the names that stand most often in functions: they get the first places in the
    compiled file's table, which bytecode says in one byte instead of two."""
    count: Counter[str] = Counter()
    for function in [node for statement in body for node in walk(statement)]:
        if isinstance(function, FUNCTIONS):
            local = local_names(function) | stored(function)
            for node in inside(function):
                if isinstance(node, ast.Attribute):
                    count[node.attr] += 1
                elif isinstance(node, ast.Name) and node.id not in local:
                    count[node.id] += 1
                elif isinstance(node, ast.keyword | ast.arg) and node.arg:
                    count[node.arg] += 1
                elif isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) <= INTERNED:
                    count[node.value] += 1
    first = [name for name, _ in count.most_common(_ONE_BYTE)]
    named = [f"[].{name}" if name.isidentifier() else repr(name) for name in first]
    return f"[] and ({', '.join(named)})\n"


def _text(body: list[ast.stmt]) -> str:
    return ast.unparse(ast.Module(body, [])) + "\n"
