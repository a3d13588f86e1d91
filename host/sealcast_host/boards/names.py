"""Shorter names for a board's bundle: on stock firmware each name of a module takes heap that nothing gives back.

A function, class, argument or attribute that only our own modules know is called on the board by a name that the
firmware has in flash already, or by one of two letters. The same name gets the same new one everywhere, and no new one
means anything in our modules, so that programs do the same as before. Left as they are: whatever some MicroPython knows
(firmware_names.txt), whatever stands in a string, names of modules, of the native modules' functions, and what programs
of a user's own call (the stubs, errors, messages, `join`). The map follows from the sources alone: `read_back` turns a
board's tracebacks back, `source` a program that is to run beside a bundle.
"""

import ast
import io
import keyword
import re
import string
import tokenize
from collections.abc import Iterable
from functools import lru_cache
from importlib import resources
from itertools import product
from pathlib import Path

from sealcast_host.boards import shipped
from sealcast_host.boards.xip import mpy

# What MicroPython itself looks for in an object that a program made, and what all errors have.
_LOOKED_UP = frozenset(
    "args close deinit errno flush ioctl items keys mount next open read readblocks readinto readline send seek throw "
    "umount value write writeblocks import_stat done cancel".split()
)
_USED_BY_PROGRAMS = ("run/session.pyi", "errors.py", "__init__.py", "crypto/native.py", "crypto/soft.py")
_NOT_COMPILED = ("main.py", "boot.py", "sealcast_platform.py")
_PATH = re.compile(r"\w+(\.\w+)*")


def renamed(data: bytes) -> bytes:
    """A .mpy file with the board's names."""
    return mpy.renamed(data, short_names())


def source(program: str) -> str:
    """A program in Python, with the board's names of what the bundle has."""
    names, lines = short_names(), program.splitlines(keepends=True)
    tokens = [t for t in tokenize.generate_tokens(io.StringIO(program).readline) if t.type == tokenize.NAME]
    for token in reversed(tokens):
        if token.string in names:
            row, begin = token.start
            line = lines[row - 1]
            lines[row - 1] = line[:begin] + names[token.string] + line[token.end[1] :]
    return "".join(lines)


def read_back(text: str) -> str:
    """What a board printed, with the names of the sources behind `in` of a traceback."""
    back = {new: old for old, new in short_names().items()}
    return re.sub(r'(?m)(File "\w+", line \d+, in )(\w+)$', lambda m: m[1] + back.get(m[2], m[2]), text)


@lru_cache
def short_names() -> dict[str, str]:
    """Name in the sources -> name on the board. The same for the same sources."""
    flash, known = _firmware()
    found = _Sources()
    for path in found.files:
        found.read(path)
    kept = known | flash | found.texts | found.modules | found.outside
    ours = [name for name in sorted(found.own - kept) if not name.startswith("__")]
    ours.sort(key=lambda name: name in found.rarely)  # stable: what is always loaded comes first
    taken = found.words | found.texts | found.modules | _LOOKED_UP | set(keyword.kwlist)
    there = sorted(flash - taken, key=lambda name: (len(name), name))
    free = [name for name in there if not name.startswith("_")]  # const() with such a name is gone once compiled
    short = [a + b for a, b in product(string.ascii_letters, string.ascii_letters + "_" + string.digits)]
    free += [name for name in short if name not in taken and name not in known and name not in flash]
    return dict(zip(ours, free, strict=False))


class _Sources:
    """What the modules of a bundle call things."""

    def __init__(self) -> None:
        self.folders = (shipped.core_dir(), shipped.node_dir())
        self.files = [path for folder in self.folders for path in sorted(folder.rglob("*.py"))]
        self.modules = {path.stem for path in self.files} | {path.parent.name for path in self.files}
        self.own: set[str] = set()  # what they define: functions, classes, arguments, attributes, globals
        self.words: set[str] = set()  # every name that stands in them
        self.texts: set[str] = set()  # words that are strings: keys, names of events, what getattr looks for
        self.outside = {"dog"}  # what others call; repl.py asks for this one
        for name in _USED_BY_PROGRAMS:
            self.outside |= _defined(ast.parse((self.folders[0] / name).read_text("utf-8")))
        for node in ast.walk(ast.parse((self.folders[0] / "effects.py").read_text("utf-8"))):
            if isinstance(node, ast.ClassDef) and node.name == "Message":
                self.outside |= _defined(node)
        for name in _NOT_COMPILED:
            self.outside |= _words((self.folders[1] / name).read_text("utf-8"))
        for path in sorted((shipped.prebuilt_dir() / "rv32imc").glob("*.mpy")):
            self.outside.update(mpy.names(path.read_bytes()))
        self._always: set[str] = set()
        self._rare: set[str] = set()

    @property
    def rarely(self) -> set[str]:
        """Names that only rare code has."""
        return self._rare - self._always

    def read(self, path: Path) -> None:
        text = path.read_text("utf-8")
        tree, words = ast.parse(text), _words(text)
        self.own |= _defined(tree)
        self.words |= words
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                self.texts.update(node.value.split(".") if _PATH.fullmatch(node.value) else ())
        rare = path.parent.name in ("smmp",) or path.stem in _RARE or "soft" in path.stem
        (self._rare if rare else self._always).update(words)


# Loaded now and then, or never on a board.
_RARE = ("arguments", "cpace", "host", "joins", "history", "rekey", "revocation", "settings", "sensors", "setup")


def _defined(tree: ast.AST) -> set[str]:
    """Names that a module gives to functions, classes, arguments, attributes and what is global in it.

    Constants that vanish when they are compiled, and what is local to a function, have no name on a board.
    """
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            found.add(node.attr)
        elif isinstance(node, ast.alias) and node.asname:
            found.add(node.asname)
        elif isinstance(node, ast.Global):
            found.update(node.names)
        if isinstance(node, ast.Module | ast.ClassDef):
            found |= _assigned(node.body)
    return found


def _assigned(body: Iterable[ast.stmt]) -> set[str]:
    found: set[str] = set()
    for statement in body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        value = getattr(statement, "value", None)
        constant = isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "const"
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                if not (constant and node.id.startswith("_")):
                    found.add(node.id)
    return found


def _words(text: str) -> set[str]:
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return {token.string for token in tokens if token.type == tokenize.NAME}


def _firmware() -> tuple[set[str], set[str]]:
    """-> (names in the flash of an ESP32's stock firmware, others that some MicroPython knows)"""
    text = (resources.files(__package__) / "firmware_names.txt").read_text("utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    flash, known = (set(part.split()) for part in "\n".join(lines).split("\n--\n"))
    return flash, known
