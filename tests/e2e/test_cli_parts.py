"""The parts of the command that have no I/O: phrases and their
strength, the line editor, what is printed, addresses.
"""

import base64
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealcast_host.cli.broker import is_loopback
from sealcast_host.cli.render import clean, clock, event_json, event_line, message_json, message_line
from sealcast_host.demo.broker import Recorder
from sealcast_host.errors import UserError
from sealcast_host.member.address import split_host
from sealcast_host.member.phrases import MIN_BITS, estimate_bits, new_phrase, spoken, wordlist


def test_the_words_are_what_the_list_promises():
    words = wordlist()
    assert len(words) == len(set(words)) == 2048
    assert all(word.isascii() and word.isalpha() and word.islower() and 4 <= len(word) <= 7 for word in words)
    assert len({word[:4] for word in words}) == 2048
    assert list(words) == sorted(words)
    known = set(words)
    assert not [(a, b) for a in words for b in neighbours(a) if b in known]


def neighbours(word):
    """One letter replaced, dropped, or swapped with the next."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    for i in range(len(word)):
        yield from (word[:i] + c + word[i + 1 :] for c in letters if c != word[i])
        yield word[:i] + word[i + 1 :]
        if i + 1 < len(word) and word[i] != word[i + 1]:
            yield word[:i] + word[i + 1] + word[i] + word[i + 2 :]


def test_a_fingerprint_is_read_aloud_as_nine_words():
    words = wordlist()
    assert spoken("aaaa-aaaa-aaaa-aaaa-aaaa") == "-".join([words[0]] * 9)
    assert spoken("9999-9999-9999-9999-9999") == "-".join([words[2047]] * 9)
    # 00001 00010 00011 00100 00101 ... in elevens: 00001000100, 00110010000, ...
    assert spoken("bcde-fghi-jkmn-pqrs-tuvw").split("-")[:2] == [words[0b00001000100], words[0b00110010000]]
    texts = {spoken("aaaa-aaaa-aaaa-aaaa-aa" + a + b) for a in "ab" for b in "ac"}
    assert len(texts) == 4  # all but the very last bit count


def test_phrases_are_strong_and_differ():
    phrases = {new_phrase() for _ in range(200)}
    assert len(phrases) == 200
    assert all(set(p.split("-")) <= set(wordlist()) and p.count("-") == 7 for p in phrases)
    used = {word for p in phrases for word in p.split("-")}
    assert len(used) > 800  # 1,400 draws out of 2,048 words: about 1,014 different ones


def test_a_phrase_of_ours_is_worth_77_bits_unless_a_word_repeats():
    words = wordlist()
    assert estimate_bits("-".join(words[::300][:7])) == MIN_BITS
    assert estimate_bits("-".join([words[5]] * 7)) == 11


@pytest.mark.parametrize(
    "weak",
    [
        "",
        "a",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "abcdefghijklmnopqrstuvwxyz",
        "passwortpasswortpasswort",
        "12345678901234567890123",
    ],
)
def test_weak_passwords_are_seen_as_weak(weak):
    assert estimate_bits(weak) < 45


@given(st.text(max_size=40))
def test_the_estimate_takes_anything_and_never_exceeds_its_characters(text):
    assert 0 <= estimate_bits(text) <= 11 * len(text.lower())


class Message:
    sender, body, secrecy, origin = "be\x1b[2Jn", b"text\r\n\x07", "note", "group"
    time, age, seq, historic, again, epoch, private = 0, 4000, 7, True, True, None, True


def test_messages_as_lines_and_as_json():
    line = message_line(Message)
    assert "[note, group, private, history, at most 4000 s old, again]" in line and line.isprintable()
    value = json.loads(message_json(Message))
    assert (
        value["text"] == "text\r\n\x07"
        and value["sender"] == "be\x1b[2Jn"
        and value["seq"] == 7
        and value["epoch"] is None
    )
    assert "\n" not in message_json(Message) and "\x1b" not in message_json(Message)


@given(st.text(max_size=50))
def test_nothing_unprintable_passes_clean(text):
    assert clean(text).isprintable() or not clean(text)


def test_events_take_any_details():
    assert event_line("joined", {"uid": "\x1bx"}) == "* \ufffdx joined"
    assert event_line("joined", {}) == "* somebody joined"
    assert event_line("left", {"uid": "{uid.__class__}"}) == "* {uid.__class__} left"
    assert event_line("dropped", {"uid": "x"}) is None
    details = {"uid": "u", "key": b"\x01\xff", "list": [(b"\x02", 1)], "type": "forged", "event": "forged"}
    value = json.loads(event_json("gap", details))
    assert value == {"type": "event", "event": "gap", "uid": "u", "key": "01ff", "list": [["02", 1]]}


def test_a_sender_without_a_clock_is_said_to_have_none():
    assert "no clock" in clock(0)
    assert clock(1_700_000_000).startswith("2023-11-1")


def test_a_senders_clock_may_be_ahead_of_what_a_system_of_32_bits_knows(monkeypatch):
    """A member that said such a time ended `listen` there by an internal error, and, not taken, at each start again."""
    beyond = 2**31  # of such a system's time_t

    def localtime(seconds, known=time.localtime):
        if seconds >= beyond:
            raise OverflowError("timestamp out of range for platform time_t")
        return known(seconds)

    monkeypatch.setattr(time, "localtime", localtime)
    assert clock(beyond) == "2038-01-19 03:14:08 UTC" and clock(2**32 - 1) == "2106-02-07 06:28:15 UTC"
    assert clock(beyond - 2 * 86400).startswith("2038-01-1") and "UTC" not in clock(beyond - 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("h", ("h", None)), ("h:1", ("h", 1)), ("10.0.0.1:65535", ("10.0.0.1", 65535)),
     ("[::1]", ("::1", None)), ("[::1]:1883", ("::1", 1883))],
)  # fmt: skip
def test_addresses(text, expected):
    assert split_host(text) == expected


@pytest.mark.parametrize("text", [
    "", ":1", "h:", "h:0", "h:65536", "h:x", "::1", "[::1", "[::1]x", "[]:1", "a b", "a/b", "u@h", "h:１", "h\n",
])  # fmt: skip
def test_bad_addresses(text):
    with pytest.raises(UserError):
        split_host(text)


def test_only_this_computer_is_loopback():
    assert all(map(is_loopback, ["127.0.0.1", "127.9.9.9", "::1", "localhost", "LOCALHOST"]))
    assert not any(map(is_loopback, ["0.0.0.0", "::", "192.168.1.1", "localhost.example", "", "127.0.0.1.example"]))


@pytest.mark.parametrize("shift", range(4))
def test_the_search_of_the_demo_finds_every_form(shift):
    recorder = Recorder()
    around = b"x" * shift + b"the needle" + b"y" * 5
    forms = (around, around.upper(), around.hex().encode(), base64.b64encode(around), base64.urlsafe_b64encode(around))
    for i, payload in enumerate(forms):
        recorder.frames = [("zp/1/a/b/n/0", payload, True)]
        assert recorder.hits(["the needle"]) > 0, i
        assert recorder.hits(["the noodle"]) == 0, i
    recorder.frames = [("zp/1/the needle/b/n/0", b"", True)]
    assert recorder.hits(["the needle"]) > 0
