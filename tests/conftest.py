"""Fixtures of all tests: the MicroPython in use, and a real mosquitto."""

import ast
import contextlib
import functools
import gc
import importlib
import os
import pkgutil
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import settings

import sealcast
from host_support import Child, free_port, start_broker
from sealcast.smmp import outgoing

ROOT = Path(__file__).resolve().parents[1]
collect_ignore = ["core/micropython"]  # for MicroPython alone: test_on_micropython.py runs it there

# How long an example takes depends on who else uses the machine. A failure prints the line that replays it.
settings.register_profile("sealcast", deadline=None, print_blob=True)
settings.load_profile("sealcast")

# A script's shell starts what runs in the background with SIGINT ignored, and commands under test would inherit that.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Hundreds of processes are started that would compile the same files again where the environment forbids to keep that.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

_parse = ast.parse


@functools.wraps(_parse)
def _parsed(*args, **kwargs):
    """ast.parse of CPython 3.11 raises SystemError when a collection inside it runs a finaliser that parses too, as one
    that prints a traceback does (gh-106905): in CI a fixture of 300 tests failed by what an earlier test left."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        return _parse(*args, **kwargs)
    finally:
        if collecting:
            gc.enable()


ast.parse = _parsed


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--target", help="board for tests/hil: unix, qemu-rv32 (default: both, one after the other) or a serial port"
    )


def pytest_collection_finish() -> None:
    """All of the core is there before a test begins: what is loaded while a test has broken something keeps that. And
    from here on a collection of garbage looks at what tests make, and not each time at all that pytest has."""
    for found in pkgutil.walk_packages(sealcast.__path__, "sealcast."):
        with contextlib.suppress(ImportError):  # the native suite wants MicroPython
            importlib.import_module(found.name)
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(call: pytest.CallInfo):
    """What fails shows what each of the test's processes said last, and not only the one that it waited for."""
    report = yield
    if report.failed:
        for child in Child.of_this_test:
            report.sections.append((" ".join(map(str, child.process.args))[:200], "\n".join(child.lines[-100:])))
    if call.when == "teardown":
        Child.of_this_test[:] = [child for child in Child.of_this_test if child.process.poll() is None]
    return report


@pytest.fixture
def own_home(tmp_path, monkeypatch):
    """The test's own folders of settings and state; where it is, too."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def refresh_time():
    """The simulator's worlds shorten a time of the core's: what follows in the same process gets it back."""
    before = outgoing.REFRESH_MS
    yield
    outgoing.REFRESH_MS = before


def _binary(name: str) -> Path:
    path = ROOT / "build" / "bin" / name
    if not os.access(path, os.X_OK):
        pytest.fail(f"{path.relative_to(ROOT)} is missing: run `make test`, which builds it", pytrace=False)
    return path.resolve()


@pytest.fixture(scope="session")
def micropython() -> Path:
    """The MicroPython unix port: the one built into the cache, or $MICROPYTHON when the set-up ran."""
    return _binary("micropython")


@pytest.fixture(scope="session")
def mpy_cross() -> Path:
    return _binary("mpy-cross")


@pytest.fixture(scope="session")
def bundled(tmp_path_factory, mpy_cross) -> Path:
    """The folder lib of a board's bundle for this computer's MicroPython: to be read, not written."""
    from sealcast_host.boards import bundle

    place = tmp_path_factory.mktemp("bundle")
    for path, data in bundle.make("x64", 6, None, str(mpy_cross)).files.items():
        (place / path[1:]).parent.mkdir(parents=True, exist_ok=True)
        (place / path[1:]).write_bytes(data)
    return place / "lib"


@pytest.fixture
def mosquitto(tmp_path):
    """A real mosquitto on a port of its own, ready for clients, keeping what is retained below tmp_path.

    Has .port and .process; stop it with .stop(), start it again with
    host_support.start_broker on the same port and folder.
    """
    port = free_port()
    with start_broker("mosquitto", port, tmp_path) as child:
        child.port = port
        yield child
