"""Fewer modules in a board's bundle (host/sealcast_host/boards/merge.py). That they say what the sources say is what
bundle_compare.py sees; that they do it, `sealcast hil` in this folder, tests/xip and tests/memory: boards there have
nothing else."""

import ast
import builtins
import importlib
import subprocess
import symtable

import bundle_compare
import pytest

from sealcast_host.boards import merge, modules, names, rewriting
from sealcast_host.boards.modules import Clash, Modules
from sealcast_host.boards.rewriting import Rewriter
from sealcast_host.boards.scopes import DEFINED, bound, local_names

PARTS = sorted(part for parts in merge.GROUPS.values() for part in parts.split())


def differences(texts):
    def value(module, name):
        return getattr(importlib.import_module(module), name)

    return bundle_compare.differences(merge.sources(), texts, merge.GROUPS, value)


def test_a_bundle_says_what_the_sources_say():
    assert not differences(merge.merged())


@pytest.mark.parametrize(
    "file,old,new,found",
    [
        ("node.mqtt", "2816 - 5", "2817 - 5", "node.mqtt in node.mqtt: PACKET is 2816"),
        ("node.setup", "led.led_make(", "led.led_patterns(", "('defined', 'node.led', 'make')] became"),
        ("sealcast.texts", "TEXTS = (", "TEXTS = ('', ", "another text"),
        ("sealcast.rare", "def watchdog_feed(", "def watchdog_food(", "of no source"),
    ],
)
def test_what_a_bundle_says_otherwise_is_found(file, old, new, found):
    text = merge.merged()[file]
    assert old in text
    assert [line for line in differences(merge.merged() | {file: text.replace(old, new, 1)}) if found in line]


def test_a_name_that_was_taken_for_a_local_one_is_found(monkeypatch):
    """As it was: the second of two statements took `dog` for a name of the function's own that the first had said is
    global, and no board fed its watchdog."""

    def as_it_was(node):
        found = {argument.arg for argument in ast.walk(node.args) if isinstance(argument, ast.arg)}
        for statement in node.body if isinstance(node.body, list) else []:
            found |= bound(statement)
            found -= {n for s in ast.walk(statement) if isinstance(s, ast.Global) for n in s.names}
        return found

    for module in (modules, rewriting, merge):
        monkeypatch.setattr(module, "local_names", as_it_was)
    found = differences(merge.together(merge.sources(), merge.GROUPS))
    assert found and all(line.startswith("node.watchdog in sealcast.rare: ") for line in found)


def tables(table):
    yield table
    for child in table.get_children():
        yield from tables(child)


def test_every_name_is_bound_where_it_stands():
    """In each text: what it looks up as a global is set at its top, or is Python's own."""
    for module, text in merge.merged().items():
        at_top = {name for statement in ast.parse(text).body for name in bound(statement)}
        used = {
            symbol.get_name()
            for table in tables(symtable.symtable(text, module, "exec"))
            for symbol in table.get_symbols()
            if symbol.is_global() and symbol.is_referenced()
        }
        assert used - at_top - set(dir(builtins)) <= {"const"}, module


def test_what_a_function_says_is_global_is_what_it_sets():
    """Under the same name as before it was put together with others: `global dog`, `dog = ...`."""
    for module, text in merge.merged().items():
        for function in ast.walk(ast.parse(text)):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                said = {n for s in ast.walk(function) if isinstance(s, ast.Global) for n in s.names}
                assert said <= {n for s in function.body for n in bound(s)}, (module, function.name)


def run(micropython, lib, program):
    text = names.source(f"import sys\nsys.path[:] = [{str(lib)!r}, '.frozen']\n{program}")
    done = subprocess.run([micropython, "-c", text], capture_output=True, text=True, cwd=lib)
    assert not done.stderr, done.stderr
    return done.stdout


def test_a_program_finds_each_part_and_its_names(micropython, bundled):
    lines, sources = [], merge.sources()
    for part in PARTS:
        own = [s.name for s in ast.parse(sources[part]).body if isinstance(s, DEFINED) and s.name != "const"]
        lines.append(f"from {part} import {', '.join(own)}")
    lines += ["from sealcast.wire import MAX_FRAME, U32, TAG", "print(MAX_FRAME, U32, TAG)"]
    assert run(micropython, bundled, "\n".join(lines)) == f"{2400} {0xFFFFFFFF} {16}\n"


def test_a_node_has_the_heads_alone(micropython, bundled):
    """And no text of an error before it is said."""
    program = "\n".join(f"import {head}" for head in merge.GROUPS) + "\nprint(' '.join(sys.modules))\n"
    program += "from sealcast.zpinc.members import Members\n"
    program += "try: Members(None).tag_of('anna')\nexcept Exception as e: print(e)"
    loaded, error = run(micropython, bundled, program).splitlines()
    assert not set(PARTS) & set(loaded.split()) and merge.TEXTS not in loaded.split()
    ours = set(loaded.split()) & set(merge.sources())
    packages = {name for name in ours if merge.file_of(name, merge.sources()).endswith("__init__")}
    assert ours - packages == set(merge.GROUPS), "a module that these import at their top belongs into GROUPS, too"
    assert error == "no member of that name has joined this channel yet"


def test_a_first_boot_makes_its_secrets_without_the_channel(micropython, bundled):
    """Which would lie in memory before the radio is on."""
    program = "import node.firstboot\nprint('sealcast.run.filestore' in sys.modules, 'sealcast.channel' in sys.modules)"
    assert run(micropython, bundled, program) == "False False\n"


# What says a text at once, beside errors themselves.
SAYS = {"", "violation", "report", "emit", "_say", "_muted"}


