"""Shorter names for a board's bundle: on stock firmware each name of a module takes heap that nothing gives back.

A function, class, argument or attribute that only our own modules know is called on the board by a name that the
firmware has in flash already, or by one of two letters. The same name gets the same new one everywhere, and no new one
means anything in our modules, so that programs do the same as before. What is global in one file and known in no other
needs no name of its own: it is called like some attribute that is no function, which no file has among its globals.
Left as they are: whatever some MicroPython knows (firmware_names.txt), whatever stands in a string, names of modules,
of the native modules' functions, of errors, which people read, and what programs of a user's own call (the stubs,
messages, `join`). The map follows from the sources alone: `read_back` turns a board's tracebacks back, `source` a
program that is to run beside a bundle.
"""

import ast
import builtins
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

from sealcast_host.boards import merge, shipped
from sealcast_host.boards.kept import kept
from sealcast_host.boards.scopes import DEFINED, identifiers, walk
from sealcast_host.boards.xip import mpy

# What MicroPython itself looks for in an object that a program made, and what all errors have.
_LOOKED_UP = frozenset(
    "args close deinit errno flush ioctl items keys mount next open read readblocks readinto readline send seek throw "
    "umount value write writeblocks import_stat done cancel".split()
)
_USED_BY_PROGRAMS = ("run/session.pyi", "errors.py", "__init__.py", "crypto/native.py", "crypto/soft.py")
MARK = "tidy"  # of sealcast.rare: where a board's module has it, all names there are those of the sources
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
    back = {new: old for old, new in short_names().items() if not _sources().only_data(old)}
    return re.sub(r'(?m)(File "\w+", line \d+, in )(\w+)$', lambda m: m[1] + back.get(m[2], m[2]), text)


@lru_cache
def short_names() -> dict[str, str]:
    """Name in the merged sources (merge.py) -> name on the board. The same for the same sources."""
    return kept("names", _short_names)


def _short_names() -> dict[str, str]:
    found, named = _sources(), dict(own_names())
    places = [new for name, new in named.items() if found.only_data(name) and name not in found.rarely]
    for name in sorted(found.shortened() - set(named)):
        elsewhere = {named[other] for other in found.at if other in named and found.at[other] & found.at[name]}
        named[name] = next(place for place in places if place not in elsewhere)
    return named


@lru_cache
def own_names() -> dict[str, str]:
    """Those that are no other name's as well."""
    return kept("own-names", _own_names)


def _own_names() -> dict[str, str]:
    flash, known = _firmware()
    found = _sources()
    ours = [name for name in sorted(found.shortened()) if not found.private(name)]
    ours.sort(key=lambda name: name in found.rarely)  # stable: what is always loaded comes first
    taken = found.words | found.texts | found.modules | _LOOKED_UP | set(keyword.kwlist)
    there = sorted(flash - taken, key=lambda name: (len(name), name))
    free = [name for name in there if not name.startswith("_")]  # const() with such a name is gone once compiled
    short = [a + b for a, b in product(string.ascii_letters, string.ascii_letters + "_" + string.digits)]
    free += [name for name in short if name not in taken and name not in known and name not in flash]
    return dict(zip(ours, free, strict=False))


@lru_cache
def _sources() -> "_Sources":
    found = _Sources()
    for name, text in merge.merged().items():
        found.read(name, text)
    for path in _loader():
        found.read(path.stem, path.read_text("utf-8"))
    return found


def _loader() -> list[Path]:
    """What starts bytecode in flash."""
    return sorted((shipped.xip_dir() / "board").glob("*.py"))


