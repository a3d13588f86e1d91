"""The set-up's failures: one line on stderr that names the way out, exit code 1, no traceback. What it builds, every
other test runs on."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BOOTSTRAP = ROOT / "firmware" / "bootstrap"


def run(script, *arguments, **variables):
    env = {
        name: value for name, value in os.environ.items() if name not in ("MICROPYTHON", "MICROPYTHON_DIR", "MPY_CROSS")
    }
    command = [sys.executable, BOOTSTRAP / script, *arguments]
    return subprocess.run(command, env={**env, **variables}, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize(
    ("script", "variables", "way_out"),
    [
        ("unix.py", {"MICROPYTHON": sys.executable}, "unset it"),
        ("unix.py", {"MICROPYTHON": "/nonexistent"}, "unset it"),
        ("unix.py", {"MPY_CROSS": "/nonexistent"}, "unset it"),
        ("source.py", {"MICROPYTHON_DIR": str(ROOT)}, "unset it"),
        ("source.py", {"XDG_CACHE_HOME": "/dev/null"}, "set XDG_CACHE_HOME"),
        ("unix.py", {"CC": "/nonexistent/ccache gcc"}, "unset it"),
        ("setup.py", {}, "demo test bench"),
    ],
)
def test_a_failure_is_one_line_with_the_way_out(script, variables, way_out):
    done = run(script, **variables)
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("sealcast: ")
    assert way_out in line


def test_a_file_that_is_not_ours_is_one_line(tmp_path):
    """As another user's cache is; root may write everything, but not into a folder."""
    (tmp_path / "sealcast" / "micropython" / "source.lock").mkdir(parents=True)
    done = run("source.py", XDG_CACHE_HOME=str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("sealcast: ") and "source.lock" in line and "run again" in line


def test_a_cache_that_make_cannot_build_in_is_one_line(tmp_path):
    """A home may have a space in its path."""
    done = run("unix.py", XDG_CACHE_HOME=str(tmp_path / "ho me"))
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("sealcast: ") and "ho me" in line and "set XDG_CACHE_HOME" in line


def test_a_relative_cache_does_not_count(tmp_path):
    """As XDG's specification says; MicroPython's make would look for it elsewhere."""
    ask = "import common; print(common.cache_dir())"
    env = {**os.environ, "XDG_CACHE_HOME": "cache", "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", ask], cwd=BOOTSTRAP, env=env, capture_output=True, text=True)
    assert done.stdout.strip() == f"{tmp_path}/.cache/sealcast/micropython", done