def test_long_texts_stand_where_they_are_said():
    """Not in an argument of something that may say them: they would be loaded each time, and stay."""
    errors = names.errors(names._sources().bases)
    for module, text in merge.merged().items():
        assert not {by for by in sayers(ast.parse(text)) if by not in errors | SAYS}, module


def sayers(node, around=""):
    """What is called with each long text: the innermost call around it; "": none."""
    if isinstance(node, ast.Call):
        name = ast.unparse(node.func).rpartition(".")[2]
        if name == "long_text":
            yield around
            return
        yield from sayers(node.func, around)
        around = "violation" if name.endswith("_violation") else name  # a part's name stands before it
    for child in ast.iter_child_nodes(node):
        if not (isinstance(node, ast.Call) and child is node.func):
            yield from sayers(child, "" if isinstance(node, ast.stmt) else around)


_PING = """
import asyncio, time
from node.mqtt import Client
class Stream:
    def write(self, data): print(bytes(data))
    async def drain(self): pass
class Input:
    heard = time.ticks_ms()
async def main():
    client = Client("host", 1883, "board")
    client.stream, client.input = Stream(), Input
    client.tx = bytearray(16)
    client.txv = memoryview(client.tx)
    ping = asyncio.create_task(client._keep_alive())
    await asyncio.sleep_ms(20)
    ping.cancel()
asyncio.run(main())
print('sealcast.texts' in sys.modules)
"""


def test_a_ping_loads_no_texts(micropython, bundled):
    assert run(micropython, bundled, _PING) == "b'\\xc0\\x00'\nFalse\n"


def put_together(part, head=""):
    """What the file of p.head has, of a group of two."""
    both = Modules({"p": "", "p.head": f"from . import part\n{head}", "p.part": part}, {"p"}, {"p.head": "p.part"})
    body = [s for source in both.parts("p.head") for s in Rewriter(both, source, "p.head").body()]
    return ast.unparse(ast.Module(body, []))


def test_what_cannot_be_put_together_is_refused():
    """A part that is handed about as an object: its names are no longer its own."""
    with pytest.raises(Clash, match=r"p\.part"):
        put_together("def g(): pass\n", "def f():\n    return part\n")


@pytest.mark.parametrize(
    "part",
    [
        "y = []\ndef f(a):\n    b = [y for i in a if (y := i)]\n    return y\n",
        "y = []\nz = [y for i in (1, 2) if (y := i)]\n",
        "y = []\nz = lambda: (y := 1)\n",
        "x = []\nclass C:\n    global x\n    x = 2\n",
        "x = []\ndef f():\n    x = 1\n    def g():\n        global x\n        x = 2\n    return x",
        "e = []\ntry:\n    e = [1]\nexcept ValueError as e:\n    pass\n",
    ],
)
def test_what_no_source_does_is_refused_rather_than_put_together_wrongly(part):
    with pytest.raises(Clash, match=r"p\.part has "):
        put_together(part)


@pytest.mark.parametrize(
    "part,made",
    [
        ("K = []\nclass C(object, metaclass=K): pass", "class part_C(object, metaclass=part_K):"),
        ("def d(c): return c\n@d\nclass C: pass", "@part_d\nclass part_C:"),
        ("x = [1]\ndef f():\n    return [x for x in x]", "return [x for x in part_x]"),
        ("x = [1]\ndef f(a):\n    return [x + [x for x in b] for b in a]", "[part_x + [x for x in b] for b in a]"),
    ],
)
def test_a_name_is_what_it_is_where_it_stands(part, made):
    assert made in put_together(part)


def test_what_is_global_in_a_function_is_so_in_no_other():
    inner = "def f():\n    x = 1\n    def g():\n        global x, y\n        x = y = 2\n    return x"
    f = ast.parse(inner).body[0]
    assert local_names(f) == {"x", "g"} and local_names(f.body[1]) == set()


def test_a_functions_own_name_goes_before_what_is_imported_around_it():
    head = "def f():\n    from .part import y\n    return (lambda y: y), (lambda: y)\n"
    assert "return (lambda y: y, lambda: part_y)" in put_together("def y(): pass\n", head)


@pytest.mark.parametrize(
    "asks",
    [
        "def f():\n    part = load('part')\n    part.GONE",
        "def f():\n    other, part = 1, need('part', 'other')\n    return lambda: part.GONE",
        "def f():\n    return load('part').GONE",
        "def f():\n    from .part import never",
    ],
)
def test_what_is_asked_of_a_module_must_be_its_own(asks):
    """What it imports itself has no name there in a bundle."""
    texts = {"sealcast": "", "sealcast.rare": "def load(name): pass\ndef need(*names): pass\n"}
    texts |= {"sealcast.head": "GONE = 1\n", "sealcast.part": "from .head import GONE\ndef f(): pass\n"}
    texts["sealcast.asks"] = f"from .rare import load, need\n{asks}\n"
    groups = {"sealcast.rare": "", "sealcast.head": ""}
    with pytest.raises(Clash, match=r"sealcast\.asks asks sealcast\.part for (GONE|never)"):
        merge.together(texts, groups)
    texts["sealcast.asks"] = texts["sealcast.asks"].replace("GONE", "f").replace("never", "f as never")
    assert merge.together(texts, groups)


def test_a_constant_that_another_module_imports_is_refused_there():
    """As it was: a doubt that ended well met an AttributeError on every board."""
    with pytest.raises(Clash, match=r"smmp\.suspicion asks sealcast\.smmp\.sync for CALM"):
        merge.merged("s.clear(CALM)", "s.clear(sync.CALM)")