class _Sources:
    """What the modules of a bundle call things."""

    def __init__(self) -> None:
        self.folders = (shipped.core_dir(), shipped.node_dir())
        files = [path for folder in self.folders for path in sorted(folder.rglob("*.py"))]
        self.modules = {path.stem for path in (*files, *_loader())} | {path.parent.name for path in files}
        self.own: set[str] = set()  # what they define: functions, classes, arguments, attributes, globals
        self.words: set[str] = set()
        self.texts: set[str] = set()  # words that are strings: keys, names of events, what getattr looks for
        self.outside = {"dog", "enter"}  # what others call; repl.py asks for the first, stubs for the second
        for path in (*files, *(self.folders[0] / name for name in _USED_BY_PROGRAMS if name.endswith(".pyi"))):
            self._of_others(path, walk(ast.parse(path.read_text("utf-8"))))
        for path in (*(shipped.prebuilt_dir() / "rv32imc").glob("*.mpy"), *shipped.xip_dir().rglob("rv32imc/*.mpy")):
            self.outside.update(mpy.names(path.read_bytes()))
        self.attributes: set[str] = set()  # of objects, and arguments
        self.functions: set[str] = set()  # what tracebacks name, and classes
        self.borrowed: set[str] = set()  # what one file has of another
        self.bases: dict[str, set[str]] = {}  # of classes
        self.at: dict[str, set[str]] = {}  # what a file binds at its top -> the files that have it
        self._bare: set[str] = set()  # what classes look up while they are made
        self._always: set[str] = set()
        self._rare: set[str] = set()

    def _of_others(self, path: Path, nodes: list[ast.AST]) -> None:
        """What a file as it was written calls things, and what of that programs use, or files that stay as they are."""
        words = identifiers(nodes)
        if path.suffix == ".py":
            self.words |= words
        if path in (self.folders[0] / name for name in _USED_BY_PROGRAMS):
            self.outside |= _defined(nodes)
        if path == self.folders[0] / "effects.py":
            for node in nodes:
                if isinstance(node, ast.ClassDef) and node.name == "Message":
                    self.outside |= _defined(walk(node))
        if path in (self.folders[1] / name for name in _NOT_COMPILED):
            self.outside |= words

    @property
    def rarely(self) -> set[str]:
        """Names that only rare code has."""
        return self._rare - self._always

    def shortened(self) -> set[str]:
        """Names that a board calls otherwise."""
        flash, known = _firmware()
        kept = known | flash | self.texts | self.modules | self.outside | errors(self.bases)
        return {name for name in self.own - kept if not name.startswith("__")}

    def private(self, name: str) -> bool:
        """Is it global in files that do not know of each other, and nothing else anywhere?"""
        return name in self.at and not any(name in names for names in (self.attributes, self.borrowed, self._bare))

    def only_data(self, name: str) -> bool:
        """Is it an attribute or argument, no function, and global nowhere?"""
        return name in self.attributes and not any(name in names for names in (self.at, self.borrowed, self.functions))

    def _places(self, name: str, tree: ast.Module, nodes: list[ast.AST]) -> None:
        """Where a module's names stand."""
        for node in nodes:
            if isinstance(node, ast.Attribute):
                self.attributes.add(node.attr)
            elif isinstance(node, ast.arg | ast.keyword):
                self.attributes.add(node.arg or "")
            elif isinstance(node, DEFINED):
                self.functions.add(node.name)
            elif isinstance(node, ast.alias) and merge.is_part(name):  # its own file only names what its head has
                self.at.setdefault(node.asname or node.name, set()).add(name)
            elif isinstance(node, ast.alias):
                self.borrowed |= {node.name, node.asname or node.name}
            if isinstance(node, ast.ClassDef):
                self.bases.setdefault(node.name, set()).update(identifiers(walk(ast.Tuple(node.bases, ast.Load()))))
                self._bare |= {n.id for s in node.body for n in walk(s) if isinstance(n, ast.Name)}
                self.attributes |= _assigned(node.body) | {s.name for s in node.body if isinstance(s, DEFINED)}
        for bound in _assigned(tree.body) | {s.name for s in tree.body if isinstance(s, DEFINED)}:
            self.at.setdefault(bound, set()).add(name)

    def read(self, name: str, text: str) -> None:
        tree = ast.parse(text)
        nodes = walk(tree)
        words = identifiers(nodes)
        self._places(name, tree, nodes)
        self.own |= _defined(nodes)
        self.words |= words
        for node in nodes:
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                self.texts.update(node.value.split(".") if _PATH.fullmatch(node.value) else ())
        stem = name.rpartition(".")[2]
        rare = ".smmp." in name or stem in _RARE or "soft" in stem
        (self._rare if rare else self._always).update(words)


# Loaded now and then, or never on a board.
_RARE = ("arguments", "cpace", "host", "joins", "history", "rekey", "revocation", "settings", "sensors", "setup")


def errors(bases: dict[str, set[str]]) -> set[str]:
    """Classes that are errors, of those whose bases these are, and Python's own."""
    found = {name for name, it in vars(builtins).items() if isinstance(it, type) and issubclass(it, BaseException)}
    while more := {name for name, above in bases.items() if above & found} - found:
        found |= more
    return found


def _defined(nodes: list[ast.AST]) -> set[str]:
    """Names that a module, of which these are all nodes, gives to functions, classes, arguments, attributes and what is
    global in it.

    Constants that vanish when they are compiled, and what is local to a function, have no name on a board.
    """
    found: set[str] = set()
    for node in nodes:
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
        for node in walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                if not (constant and node.id.startswith("_")):
                    found.add(node.id)
    return found


def firmware_names() -> set[str]:
    """What some MicroPython knows."""
    return set().union(*_firmware())


@lru_cache
def _firmware() -> tuple[set[str], set[str]]:
    """-> (names in the flash of an ESP32's stock firmware, others that some MicroPython knows)"""
    text = (resources.files(__package__) / "firmware_names.txt").read_text("utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    flash, known = (set(part.split()) for part in "\n".join(lines).split("\n--\n"))
    return flash, known
