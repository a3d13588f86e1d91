"""Boards for the tests here: MicroPython's unix port behind a pty,
and QEMU's RISC-V machine. One that cannot be had is a failure.
"""

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
QEMU = HERE.parents[1] / "firmware" / "qemu"
sys.path[:0] = [str(HERE), str(QEMU)]

from board import HOST, Board, missing  # noqa: E402
from port import PROFILES  # noqa: E402
from unix_board import UnixBoard  # noqa: E402

from host_support import environment, free_port, start_broker  # noqa: E402
from sealcast_host.boards import (  # noqa: E402
    bundle,
    models,  # noqa: E402
    romfs,
)


@pytest.fixture
def unix_board(micropython, tmp_path):
    """A fresh board without anything on it. port, flash (a folder), unplug(), plug_in()."""
    with UnixBoard(micropython, tmp_path) as board:
        yield board


@pytest.fixture
def installed(unix_board):
    """The node on the board's disk, as `sealcast flash` puts it there (test_flash.py)."""
    for path, data in bundle.make("x64", 6, models.named("UNIX")).files.items():
        place = unix_board.flash / path[1:]
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    return unix_board


@pytest.fixture
def qemu_board(tmp_path):
    """A fresh emulated ESP32-C3 of sorts: 138 KB of heap, a 1 MB
    filesystem. port, and all of firmware/qemu/board.py.
    """
    if missing("VIRT_RV32"):
        pytest.fail(
            f"not installed: {', '.join(missing('VIRT_RV32'))}; `make test` installs them on Debian", pytrace=False
        )
    with Board("VIRT_RV32", str(tmp_path / "disk")) as board:
        yield board


C6_HEAP_BYTES = 254464  # some 250,000 bytes free after start-up, as boards/ESP32_GENERIC_C6.toml expects


@pytest.fixture
def counting_board(tmp_path, request):
    """An emulated board whose clock counts instructions, the node in its ROMFS: counting makes copying slow."""
    if request.config.getoption("--target") not in (None, "qemu-rv32"):
        pytest.skip("only where an emulator is examined")
    if missing("VIRT_RV32"):
        pytest.fail(
            f"not installed: {', '.join(missing('VIRT_RV32'))}; `make test` installs them on Debian", pytrace=False
        )
    files = bundle.make("rv32imc", 6, models.named("QEMU_VIRT_RV32")).files
    with Board("VIRT_RV32", str(tmp_path / "disk"), icount=True, heap_bytes=C6_HEAP_BYTES) as board:
        board.write_rom(romfs.image({path: data for path, data in files.items() if path.startswith("/lib/")}))
        board.reset()
        yield board


TARGETS = ("unix", "qemu-rv32", "esp32c3", "esp32")
WIFI_PASSWORD = "any password does"


def pytest_generate_tests(metafunc):
    """Tests that take `target` run on every board that --target names."""
    if "target" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("--target")
        metafunc.parametrize(
            "target", [chosen] if chosen else TARGETS, indirect=True, ids=lambda name: name.strip("/").replace("/", "-")
        )


class Target:
    """A board to examine: name of its report, and the port that it is
    at. whole: started here, with room for everything. asked: more arguments.
    parts: of the examination, None for all.
    """

    def __init__(self, name, port, whole=False, asked=(), parts=None):
        self.name, self.port, self.whole, self.parts = name, port, whole, parts
        self.asked = [*asked, "--parts", ",".join(parts)] if parts else list(asked)


@pytest.fixture
def target(request, tmp_path):
    """The board that --target names: unix and qemu-rv32 are started
    here, anything else is a port with a board behind it.
    """
    if request.param == "unix":
        with UnixBoard(request.getfixturevalue("micropython"), tmp_path) as board:
            yield Target("unix", board.port, True)
    elif request.param == "qemu-rv32":
        if missing("VIRT_RV32"):
            pytest.fail(
                f"not installed: {', '.join(missing('VIRT_RV32'))}; `make test` installs them on Debian", pytrace=False
            )
        # The heap of an ESP32-C6, which runs the same code: core, node and group fit it, so every part is examined.
        with Board("VIRT_RV32", str(tmp_path / "disk"), heap_bytes=C6_HEAP_BYTES) as board:
            yield Target("qemu-rv32", board.port, True)
    elif request.param in PROFILES:  # qemu-rv32's code on a chip's memory: an ESP32 has no room for a group
        port = free_port()
        with Board("VIRT_RV32", str(tmp_path / "disk"), profile=request.param) as board:
            board.interrupt()
            board.let_go()
            request.getfixturevalue("home").sealcast("flash", "--xip", "--port", board.port)
            with start_broker("mosquitto", port, tmp_path):
                asked = ["--wifi-ssid", "farm", "--broker", f"127.0.0.1:{port}", "--board-broker", HOST]
                parts = ("zpinc", "group", "live") if request.param == "esp32c3" else ("zpinc", "live")
                yield Target(request.param, board.port, request.param == "esp32c3", asked, parts)
    else:
        yield Target(Path(request.param).name, request.param)


class Home:
    """A user of this computer with channels of his own."""

    def __init__(self, folder):
        self.folder = folder
        self._env = {"XDG_CONFIG_HOME": str(folder / "config"), "XDG_STATE_HOME": str(folder / "state")}

    def sealcast(self, *arguments, text=None, code=0, **env):
        """Run the command; its output. Fails unless it exits with `code`; an error is one line and no traceback."""
        done = self.start(*arguments, **env).communicate_with(text)
        assert done.returncode == code, (arguments, done.returncode, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr and "internal error" not in done.stderr
        if code == 2:
            assert done.stderr.count("\n") == 1, done.stderr
        return done

    def start(self, *arguments, **env):
        return _Run(
            [sys.executable, "-m", "sealcast_host", *map(str, arguments)], environment(**self._env, **env), self.folder
        )

    @property
    def channels(self):
        return self.folder / "config" / "sealcast"


class _Run(subprocess.Popen):
    def __init__(self, argv, env, folder):
        pipe = subprocess.PIPE
        super().__init__(argv, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=env, cwd=folder)

    def communicate_with(self, text):
        out, err = self.communicate(text, timeout=570)
        return subprocess.CompletedProcess(self.args, self.returncode, out, err)


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "home"
    folder.mkdir()
    return Home(folder)


@pytest.fixture
def neighbour(tmp_path):
    """Another computer."""
    folder = tmp_path / "neighbour"
    folder.mkdir()
    return Home(folder)
