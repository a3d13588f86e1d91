"""Rare code (shared/sealcast/rare.py): dropped it dies, a load that fails loses nothing, a flood costs one load.

The rare modules are those that a load("...") or need("...") of a board names; the scenarios are the core's own tests
and the recorded runs.
"""

import ast
import gc
import sys
import weakref
from contextlib import contextmanager
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from traceback import extract_tb

import pytest

import architecture
import dual
from recorded import Run
from rules import rules
from sealcast import errors, rare
from sealcast.channel import Channel
from solo import Peer, Solo, suite

OURS = architecture.SOURCES[:2]  # those of a board
NAMES = sorted(name.removeprefix("sealcast.") for name in architecture.rare(architecture.graph(OURS)))
RARE = {name: path for name, path in architecture.modules(OURS).items() if name.removeprefix("sealcast.") in NAMES}
LIVES = [(story, uid) for story in ("zpinc", "group", "notice") for uid in Run(f"stories/{story}.json", suite).uids()]
SCENARIOS = sorted(
    (path.stem, node.name)
    for folder in ("zpinc", "smmp")
    for path in (dual.CORE / folder).glob("test_*.py")
    for node in ast.parse(path.read_text()).body
    if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
)


def test_there_is_rare_code():
    assert len(NAMES) > 10
    expected = {"zpinc.joins", "zpinc.history", "zpinc.rekey", "smmp.sync", "smmp.membership", "state", "run.settings"}
    assert expected <= set(NAMES)


class Once(SourceFileLoader):
    """Reads and compiles a file once a process: each module that is made of it is a new one, of new functions."""

    codes = {}

    def get_code(self, fullname):
        if fullname not in self.codes:
            self.codes[fullname] = super().get_code(fullname)
        return self.codes[fullname]

    @classmethod
    def spec(cls, fullname, path):
        return spec_from_file_location(fullname, path, loader=cls(fullname, str(path)))

    @classmethod
    def find_spec(cls, fullname, path, target=None):
        """For sys.meta_path: rare code is loaded ten thousands of times here."""
        file = RARE.get(fullname)
        return file and cls.spec(fullname, file)


class Watch:
    """Weak references to what was dropped: each must die."""

    def __init__(self, every):
        self.references = []
        self.inputs, self.next = 0, every
        self.dropped = set()

    def drop_all(self):
        for name in NAMES:
            module = sys.modules.get("sealcast." + name)
            if module is None:
                continue
            for value in [module, *vars(module).values()]:
                own = isinstance(value, type) or callable(value) and hasattr(value, "__code__")
                if value is module or own and value.__module__ == module.__name__:
                    self.references.append((name, getattr(value, "__name__", ""), weakref.ref(value)))
            self.dropped.add(name)
            rare.drop(name)

    def living(self):
        gc.collect()
        found = sorted({f"{name}: {what}" for name, what, reference in self.references if reference() is not None})
        self.references = []
        return found


@contextmanager
def dropping(every=50):
    """While it lasts, all rare code is dropped after each call of a Channel, and must be dead; -> Watch."""
    watch, depth = Watch(every), [0]
    for name in NAMES:
        rare.drop(name)

    def wrapped(method):
        def call(*args, **kwargs):
            depth[0] += 1
            try:
                return method(*args, **kwargs)
            finally:
                depth[0] -= 1
                if depth[0] == 0:
                    watch.drop_all()
                    watch.inputs += 1
                    if watch.inputs >= watch.next and sys.exc_info()[0] is None:  # what failed still holds its frames
                        watch.next = watch.inputs + every
                        assert watch.living() == []

        return call

    methods = {
        name: value
        for name, value in vars(Channel).items()
        if callable(value) and (name[0] != "_" or name == "__init__")
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "meta_path", [Once, *sys.meta_path])
        for name, method in methods.items():
            patch.setattr(Channel, name, wrapped(method))
        yield watch
    assert watch.living() == []


def fresh(module):
    """A test module of its own: one that pytest has may hold on to functions of rare modules."""
    spec = Once.spec("scenario_" + module, dual.SOURCES[module])
    loaded = module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.mark.parametrize(("module", "name"), SCENARIOS, ids=[f"{module}-{name}" for module, name in SCENARIOS])
def test_scenarios_with_all_rare_code_dropped_between_inputs(module, name):
    """And with the rules of rules.py kept at each call."""
    scenario = getattr(fresh(module), name)
    with rules(), dropping():
        scenario()


