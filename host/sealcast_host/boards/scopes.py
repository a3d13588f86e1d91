"""Names in Python sources: what a statement binds, and where."""

import ast
from collections.abc import Iterator
from functools import cache

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
DEFINED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def strip(tree: ast.AST) -> None:
    """Without docstrings, and without the definition of const, which compilers know."""
    for node in ast.walk(tree):
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
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {statement.name}
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).split(".")[0] for alias in statement.names}
    if isinstance(statement, (*FUNCTIONS, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
        return set()
    found: set[str] = set()
    if isinstance(statement, ast.Name) and isinstance(statement.ctx, ast.Store | ast.Del):
        found.add(statement.id)
    if isinstance(statement, ast.ExceptHandler) and statement.name:
        found.add(statement.name)
    for child in ast.iter_child_nodes(statement):
        found |= bound(child)
    return found


@cache
def local_names(node: "ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda") -> set[str]:
    """Arguments, and what a function binds. Asked again and again of the same ones."""
    arguments = node.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    found = {a.arg for a in every if a}
    for statement in node.body if isinstance(node.body, list) else []:
        found |= bound(statement)
        for inner in ast.walk(statement):
            if isinstance(inner, ast.Global):
                found -= set(inner.names)
    return found


def stored(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def inside(function: ast.AST) -> Iterator[ast.AST]:
    """What stands in a function and not in one within it."""
    for child in ast.iter_child_nodes(function):
        yield child
        if not isinstance(child, FUNCTIONS):
            yield from inside(child)
