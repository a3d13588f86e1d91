"""Has each module of a board's bundle what others ask it for? What it only imports itself may be gone there (merge.py):
constants stand as values where they are used, and what stands in the same file is imported no more."""

import ast

from sealcast_host.boards.modules import Clash
from sealcast_host.boards.scopes import FUNCTIONS, bound, inside, local_names


def see_to(texts: dict[str, str]) -> None:
    """texts: module -> its text in the bundle. Of names that are imported, and of attributes of modules that import
    names or load gives. Raises Clash."""
    trees = {name: ast.parse(text) for name, text in texts.items()}
    own = {name: {n for statement in tree.body for n in bound(statement)} for name, tree in trees.items()}
    for name, tree in trees.items():
        _Asking(name, own).visit(tree, {})


class _Asking:
    def __init__(self, name: str, own: dict[str, set[str]]) -> None:
        self.name, self.own = name, own

    def visit(self, scope: ast.AST, known: dict[str, str]) -> None:
        """A file, or a function. known: name -> the module that it is around it."""
        if isinstance(scope, FUNCTIONS):
            known = {name: module for name, module in known.items() if name not in local_names(scope)}
        nodes = list(inside(scope))
        for node in nodes:
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    self.see(str(node.module), alias.name)
                    known[alias.asname or alias.name] = f"{node.module}.{alias.name}"
            elif isinstance(node, ast.Assign):
                known |= {name: _loaded(value) for name, value in _pairs(node)}
        for node in nodes:
            if isinstance(node, ast.Attribute):
                base = node.value
                self.see(known.get(base.id, "") if isinstance(base, ast.Name) else _loaded(base), node.attr)
            elif isinstance(node, FUNCTIONS):
                self.visit(node, dict(known))

    def see(self, module: str, name: str) -> None:
        if module in self.own and name not in self.own[module] and f"{module}.{name}" not in self.own:
            raise Clash(f"{self.name} asks {module} for {name}, which it does not have itself on a board")


def _pairs(node: ast.Assign) -> list[tuple[str, ast.expr]]:
    """a, b = c, d -> (a, c), (b, d)"""
    target, value = node.targets[0], node.value
    pairs = [(target, value)]
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        pairs = list(zip(target.elts, value.elts, strict=True))
    return [(a.id, b) for a, b in pairs if isinstance(a, ast.Name)]


def _loaded(node: ast.expr) -> str:
    """The module that load("...") or need("...", ...) gives."""
    if isinstance(node, ast.Call) and node.args and ast.unparse(node.func).rpartition(".")[2] in ("load", "need"):
        first = node.args[0]
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            return "sealcast." + first.value
    return ""
