"""Shorter names in a board's bundle (host/sealcast_host/boards/names.py). That a core with them behaves as the one
without is what tests/xip/test_core_out_of_flash.py runs the whole suite of the core for."""

import ast
import keyword
import re
import subprocess

from sealcast import effects, rare
from sealcast.smmp import ratchet
from sealcast_host.boards import bundle, merge, names, shipped
from sealcast_host.boards.scopes import bound
from sealcast_host.boards.xip import mpy

_PROGRAM = """
import sys
sys.path[:] = [%r, '.frozen']
from sealcast.run.aio import Backoff, explain
from sealcast.wire import Reader, lv
from sealcast.errors import BadSettings, Reject
from node.log import Log
back = Backoff(1000, 60000, lambda n: bytes(n))
print(back.next(), Reader(lv(b'abc')).lv(), explain(OSError(113)))
def deepest():
    Reader(b'').take(9)
try: deepest()
except Reject as e: print(e.reason)
Reader(None).take(1)
"""


def _names(made):
    found = set()
    for path, data in made.files.items():
        if path.startswith(("/lib/sealcast/", "/lib/node/")):
            found.update(mpy.names(data))
    return found - {""}


def test_what_may_be_called_otherwise_is_and_nothing_else(mpy_cross):
    """Names of the map, each for one other, and names that stand in the sources; none that a user's program or
    MicroPython calls."""
    short = names.short_names()
    plain = _names(bundle.make("x64", 6, None, str(mpy_cross), plain=True))
    made = _names(bundle.make("x64", 6, None, str(mpy_cross)))
    modules = {name for module in merge.merged() for name in (module, module.rpartition(".")[2])}
    assert made - set(short.values()) - modules <= plain - set(short)
    assert not set(short.values()) & plain
    for name in ("join", "send", "body", "secrecy", "on", "code", "__init__", "append", "dog", "main", "uid", "x25519"):
        assert name not in short
    assert "Refused" not in short  # of node/mqtt.py: people read what run/explain.py says of an error
    assert len(set(short) & plain) > 800  # else it is not worth its while


def test_a_board_tells_which_names_it_has():
    """By one that the module has in its sources, and no bundle has (boards/start.py, hil/rig.py)."""
    assert callable(getattr(rare, names.MARK)) and names.MARK in names.short_names()


def test_no_two_are_mixed_up():
    """Attributes, arguments, and what one file has of another have each a name of their own; so have the globals of one
    file."""
    short, everywhere = names.short_names(), set()
    for module, text in merge.merged().items():
        tree, at_top = ast.parse(text), set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute | ast.arg | ast.keyword | ast.alias):
                name = getattr(node, "attr", None) or getattr(node, "arg", None) or getattr(node, "name", None)
                everywhere |= set() if isinstance(node, ast.alias) and merge.is_part(module) else {name}
        for statement in tree.body:
            at_top |= bound(statement)
        assert len({short.get(name, name) for name in at_top}) == len(at_top), module
    everywhere.discard(None)
    assert len(everywhere) > 500 and len({short.get(name, name) for name in everywhere}) == len(everywhere)
    assert len(set(short.values())) < 0.8 * len(short)


def test_what_a_board_prints_is_read_back():
    short = names.short_names()
    line = f'  File "aio", line 1, in {short["Backoff"]}'
    assert names.read_back(f"Traceback:\n{line}\nOSError: in {short['Backoff']}") == (
        f'Traceback:\n  File "aio", line 1, in Backoff\nOSError: in {short["Backoff"]}'
    )


def test_a_program_beside_a_bundle(micropython, bundled):
    """It reaches what is inside by the names that are there; its own traceback is read back."""
    program = names.source(_PROGRAM % str(bundled))
    done = subprocess.run([micropython, "-c", program], capture_output=True, text=True, cwd=bundled)
    said = names.read_back(done.stdout + done.stderr)
    assert said.splitlines()[0].startswith("1000 b'abc'") or re.match(r"\d+ b'abc' ", said), said
    assert 'File "rare", line 1, in take' in said and "TypeError" in said.splitlines()[-1], said


def test_texts_stay_and_so_does_what_they_name(tmp_path):
    """A name that stands in a string somewhere keeps it: what getattr or a key says must be found."""
    short = names.short_names()
    for path in [*shipped.core_dir().rglob("*.py"), *shipped.node_dir().rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert node.value not in short, (path, node.value)


def test_fields_of_tuples_keep_their_names():
    """What namedtuple is given are texts: one that names several is no name."""
    assert not {*effects.Sent._fields, *ratchet._State._fields} & set(names.short_names())


def test_sources_beside_a_bundle_still_compile():
    """A constant whose name begins with an underscore is gone when its module is compiled, and whoever imports it
    fails; a keyword is no name: both were seen with a source that lay beside a bundle."""
    new = names.short_names().values()
    assert not [name for name in new if name.startswith("_") or keyword.iskeyword(name)]
