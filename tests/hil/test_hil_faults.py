"""Boards that are not well: `sealcast hil` names what is wrong, ends with 1, and is never left waiting.

Mutants: one constant or order of the core is changed on the board
alone; the examination must say which section is broken.
"""

import json
import os
import pty
import signal
import time
import tty

import pytest
from test_hil import hil

from sealcast_host.boards import merge, names


def spoil(board, text, replacement):
    """Put sources in which the text is replaced beside the compiled files, with their names: MicroPython takes the
    sources."""
    found = 0
    right, wrong = merge.merged(), merge.merged(text, replacement)
    for module in right:
        if wrong[module] != right[module] and not module.startswith(("sealcast.crypto.host", "sealcast.crypto.soft")):
            path = board.flash / "lib" / (module.replace(".", "/") + ".py")
            path.write_text(names.source(wrong[module]))
            found += 1
    assert found, f"{text} does not stand in the core any more: mend the list of mutants"


def examined(board, tmp_path, *arguments):
    done = hil(board.port, "--no-install", "--report", tmp_path, "--target", "t", *arguments)
    assert "Traceback" not in done.stderr
    return done, json.loads((tmp_path / "t.json").read_text())


# (what, parts, text, its replacement, the section that the verdict must name)
MUTANTS = [
    ("label of ckey", "pieces", b'b"sc/ckey"', b'b"sc/ckex"', "4.2"),
    ("label of names", "pieces", b'b"sc/siv"', b'b"sc/sit"', "4.3"),
    ("what nonces are bound to", "pieces", b"count, hw, ad, pt", b"count, hw, pt, ad", "5"),
    (
        "lists with little endian lengths",
        "pieces",
        b'len(item).to_bytes(2, "big")',
        b'len(item).to_bytes(2, "little")',
        "4.2",
    ),
    ("the padding", "pieces", b'compat.pad(b"", body)', b'compat.pad(b"", body + b"x")', "3.4"),
    ("label of the ring's digest", "zpinc", b'b"sc/ring"', b'b"sc/rinq"', "7.5"),
    ("second factor first in ISK", "zpinc", b"K + outer", b"outer + K", "9.4"),
    ("Z_{i+1} for Z_{i-1} in A_i", "zpinc", b"a.Z[i - 1]", b"a.Z[(i + 1) % n]", "9.4"),
    ("label of chains", "zpinc", b'b"sc/chain"', b'b"sc/chaim"', "10.2"),
    ("key of the headers", "group", b"z, statics, st.HK", b"z, statics, st.NHK", "17.3"),
    ("the group's root key", "group", b"z, st.RK, st.digest", b"z, st.HK, st.digest", "17.3"),
    ("label of L", "group", b'b"sc/L"', b'b"sc/M"', "16.2"),
    ("label of storage", "zpinc", b'b"sc/store"', b'b"sc/stare"', "12"),
]


@pytest.mark.parametrize(
    ("what", "parts", "text", "replacement", "section"), MUTANTS, ids=[mutant[0] for mutant in MUTANTS]
)
def test_a_mutant_is_found_out_and_its_section_named(installed, tmp_path, what, parts, text, replacement, section):
    spoil(installed, text.decode(), replacement.decode())
    done, made = examined(installed, tmp_path, "--parts", parts, "--seed", "7")
    assert done.returncode == 1 and made["verdict"] == "failed"
    failed = [check for check in made["checks"] if check["verdict"] == "failed"]
    assert failed[0]["section"] == section, failed[0]
    assert f"PROTOCOL.md {section}: " in done.stdout and "--seed 7" in done.stdout
    assert (
        f"     expected {failed[0]['expected'][:64]}" in done.stdout
        and f"     found    {failed[0]['found'][:64]}" in done.stdout
    )


def test_a_healthy_board_passes_what_mutants_fail(installed, tmp_path):
    done, made = examined(installed, tmp_path, "--parts", "pieces,zpinc", "--seed", "7")
    assert (done.returncode, made["verdict"]) == (0, "passed"), done.stdout


def test_a_board_without_the_node_fails_every_part(unix_board, tmp_path):
    done, made = examined(unix_board, tmp_path)
    assert (done.returncode, made["verdict"]) == (1, "failed")
    failed = {check["part"]: check["why"] for check in made["checks"] if check["verdict"] == "failed"}
    assert set(failed) == {"primitives", "pieces", "zpinc", "group", "live", "timing"}
    assert "no module named 'sealcast" in failed["primitives"]


