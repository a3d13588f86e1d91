"""Mutants made by rule: under every label of the core, each two neighbours
in what is hashed change places, or another part of the hash is taken.

A call that names a label (`b"sc/..."`) hashes the arguments behind it. Neighbours are two such arguments, two terms of
a sum of bytes in one of them, and two arguments of lv() in one of them. A mutant is one pair exchanged: members of the
core then agree with each other still, where making and checking go through one call, and only somebody independent can
tell.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Change:
    """`changed` has the new text of every file that differs, by its name."""

    label: str
    what: str
    changed: dict[str, str]


def _label_at(call: ast.Call) -> int | None:
    for i, argument in enumerate(call.args):
        if (
            isinstance(argument, ast.Constant)
            and isinstance(argument.value, bytes)
            and argument.value.startswith(b"sc/")
        ):
            return i
    return None


def _is_lv(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and (
        getattr(node.func, "id", "") == "lv" or getattr(node.func, "attr", "") == "lv"
    )


def _terms(node: ast.expr) -> list[ast.expr]:
    """The terms of a + b + c, in their order."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return [*_terms(node.left), *_terms(node.right)]
    return [node]


def _sum(terms: list[ast.expr]) -> ast.expr:
    total = terms[0]
    for term in terms[1:]:
        total = ast.BinOp(total, ast.Add(), term)
    return total


def _exchanged(items: list[ast.expr]) -> Iterator[list[ast.expr]]:
    for i in range(len(items) - 1):
        if ast.dump(items[i]) != ast.dump(items[i + 1]) and not any(
            isinstance(item, ast.Starred) for item in items[i : i + 2]
        ):
            yield [*items[:i], items[i + 1], items[i], *items[i + 2 :]]


def _of_call(call: ast.Call, at: int) -> Iterator[list[ast.expr]]:
    """The arguments of a call, one pair exchanged in each."""
    front, hashed = call.args[: at + 1], call.args[at + 1 :]
    for changed in _exchanged(hashed):
        yield front + changed
    for i, argument in enumerate(hashed):
        for changed in _exchanged(_terms(argument)):
            yield [*front, *hashed[:i], _sum(changed), *hashed[i + 1 :]]
        for k, term in enumerate(terms := _terms(argument)):
            if _is_lv(term):
                for changed in _exchanged(term.args):  # type: ignore[attr-defined]
                    again = copy.copy(term)
                    again.args = changed  # type: ignore[attr-defined]
                    yield [*front, *hashed[:i], _sum([*terms[:k], again, *terms[k + 1 :]]), *hashed[i + 1 :]]


def _labelled(tree: ast.AST) -> Iterator[tuple[ast.Call, int, str]]:
    for node in ast.walk(tree):
        at = _label_at(node) if isinstance(node, ast.Call) else None
        if isinstance(node, ast.Call) and at is not None:
            yield node, at, node.args[at].value.decode()[3:]  # type: ignore[attr-defined]


def exchanges(core: Path) -> Iterator[Change]:
    for path in sorted(core.rglob("*.py")):
        tree = ast.parse(path.read_text())
        for call, at, label in list(_labelled(tree)):
            before = call.args
            for number, arguments in enumerate(_of_call(call, at)):
                call.args = arguments
                what = f"another order under sc/{label}, pair {number} ({path.name}:{call.lineno})"
                yield Change(label, what, {path.relative_to(core).as_posix(): ast.unparse(tree)})
                call.args = before


def cuts(core: Path) -> Iterator[Change]:
    """H(...)[:n] becomes H(...)[1:n + 1], wherever it stands under one label."""
    found: dict[str, dict[str, str]] = {}
    trees = {path.relative_to(core).as_posix(): ast.parse(path.read_text()) for path in sorted(core.rglob("*.py"))}
    for name, tree in trees.items():
        by_label: dict[str, list[ast.Slice]] = {}
        calls = {id(call): label for call, _, label in _labelled(tree)}
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Subscript)
                and id(node.value) in calls
                and isinstance(node.slice, ast.Slice)
                and not node.slice.lower
            ):
                by_label.setdefault(calls[id(node.value)], []).append(node.slice)
        for label, slices in by_label.items():
            before = [piece.upper for piece in slices]
            for piece in slices:
                piece.lower, piece.upper = (
                    ast.Constant(1),
                    ast.BinOp(piece.upper or ast.Constant(0), ast.Add(), ast.Constant(1)),
                )
            found.setdefault(label, {})[name] = ast.unparse(tree)
            for piece, upper in zip(slices, before, strict=True):
                piece.lower, piece.upper = None, upper
    for label, changed in found.items():
        yield Change(label, f"another part of the hash under sc/{label}", changed)
