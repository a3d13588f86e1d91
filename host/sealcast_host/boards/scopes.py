"""Names in Python sources: what a statement binds, and where."""

import ast
from collections.abc import Iterable, Iterator
from functools import cache

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
DEFINED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_SCOPES = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def children(node: ast.AST) -> list[ast.AST]:
    """What ast.iter_child_nodes yields, without contexts and operators, in a fraction of its time."""
    found: list[ast.AST] = []
    for value in vars(node).values():
        if isinstance(value, list):
            found += [item for item in value if isinstance(item, ast.AST)]
        elif isinstance(value, ast.AST) and value._fields:
            found.append(value)
    return found


def walk(tree: ast.AST) -> list[ast.AST]:
    """What ast.walk yields, in its order, of such children."""
    nodes = [tree]
    for node in nodes:  # which grows
        nodes += children(node)
    return nodes


def strip(tree: ast.AST) -> None:
    """Without docstrings, and without the definition of const, which compilers know."""
    for node in walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:] or ([] if isinstance(node, ast.Module) else [ast.Pass()])
        if isinstance(node, ast.Module):
            node.body = [s for s in node.body if "const" not in bound(s) or not isinstance(s, ast.Try)]


def assignment(statement: ast.stmt) -> tuple[str, "ast.expr | None"]:
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1 and isinstance(statement.targets[0], ast.Name):
        return statement.targets[0].id, statement.value
    return "", None


def bound(statement: ast.AST) -> set[str]:
    """Names that a statement binds in its own scope."""
    found: set[str] = set()
    nodes = [statement]
    for node in nodes:  # which grows
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Store | ast.Del):
                found.add(node.id)
        elif isinstance(node, DEFINED):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found.update((alias.asname or alias.name).split(".")[0] for alias in node.names)
        elif not isinstance(node, _SCOPES):
            if isinstance(node, ast.ExceptHandler) and node.name:
                found.add(node.name)
            nodes += children(node)
    return found


@cache
def local_names(node: "ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda") -> set[str]:
    """Arguments, and what a function binds. Asked again and again of the same ones."""
    arguments = node.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    found = {a.arg for a in every if a}
    for statement in node.body if isinstance(node.body, list) else []:
        found |= bound(statement)
    return found - {name for inner in inside(node) if isinstance(inner, ast.Global) for name in inner.names}


def stored(node: ast.AST) -> set[str]:
    return {n.id for n in walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def inside(function: ast.AST) -> Iterator[ast.AST]:
    """What stands in a function and not in one within it."""
    for child in children(function):
        yield child
        if not isinstance(child, FUNCTIONS):
            yield from inside(child)


def identifiers(nodes: Iterable[ast.AST]) -> set[str]:
    """All names in these nodes; not what only texts say, and no keywords."""
    found: set[str] = set()
    for node in nodes:
        for value in vars(node).values() if not isinstance(node, ast.Constant) else ():
            if isinstance(value, str):
                found.update(value.split("."))  # of a module, perhaps
            elif isinstance(value, list) and value and isinstance(value[0], str):  # global and nonlocal have such
                found.update(value)
    return found