def test_a_wrong_primitive_is_found_out(installed, tmp_path):
    """A multiplication that is right but for one bit in one result of sixteen."""
    (installed.flash / "lib" / "curve25519.mpy").rename(installed.flash / "lib" / "curve_right.mpy")
    (installed.flash / "lib" / "curve25519.py").write_text(
        "from curve_right import *\nimport curve_right\n"
        "def x25519(k, u):\n r = bytearray(curve_right.x25519(k, u))\n if not r[0] & 15: r[7] ^= 1\n return bytes(r)\n"
    )
    done, made = examined(installed, tmp_path, "--parts", "primitives", "--rounds", "60", "--seed", "7")
    assert done.returncode == 1
    failed = [check["name"] for check in made["checks"] if check["verdict"] == "failed"]
    assert "libsodium: x25519" in failed and not any("ristretto" in name for name in failed)


def test_a_board_that_vanishes_is_told(installed, tmp_path):
    installed.unplug_after(20000)
    done, made = examined(installed, tmp_path, "--parts", "primitives,zpinc")
    assert done.returncode == 1 and made["verdict"] == "lost" and "verdict: lost" in done.stdout
    assert "unplugged" in made["why"]
    assert [check["verdict"] for check in made["checks"] if check["part"] == "zpinc"] == ["not run"]


def test_a_board_that_vanishes_from_a_live_group_is_told(installed, tmp_path):
    installed.unplug_after(40000)  # the wrong frames are several times that
    done, made = examined(installed, tmp_path, "--parts", "live,timing")
    assert done.returncode == 1 and made["verdict"] == "lost" and "has gone" in made["why"]
    assert [check["verdict"] for check in made["checks"] if check["part"] == "timing"] == ["not run"]


def test_a_run_begins_anew_and_leaves_the_board_to_its_own_program(installed, tmp_path):
    """Another run's journal belongs to no state of this one; settings with passwords do not stay."""
    left = installed.flash / "hil" / "live"
    left.mkdir(parents=True)
    (left / "state.0j").write_bytes(b"\x00\x20\xff\xdf" + bytes(32))
    (installed.flash / "main.py").write_text("open('/begun', 'w').close()\n")
    done, made = examined(installed, tmp_path, "--parts", "live")
    assert made["verdict"] == "passed" and done.returncode == 0, [c for c in made["checks"] if c["why"]]
    assert [path.name for path in left.iterdir()] == []
    end = time.monotonic() + 60
    while not (installed.flash / "begun").exists():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_live_part_without_a_broker_fails_and_the_report_is_kept(installed, tmp_path):
    (tmp_path / "ca.pem").write_text("no certificate")
    broker = ("--broker", "127.0.0.1", "--tls", "--ca", tmp_path / "ca.pem")
    done, made = examined(installed, tmp_path, "--parts", "pieces,live", *broker)
    assert done.returncode == 1 and made["verdict"] == "failed"
    (failed,) = [check for check in made["checks"] if check["verdict"] == "failed"]
    assert failed["part"] == "live" and failed["why"].startswith(
        f"cannot use the CA certificate {tmp_path / 'ca.pem'}: "
    )
    assert "passed" in [check["verdict"] for check in made["checks"] if check["part"] == "pieces"]


def test_a_part_that_was_named_and_of_which_nothing_ran_has_not_passed(installed, tmp_path):
    (installed.flash / "lib" / "sealcast" / "smmp" / "order.mpy").unlink()
    (installed.flash / "lib" / "sealcast" / "smmp" / "order.py").write_text("raise MemoryError('too small')\n")
    done, made = examined(installed, tmp_path, "--parts", "group")
    assert done.returncode == 1 and made["verdict"] == "failed", done.stdout
    assert [check["why"] for check in made["checks"] if check["verdict"] == "failed"] == [
        "nothing of it runs on this board: the lines above say why"
    ]


def test_a_board_that_hangs_is_told(installed, tmp_path):
    """In the middle of a command, for good."""
    (installed.flash / "lib" / "curve25519.mpy").rename(installed.flash / "lib" / "curve_right.mpy")
    (installed.flash / "lib" / "curve25519.py").write_text(
        "from curve_right import *\ndef ed25519_public(seed):\n import time\n while True: time.sleep(1)\n"
    )
    done, made = examined(installed, tmp_path, "--parts", "pieces,timing", "--silence", "2")
    assert done.returncode == 1 and made["verdict"] == "lost"
    assert "does not answer" in made["why"] or "stopped" in made["why"]


def test_a_port_with_nobody_behind_it(tmp_path):
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    done = hil(os.ttyname(theirs), "--report", tmp_path)
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "does not answer" in done.stderr
    os.close(ours)
    os.close(theirs)


def test_ctrl_c_ends_it(installed, tmp_path):
    import subprocess
    import sys

    from host_support import environment

    command = [
        sys.executable,
        "-u",
        "-m",
        "sealcast_host",
        "hil",
        "--port",
        installed.port,
        "--report",
        tmp_path,
        "--no-install",
    ]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        for line in run.stdout:
            if "known answers" in line:
                run.send_signal(signal.SIGINT)
                break
        out, err = run.communicate(timeout=60)
    assert run.returncode == 130 and "Traceback" not in err, err
