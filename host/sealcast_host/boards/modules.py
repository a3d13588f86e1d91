"""Core and node as modules: what is global in each, where its names come from, and which are constants."""

import ast
import builtins
from collections.abc import Iterator
from dataclasses import dataclass, field

from sealcast_host.boards.scopes import FUNCTIONS, assignment, bound, local_names, strip, walk

INTERNED = 10  # MicroPython makes a name of a text up to this length: it costs the same wherever it stands
_BUILTIN = frozenset(dir(builtins)) | {"const"}
_FOLDED = (ast.Constant, ast.BinOp, ast.UnaryOp)

Binding = tuple[str, str]  # (module, name in it); name "": the module itself


class Clash(Exception):
    """The sources do what this module cannot put together; the text says what, for whoever changed them."""


@dataclass
class Source:
    """One module. nodes: all of its tree; names: what is global in it; constants: those that are values; imported:
    alias -> where from; gone: names that compilers do away with."""

    name: str
    tree: ast.Module
    package: str
    nodes: list[ast.AST] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    constants: dict[str, int | str] = field(default_factory=dict)
    imported: dict[str, Binding] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    folded: bool = False


class Modules:
    """All of them. sources: by name; head: module -> the head of its group; asked: attributes that objects, or modules
    as objects, are asked for; exported: what one file has of another; final: what a name is called in its group."""

    def __init__(self, texts: dict[str, str], packages: set[str], groups: dict[str, str]) -> None:
        """texts: module -> its source; packages: those of them that are packages; groups: head -> its parts."""
        self.groups = groups
        self.sources: dict[str, Source] = {}
        for name, text in texts.items():
            package = name if name in packages else name.rpartition(".")[0]
            self.sources[name] = Source(name, ast.parse(text), package)
        self.head = {part: head for head, parts in self.groups.items() for part in (*parts.split(), head)}
        self.locals: set[str] = set()
        for source in self.sources.values():
            strip(source.tree)
            source.nodes = walk(source.tree)
            self._survey(source)
        self.every: list[str] = []
        for source in self.sources.values():
            self._fold(source)
            self.every += source.names - set(source.constants)
        self.asked = {name for source in self.sources.values() for name in self._asked(source)}
        self.exported = {binding for source in self.sources.values() for binding in self._borrowed(source)}
        self.final: dict[Binding, str] = {}
        self.texts: list[str] = []  # that are loaded when they are said
        for head in self.groups:
            self._christen(head)

    def parts(self, head: str) -> list[Source]:
        """Those of a group, what is imported before what imports it."""
        found: list[str] = []

        def visit(name: str) -> None:
            if self.head.get(name) == head and name not in found:
                for statement in self.sources[name].tree.body:
                    for module, _, _ in self.bindings(self.sources[name], statement):
                        if module != name:
                            visit(module)
                found.append(name)

        for name in (*self.groups[head].split(), head):
            visit(name)
        return [self.sources[name] for name in found]

    def _survey(self, source: Source) -> None:
        for statement in source.tree.body:
            for module, name, alias in self.bindings(source, statement):
                source.imported[alias] = module, name
            if isinstance(statement, ast.Import | ast.ImportFrom):
                self.locals |= bound(statement) - set(source.imported)  # Python's own modules
            else:
                source.names |= bound(statement)
        source.names -= {"const", *source.imported}
        for node in source.nodes:
            if isinstance(node, FUNCTIONS):
                self.locals |= local_names(node)

    def bindings(self, source: Source, statement: ast.stmt) -> Iterator[tuple[str, str, str]]:
        """What an import of ours binds: (module, name in it or "", alias)."""
        if isinstance(statement, ast.ImportFrom):
            base = self.absolute(source, statement)
            for alias in statement.names:
                inner = f"{base}.{alias.name}"
                if inner in self.sources:
                    yield inner, "", alias.asname or alias.name
                elif base in self.sources:
                    yield base, alias.name, alias.asname or alias.name

    def absolute(self, source: Source, statement: ast.ImportFrom) -> str:
        if not statement.level:
            return statement.module or ""
        package = source.package.split(".")
        return ".".join(
            package[: len(package) - statement.level + 1] + ([statement.module] if statement.module else [])
        )

    def resolve(self, source: Source, name: str) -> Binding:
        """Where a name that is global in a module comes from in the end."""
        module, found = source.imported.get(name, (source.name, name))
        while found and module in self.sources and found in self.sources[module].imported:
            module, found = self.sources[module].imported[found]
        return module, found

    def _borrowed(self, source: Source) -> Iterator[Binding]:
        """What a module has of those in other files."""
        home = self.head.get(source.name, source.name)
        modules = {alias: module for alias, (module, name) in source.imported.items() if not name}
        for node in source.nodes:
            if isinstance(node, ast.ImportFrom):
                for module, name, alias in self.bindings(source, node):
                    modules |= {} if name else {alias: module}
                    if name and self.head.get(module, module) != home:
                        yield self.resolve(self.sources[module], name)
        for node in source.nodes:
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
                module = modules[node.value.id]
                if self.head.get(module, module) != home:
                    yield self.resolve(self.sources[module], node.attr)

    def _asked(self, source: Source) -> Iterator[str]:
        """Attributes of what no import names: of objects, and of modules that are handed about or loaded."""
        modules = [alias for alias, (_, name) in source.imported.items() if not name]
        for node in source.nodes:
            if isinstance(node, ast.Attribute) and not (isinstance(node.value, ast.Name) and node.value.id in modules):
                yield node.attr

    def value(self, binding: Binding) -> "int | str | None":
        module, name = binding
        return self.sources[module].constants.get(name) if module in self.sources else None

    def _fold(self, source: Source) -> None:
        """Find the constants: set once at the top, to a number or a text that costs nothing more where it is used."""
        if source.folded:
            return
        source.folded = True
        count: dict[str, int] = {}
        for node in source.nodes:
            for name in [node.id] if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load) else []:
                count[name] = count.get(name, 0) + 1
            for name in node.names if isinstance(node, ast.Global) else []:
                count[name] = 2
        for statement in source.tree.body:
            target, value = assignment(statement)
            if target.startswith("_") and isinstance(value, ast.Call) and ast.unparse(value.func) == "const":
                source.gone.add(target)
            if target and value and count[target] == 1:
                found = self._evaluate(source, value)
                if found is not None:
                    source.constants[target] = found

    def _evaluate(self, source: Source, node: ast.expr) -> "int | str | None":
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "const":
            node = node.args[0]
        known = {}
        for inner in walk(node):
            if isinstance(inner, ast.Name):
                value = self._constant(source, inner.id)
                if value is None:
                    return None
                known[inner.id] = value
            elif not isinstance(inner, _FOLDED):
                return None
        found = eval(compile(ast.Expression(node), source.name, "eval"), {"__builtins__": {}}, known)
        short = isinstance(found, str) and len(found) <= INTERNED
        return found if short or type(found) is int and abs(found) < 1 << 30 else None

    def _constant(self, source: Source, name: str) -> "int | str | None":
        module, found = self.resolve(source, name)
        other = self.sources.get(module)
        if other is None or not found:
            return None
        self._fold(other)
        return other.constants.get(found)

    def _christen(self, head: str) -> None:
        """Each name of a group's modules gets one that is its own in the group."""
        taken = set(self.sources[head].names)
        for part in self.parts(head):
            for name in sorted(part.names - set(part.constants)):
                clashes = self.every.count(name) > 1 or name in self.locals or name in _BUILTIN
                new = name
                if part.name != head and (clashes or (part.name, name) not in self.exported):
                    new = f"{part.name.rpartition('.')[2]}_{name}"
                    if new in taken or new in self.locals or new in self.every:
                        raise Clash(f"{new} is taken: call {name} in {part.name} something else")
                taken.add(new)
                self.final[part.name, name] = new
