"""When `send` says that it was sent, those who are there get it: real commands, a real broker."""

import json
import signal
import subprocess

from cli_users import User


def heard(child):
    """Texts of the messages that a listener has printed."""
    said = [json.loads(line) for line in list(child.lines) if line.startswith("{")]
    return {m["text"] for m in said if m["type"] == "message"}


def test_one_shot_sends_reach_whoever_is_there_whatever_epoch_was_stored(mosquitto, tmp_path):
    """S converses with A and goes, then B comes: S must not go on in the epoch that it finds in its storage. A goes,
    too."""
    a, b, s = (User(tmp_path / name, mosquitto.port) for name in "ABS")
    phrase = a.new("st", "A")
    b.join(phrase, "st", "B")
    s.join(phrase, "st", "S")
    with a.start("listen", "st", "--json") as first:
        first.wait_for('"online"')
        with s.start("send", "st", "--mode", "conversation", "-", "-v", stdin=subprocess.PIPE) as sending:
            sending.type("hello")
            sending.wait_for("sent as a conversation, to A")
            sending.process.stdin.close()
            assert sending.stop(None) == 0
        first.wait_for('"hello"')
        with b.start("listen", "st", "--json") as second:
            second.wait_for('"rekeyed"')  # A and B, without S
            for n in range(2):
                told = json.loads(s.ok("send", "st", f"reading-{n}", "--json"))
                assert sorted(told["audience"]) == ["A", "B"] and told["missing"] == [], told
            for listening in (first, second):
                listening.wait_for("reading-1")
                assert {"reading-0", "reading-1"} <= heard(listening)
            first.stop(signal.SIGTERM)
            second.wait_for('"left"')
            told = json.loads(s.ok("send", "st", "reading-2", "--json"))
            assert told["audience"] == ["B"], told
            second.wait_for("reading-2")
            refused = s.run("send", "st", "--min-secrecy", "ratchet", "not so")
            assert refused.returncode == 2 and "min_secrecy" in refused.stderr
            second.stop(signal.SIGTERM)
    assert "not so" not in heard(second)