@pytest.mark.parametrize("story", ["zpinc", "group", "notice"])
def test_recorded_runs_with_all_rare_code_dropped_between_inputs(story):
    """Byte for byte as if it had stayed."""
    run = Run(f"stories/{story}.json", suite)
    with dropping() as watch:
        for uid in run.uids():
            run.replay(uid)
    assert watch.inputs > 100 and {"zpinc.joins", "zpinc.history", "zpinc.rekey", "state"} <= watch.dropped


def test_a_scenario_that_keeps_rare_code_alive_is_seen():
    kept = []
    with pytest.raises(AssertionError, match=f"{NAMES[0]}: "):
        with dropping():
            module = rare.load(NAMES[0])
            kept.append(next(f for f in vars(module).values() if getattr(f, "__module__", "") == module.__name__))
            Solo().connect()


class Short:
    """In place of rare's __import__: the n-th module to be loaded finds no memory, twice, as after a collection."""

    def __init__(self, n):
        self.loads, self.n = [], n
        self.sites = {}  # (module, where the core asks for it) -> number of the first such load
        self.failing = None

    def __call__(self, full):
        if full != self.failing:
            self.loads.append(full)
            self.sites.setdefault((full, asking()), len(self.loads))
            if len(self.loads) == self.n:
                self.failing = full
                raise MemoryError
            return __import__(full)
        self.failing = None
        raise MemoryError


def asking():
    """The line of the core that asks rare.py."""
    frame = sys._getframe(1)
    while frame.f_code.co_filename.endswith(("/rare.py", "/test_rare_scenarios.py")):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


class Again(Run):
    """A replay in which no input ends with a MemoryError: see the head of channel.py.

    NoRoom: it has done nothing, and is given in again. Otherwise the memory was missing at the very end of it, when all
    was decided: what it decided comes with the next end.
    """

    failures = 0

    def entered(self, member, given):
        try:
            return member.enter(*given)
        except errors.NoRoom:
            self.failures += 1
            return member.enter(*given)
        except MemoryError as e:
            self.failures += 1
            at = [f"{entry.filename}:{entry.lineno} {entry.name}" for entry in extract_tb(e.__traceback__)]
            assert any(line.endswith(" _finish") for line in at), (given, at)
            return member.finish(given[0])

    def _boot(self, member, *given):
        stored = member.stored
        try:
            super()._boot(member, *given)
        except MemoryError:
            self.failures += 1
            member.stored = stored
            super()._boot(member, *given)


def loads_of(run, uid, monkeypatch, n):
    short = Short(n)
    monkeypatch.setattr(rare, "__import__", short, raising=False)
    for name in NAMES:
        rare.drop(name)
    run.replay(uid)
    return short


@pytest.mark.parametrize(("story", "uid"), LIVES)
def test_a_load_that_fails_loses_nothing(story, uid, monkeypatch):
    """Whichever load of a member's life fails: the input is given in again, and all goes on byte for byte."""
    with dropping(every=500):
        run = Again(f"stories/{story}.json", suite)
        short = loads_of(run, uid, monkeypatch, 0)
        assert len(short.loads) > 20 and run.failures == 0
        later = [n for n in range(1, len(short.loads) + 1) if n not in short.sites.values()]
        for n in [*short.sites.values(), *later[:: len(later) // 3]]:
            run = Again(f"stories/{story}.json", suite)
            loads_of(run, uid, monkeypatch, n)
            assert run.failures == 1, (n, short.loads[n - 1])


def test_a_flood_of_forged_questions_costs_one_load(monkeypatch):
    """Frames that rare code must look at, one a second for ten minutes: it is loaded once, and goes when they end."""
    anna = Peer("anna")
    solo = Solo()
    solo.connect(anna.join())
    monkeypatch.setattr(rare, "UNLOADS", True)
    solo.later(120000)
    assert "sealcast.zpinc.joins" not in sys.modules
    short = Short(0)
    monkeypatch.setattr(rare, "__import__", short, raising=False)
    stranger = Peer("bert", 5)
    topic, frame = stranger.join()
    for i in range(600):
        forged = bytearray(frame)
        forged[30 + i % 60] ^= 1
        solo.give(topic, bytes(forged))
        solo.later(1000)
    assert solo.ch.out.drops["forged"] == 600
    assert short.loads.count("sealcast.zpinc.joins") == 1
    solo.later(120000)
    assert "sealcast.zpinc.joins" not in sys.modules


@pytest.mark.parametrize("function", ["rounds", "short_of_memory", "cold"])
def test_on_micropython(function, micropython, mpy_cross, monkeypatch):
    monkeypatch.setenv("SEALCAST_RARE", " ".join(NAMES))
    done = dual.run(micropython, mpy_cross, "rare_memory", function)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == f"ok {function}"
    for name in NAMES:
        assert name in done.stdout, done.stdout
