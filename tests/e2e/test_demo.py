"""`make demo` keeps its promises, says so in its last line and in build/demo.json, and leaves nothing running."""

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

from host_support import Child, environment
from sealcast_host.demo.board import missing
from sealcast_host.demo.browser import chromium

KEYS = {
    "members", "notes_sent", "notes_delivered", "history_delivered", "handshakes", "conversation_messages", "rekeys",
    "gateway_messages", "homeassistant_entities", "page_plots", "wrong_password_readable", "plaintext_hits_at_broker",
    "board_messages", "chip_messages", "silent_losses", "refused_downgrades", "ratchet_messages", "collisions",
    "resyncs", "receipts", "private_messages", "added", "removed", "digest_mismatches",
}  # fmt: skip


def demo(micropython, path, **kwargs):
    env = {"MICROPYTHON": str(micropython), "TMPDIR": str(path.parent)}
    return Child([sys.executable, "-m", "sealcast_host.demo", "--json", str(path)], extra_env=env, **kwargs)


def children(folder):
    """Processes that name the folder in their command line: the nodes get their settings from there."""
    out = []
    for entry in Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if entry.name.isdigit() and int(entry.name) != os.getpid() and str(folder).encode() in command:
            out.append(int(entry.name))
    return out


def emulates(pid):
    return b"qemu-system" in Path(f"/proc/{pid}/cmdline").read_bytes()


def ended(pid):
    """Has it ended within the deadline?"""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([fd], [], [], 30)[0])
    finally:
        os.close(fd)


def test_the_demo_keeps_its_promises(micropython, tmp_path):
    with demo(micropython, tmp_path / "demo.json") as running:
        code = running.ends(560)
        lines = running.lines_at_end()
    assert code == 0, "\n".join(lines)
    counts = json.loads((tmp_path / "demo.json").read_text())
    assert lines[-1].startswith("demo: OK ")
    assert all(f"{key}={counts[key]}" in lines[-1].split() for key in KEYS)
    assert counts["ok"] is True and KEYS | {"ok", "seconds"} == set(counts)
    expected = {
        "members": 5,
        "notes_sent": 9,
        "notes_delivered": 28,
        "history_delivered": 8,
        "conversation_messages": 27,
    }
    assert {key: counts[key] for key in expected} == expected
    assert counts["rekeys"] >= 3 and counts["handshakes"] == counts["rekeys"] + 1
    ratchet = {
        "ratchet_messages": 205, "private_messages": 2, "receipts": 12, "added": 1, "removed": 1, "digest_mismatches": 0
    }  # fmt: skip
    assert {key: counts[key] for key in ratchet} == ratchet and counts["collisions"] > 0 and counts["resyncs"] > 0
    assert counts["silent_losses"] == 0 and counts["refused_downgrades"] == 1
    assert counts["wrong_password_readable"] == counts["plaintext_hits_at_broker"] == 0
    # The gateway: twelve readings of each of three nodes, two quantities of each, a button
    assert counts["gateway_messages"] >= 36 and counts["homeassistant_entities"] >= 7
    pictured = counts["page_plots"] >= 2 and (tmp_path / "demo.png").read_bytes()[:4] == b"\x89PNG"
    assert pictured or chromium() is None, [line for line in lines if "picture" in line]
    # The boards: ten of each one's messages and of the host's received, four of the ratcheting one's, and what they
    # received themselves: the history, each other's notes and talk, the group.
    boards = [counts["board_messages"], counts["chip_messages"]]
    assert boards == [21, 53] or any("no emulated board: " in line for line in lines)
    assert all(map(ended, children(tmp_path)))


def test_a_demo_that_is_ended_early_fails_and_leaves_nothing_running(micropython, tmp_path):
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL):
        path = tmp_path / f"{signum}.json"
        with demo(micropython, path) as running:
            running.wait_for("nodes started")
            if signum == signal.SIGKILL and not missing():
                running.wait_for("valve-board started")
                assert any(map(emulates, children(tmp_path)))
            code = running.stop(signum)
            if signum != signal.SIGKILL:  # after that it is the kernel that ends the nodes with their parent
                assert (code, running.lines[-1]) == (1, "demo: FAILED interrupted")
                assert json.loads(path.read_text())["ok"] is False
        assert all(map(ended, children(tmp_path)))


def test_a_demo_without_a_working_micropython_says_what_failed(tmp_path):
    broken = tmp_path / "micropython"
    broken.write_text("#!/bin/sh\necho broken >&2\nexit 1\n")
    broken.chmod(0o755)
    env = environment(MICROPYTHON=str(broken), TMPDIR=str(tmp_path))
    argv = [sys.executable, "-m", "sealcast_host.demo", "--json", str(tmp_path / "demo.json")]
    done = subprocess.run(argv, capture_output=True, text=True, env=env, timeout=560)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].startswith("demo: FAILED ")
    assert "Traceback" not in done.stderr + done.stdout
