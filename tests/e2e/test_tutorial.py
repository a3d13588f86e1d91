"""docs/TUTORIAL.md's commands run in one shell, one after the other, and print what stands there."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from host_support import ROOT, environment, free_port

DEADLINE_S = 60


def steps(text):
    """[(command, the lines that it prints)]; … in a line is anything."""
    found = []
    for line in text.splitlines():
        if line.startswith("    $ "):
            found.append((line[6:], []))
        elif line.startswith("    ") and found and found[-1] is not None:
            found[-1][1].append(line[4:])
        elif line.strip() and found:
            found.append(None)  # prose: what is indented after it belongs to no command
    return [step for step in found if step]


def matches(wanted, got):
    pattern = ".*".join(re.escape(part) for part in wanted.split("…"))
    return re.fullmatch(pattern, got) is not None


def test_the_tutorial(micropython, tmp_path):
    port = free_port()
    env = environment(
        XDG_CONFIG_HOME=str(tmp_path / "c"), XDG_STATE_HOME=str(tmp_path / "s"),
        PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    )  # fmt: skip
    for name in ("firmware", "shared", "build"):
        (tmp_path / name).symlink_to(ROOT / name)
    todo = steps((ROOT / "docs/TUTORIAL.md").read_text())
    assert len(todo) >= 11 and sum(len(lines) for _, lines in todo) >= 13
    background, exports = [], ""
    try:
        for number, (command, wanted) in enumerate(todo):
            if command.startswith(("python3 firmware/bootstrap", ". .venv")):
                continue  # done: this runs in it
            # Only the ports are others than a reader's: these may be taken here
            command = command.replace("sealcast broker", f"sealcast broker --port {port}")
            command = command.replace("channel new greenhouse", f"channel new greenhouse --broker 127.0.0.1:{port}")
            command = command.replace("--to web", "--to web=127.0.0.1:0")
            if command.startswith("export "):
                exports += command + "\n"
                continue
            out = tmp_path / f"{number}.out"
            with out.open("w") as sink:
                line = exports + ("exec " if command.endswith("&") else "") + command.removesuffix("&")
                child = subprocess.Popen(
                    ["sh", "-c", line], cwd=tmp_path, env=env, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink,
                    start_new_session=True,
                )  # fmt: skip
            background.append(child)
            if not command.endswith("&"):
                assert child.wait(DEADLINE_S) == 0, (command, out.read_text())
            end = time.monotonic() + DEADLINE_S
            while True:
                got = out.read_text().splitlines()
                missing = [w for w in wanted if w and not any(matches(w, line) for line in got)]
                if not missing:
                    break
                assert time.monotonic() < end and child.poll() in (None, 0), (command, missing, got)
                assert command.endswith("&"), (command, missing, got)
                time.sleep(0.05)
    finally:
        for child in reversed(background):
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGTERM)
                try:
                    child.wait(20)
                except subprocess.TimeoutExpired:
                    os.killpg(child.pid, signal.SIGKILL)
                    child.wait()