def test_a_user_without_a_home_is_one_line():
    ask = "import common, pwd, sys\ndef unknown(uid): raise KeyError\npwd.getpwuid = unknown\n"
    ask += "sys.exit(common.main(lambda: print(common.cache_dir())))"
    env = {name: value for name, value in os.environ.items() if name not in ("HOME", "XDG_CACHE_HOME")}
    done = subprocess.run([sys.executable, "-c", ask], cwd=BOOTSTRAP, env=env, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("sealcast: ") and "set HOME" in line


def test_make_sees_no_path_of_the_checkout(tmp_path, mpy_cross):
    """It would not take its spaces and quotes."""
    checkout, bin_, record = tmp_path / "it's my checkout", tmp_path / "bin", tmp_path / "record"
    for part in ("bootstrap", "qemu"):
        shutil.copytree(BOOTSTRAP.parent / part, checkout / "firmware" / part)
    bin_.mkdir()
    (bin_ / "make").write_text('#!/bin/sh\nfor word; do echo "$word"; done >> "$RECORD"\n')
    (bin_ / "make").chmod(0o755)
    tree = tmp_path / "tree"
    for name in ("py/mpconfig.h", "extmod/extmod.mk"):
        (tree / name).parent.mkdir(parents=True)
        version = (("MAJOR", 1), ("MINOR", 25), ("MICRO", 0))
        (tree / name).write_text("".join(f"#define MICROPY_VERSION_{n} {v}\n" for n, v in version))
    env = {name: value for name, value in os.environ.items() if name not in ("MICROPYTHON", "MPY_CROSS", "CC")}
    env |= {"MICROPYTHON_DIR": str(tree), "XDG_CACHE_HOME": str(tmp_path / "cache"), "RECORD": str(record)}
    env["PATH"] = f"{bin_}:{env['PATH']}"
    for script, more in (
        ("bootstrap/unix.py", {}),
        ("qemu/port.py", {"MPY_CROSS": str(mpy_cross), "MICROPYTHON": str(mpy_cross.with_name("micropython"))}),
    ):
        command = [sys.executable, checkout / "firmware" / script, *(["VIRT_RV32"] if more else [])]
        subprocess.run(command, env=env | more, capture_output=True, timeout=60)
        words = record.read_text().splitlines()
        assert any(word.startswith("FROZEN_MANIFEST=") for word in words), script
        assert [word for word in words if str(checkout) in word] == [], script
        record.unlink()


def test_a_compiler_without_a_c_library_builds_no_board(tmp_path, monkeypatch):
    """What the demo then goes without."""
    sys.path.insert(0, str(ROOT / "firmware" / "qemu"))
    import port

    assert port.missing("VIRT_RV32") == []
    gcc = tmp_path / "riscv64-unknown-elf-gcc"
    gcc.write_text("#!/bin/sh\nexit 1\n")
    gcc.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert port.missing("VIRT_RV32") == ["a C library for riscv64-unknown-elf-gcc"]


def test_the_built_binary_is_found_again(micropython):
    """A second call builds nothing and tells nothing; its binary has asyncio, sockets and TLS."""
    if os.environ.get("MICROPYTHON"):
        pytest.skip("MICROPYTHON names a binary that was not built here")
    done = (
        run("unix.py", MICROPYTHON_DIR=os.environ["MICROPYTHON_DIR"])
        if "MICROPYTHON_DIR" in os.environ
        else run("unix.py")
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert Path(done.stdout.strip()).resolve() == micropython
    ask = "import asyncio, socket, tls, sys; print(sys.implementation[1][:2] >= (1, 23), hasattr(tls, 'SSLContext'))"
    assert subprocess.run([micropython, "-c", ask], capture_output=True, text=True).stdout.split() == ["True", "True"]


def test_every_group_names_known_packages():
    code = "import debian; print([n for g in debian.GROUPS.values() for n in g if n not in debian.NEEDS])"
    done = subprocess.run([sys.executable, "-c", code], cwd=BOOTSTRAP, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_telling_line_of_a_log():
    code = "import common, sys; print(common.telling_line(sys.argv[1].splitlines()))"
    for log, telling in (
        ("CC main.c\nmain.c:3:1: error: expected ';'\nmake: *** [x] Error 1\n", "main.c:3:1: error: expected ';'"),
        ("NOTICE: [1/2] mdns\nError: app partition is too small\nmake: *** [x] Error 2\n", "Error: app partition"),
        ("NOTICE: [1/2] mdns\nCMake Error at x.cmake:3\nE: no\n", "E: no"),
        ("NOTICE: [1/2] mdns\nmake: *** [x] Error 2\n", "make: ***"),
        # Whatever else failed because of it
        ("make: *** [x] Error 1\nOSError: No space left on device\nerror: it failed\n", "OSError: No"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", code, log], cwd=BOOTSTRAP, capture_output=True, text=True, check=True
        )
        assert done.stdout.startswith(telling)


def test_another_system_is_told_that_it_is_one():
    """What Debian's packages bring is looked for where Linux has it: on macOS there is no other way."""
    code = "import sys; sys.platform = sys.argv[1]; import debian; debian.may_install(['libc6-dev'])"
    done = subprocess.run([sys.executable, "-c", code, "darwin"], cwd=BOOTSTRAP, capture_output=True, text=True)
    assert "this needs Linux (missing: libc6-dev" in done.stderr.splitlines()[-1]


def test_the_list_of_targets_is_made_by_plain_means():
    """As awk has them everywhere: a BSD's sed knows no tab."""
    done = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    told = dict(line.split("\t", 1) for line in done.stdout.splitlines())
    assert told["  make lint"] == "style and types alone" and "sed" not in (ROOT / "Makefile").read_text()


def test_an_environment_whose_set_up_was_cut_short_is_made_anew(tmp_path, monkeypatch):
    """A full disk leaves half of pip there, which begins and then fails."""
    monkeypatch.syspath_prepend(str(BOOTSTRAP))
    import common
    import environment

    ran = []

    def run(command, log, doing, **_):
        ran.append(doing)
        if doing == fails:
            raise common.Problem("no space left")
        environment.VENV.mkdir(exist_ok=True)

    for name, place in (("BUILD", tmp_path / "build"), ("VENV", tmp_path / ".venv")):
        monkeypatch.setattr(environment, name, place)
    monkeypatch.setattr(environment, "run", run)
    monkeypatch.setattr(environment, "_works", lambda _: True)
    fails = "pip install"
    with pytest.raises(common.Problem):
        environment.ensure_venv()
    half = tmp_path / ".venv" / "half"
    half.touch()
    fails = ""
    environment.ensure_venv()
    assert not half.exists() and ran.count("pip install") == 2
    half.touch()
    (tmp_path / ".venv" / "sealcast.stamp").unlink()
    environment.ensure_venv()  # refreshed
    assert half.exists() and ran.count("pip install") == 3
