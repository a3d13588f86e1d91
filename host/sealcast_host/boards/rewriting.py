"""A module's statements as they stand in the file of its group, or in a file of their own (merge.py)."""

import ast

from sealcast_host.boards.modules import Binding, Clash, Modules, Source
from sealcast_host.boards.scopes import assignment, bound, inside, local_names, stored, walk

_LONG = 28  # from here on a text costs more than what loads it


class Rewriter(ast.NodeTransformer):
    """One module's statements as they stand in the file `home` (a head), or in a file of its own ("")."""

    def __init__(self, modules: Modules, source: Source, home: str) -> None:
        self.modules, self.source, self.home = modules, source, home
        # Local names, what a function imports of ours, and: is it a class?
        self.scopes: list[tuple[set[str], dict[str, Binding], bool]] = []
        self.said: list[ast.stmt] = []

    def body(self) -> list[ast.stmt]:
        """All of them, without those that only name constants: these stand where they are used."""
        out: list[ast.stmt] = []
        for statement in self.source.tree.body:
            target, _ = assignment(statement)
            kept = target in self.modules.asked and self.home in ("", self.source.name)
            if target == "__all__" or target in self.source.constants and not kept:
                continue
            found = self.visit(statement)
            out += found if isinstance(found, list) else [found] if found else []
        return self.said + out

    def origin(self, name: str) -> "Binding | None":
        """Where a name comes from; None: it is a local one, of a function around or of the class that is being made."""
        for i, (names, imported, of_class) in enumerate(reversed(self.scopes)):
            if name in imported:
                module, found = imported[name]
                return self.modules.resolve(self.modules.sources[module], found) if found else (module, "")
            if name in names and (i == 0 or not of_class):
                return None
        return self.modules.resolve(self.source, name)

    def refuse(self, node: ast.AST, what: str) -> None:
        """What no source has, and nobody has seen to."""
        raise Clash(f"{self.source.name} has {what}, which is not put together rightly: {ast.unparse(node)}")

    def visit_Name(self, node: ast.Name) -> ast.expr:
        binding = self.origin(node.id)
        if binding is None:
            return node
        value = self.modules.value(binding)
        if value is not None and isinstance(node.ctx, ast.Load):
            return ast.Constant(value)
        if not binding[1] and self.home and self.modules.head.get(binding[0]) == self.home:
            raise Clash(f"{self.source.name} uses the module {binding[0]} as a value")
        if self.home or binding[0] != self.source.name:
            node.id = self.modules.final.get(binding, node.id)
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        """A long text in a function of a group is loaded when it is said."""
        text, inside = node.value, any(not of_class for _, _, of_class in self.scopes)
        if not (self.home and inside and isinstance(text, str) and len(text) >= _LONG):
            return node
        if text not in self.modules.texts:
            self.modules.texts.append(text)
        if self.home != "sealcast.rare":
            self.said = [ast.ImportFrom("sealcast.rare", [ast.alias("long_text")], 0)]
        return ast.Call(ast.Name("long_text", ast.Load()), [ast.Constant(self.modules.texts.index(text))], [])

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        if isinstance(node.op, ast.Mod) and isinstance(node.left, ast.Constant):
            node.right = self.visit(node.right)  # a format that is not there would fail
        else:
            self.generic_visit(node)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        base = node.value
        origin = self.origin(base.id) if isinstance(base, ast.Name) else None
        if origin is not None:
            module, name = origin
            if not name and module in self.modules.sources:
                binding = self.modules.resolve(self.modules.sources[module], node.attr)
                value = self.modules.value(binding)
                if value is not None:
                    return ast.Constant(value)
                head = self.modules.head.get(module)
                if head and binding in self.modules.final:
                    if head == self.home:
                        return ast.Name(self.modules.final[binding], node.ctx)
                    node.attr = self.modules.final[binding]
                return node
        self.generic_visit(node)
        return node

    def visit_Import(self, node: ast.Import) -> ast.stmt:
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> list[ast.stmt]:
        out: list[ast.stmt] = []
        base = self.modules.absolute(self.source, node)
        for alias in node.names:
            new = alias.asname or alias.name
            inner = f"{base}.{alias.name}"
            if alias.name == "const":
                continue
            final = self.modules.final.get((self.source.name, new), new) if self.home else new
            if inner in self.modules.sources:
                out += self._module(inner, new)
            elif base in self.modules.sources and (self.scopes or new in self.source.imported):
                out += self._named(base, alias.name, new)
            else:  # of none of ours, or one of two that a program of another Python has
                out.append(ast.ImportFrom(base, [ast.alias(alias.name, None if final == alias.name else final)], 0))
        return out

    def _module(self, module: str, bound: str) -> list[ast.stmt]:
        """`bound` is to be this module, or the head that has what it had; nothing where we are in that head."""
        head = self.modules.head.get(module, module)
        if self.home and head == self.home:
            return []
        package, _, name = head.rpartition(".")
        return [ast.ImportFrom(package, [ast.alias(name, None if name == bound else bound)], 0)]

    def _named(self, base: str, name: str, bound: str) -> list[ast.stmt]:
        """`bound` is to be a name of a module: from where it is now, by what it is called there."""
        binding = self.modules.resolve(self.modules.sources[base], name)
        if self.modules.value(binding) is not None:
            return []
        head = self.modules.head.get(binding[0], binding[0])
        if self.home and head == self.home:
            return []
        if not binding[1]:
            return self._module(binding[0], bound)
        final = self.modules.final.get(binding)
        if final:
            return [ast.ImportFrom(head, [ast.alias(final, None)], 0)]
        return [ast.ImportFrom(head, [ast.alias(binding[1], None if binding[1] == bound else bound)], 0)]

    def visit_Global(self, node: ast.Global) -> ast.stmt:
        if self.scopes and self.scopes[-1][2]:
            self.refuse(node, "a global name in a class")
        if any(name in names for names, _, of_class in self.scopes[:-1] if not of_class for name in node.names):
            self.refuse(node, "a global name that a function around has for its own")
        if self.home:
            node.names = [self.modules.final[self.source.name, name] for name in node.names]
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.stmt:
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.stmt:
        return self._function(node)

    def _function(self, node: "ast.FunctionDef | ast.AsyncFunctionDef") -> ast.stmt:
        if not self.scopes:
            node.name = self._own(node.name)
        node.decorator_list = [self.visit(d) for d in node.decorator_list]
        self._defaults(node.args)
        imports = [inner for inner in inside(node) if isinstance(inner, ast.ImportFrom)]
        found = [b for inner in imports for b in self.modules.bindings(self.source, inner)]
        self.scopes.append((local_names(node), {alias: (module, name) for module, name, alias in found}, False))
        node.body = self._block(node.body)
        self.scopes.pop()
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.expr:
        self._defaults(node.args)
        self._no_walrus(node)
        self.scopes.append((local_names(node), {}, False))
        node.body = self.visit(node.body)
        self.scopes.pop()
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.stmt:
        if not self.scopes:
            node.name = self._own(node.name)
        node.bases = [self.visit(b) for b in node.bases]
        node.keywords = [self.visit(k) for k in node.keywords]
        node.decorator_list = [self.visit(d) for d in node.decorator_list]
        names: set[str] = set()
        for statement in node.body:
            names |= bound(statement)
        self.scopes.append((names, {}, True))
        node.body = self._block(node.body)
        if self.home:  # two names that MicroPython gives to each class and nobody asks for; methods take their places
            node.body = [*ast.parse("del __module__, __qualname__").body, *node.body]
        self.scopes.pop()
        return node

    def visit_ListComp(self, node: ast.ListComp) -> ast.expr:
        return self._comprehension(node)

    def visit_SetComp(self, node: ast.SetComp) -> ast.expr:
        return self._comprehension(node)

    def visit_DictComp(self, node: ast.DictComp) -> ast.expr:
        return self._comprehension(node)

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> ast.expr:
        return self._comprehension(node)

    def _comprehension(self, node: "ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp") -> ast.expr:
        self._no_walrus(node)
        first = node.generators[0]
        outside, first.iter = self.visit(first.iter), ast.Constant(None)
        self.scopes.append((set().union(*(stored(generator.target) for generator in node.generators)), {}, False))
        self.generic_visit(node)
        self.scopes.pop()
        first.iter = outside
        return node

    def _no_walrus(self, node: ast.expr) -> None:
        if any(isinstance(inner, ast.NamedExpr) for inner in walk(node)):
            self.refuse(node, ":= in an expression with names of its own")

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.ExceptHandler:
        if node.name and not self.scopes:
            self.refuse(node, "an error with a name at its top")
        self.generic_visit(node)
        return node

    def _defaults(self, arguments: ast.arguments) -> None:
        arguments.defaults = [self.visit(d) for d in arguments.defaults]
        arguments.kw_defaults = [self.visit(d) if d else None for d in arguments.kw_defaults]

    def _block(self, body: list[ast.stmt]) -> list[ast.stmt]:
        out: list[ast.stmt] = []
        for statement in body:
            found = self.visit(statement)
            out += found if isinstance(found, list) else [found] if found else []
        return out or [ast.Pass()]

    def _own(self, name: str) -> str:
        return self.modules.final.get((self.source.name, name), name) if self.home else name
