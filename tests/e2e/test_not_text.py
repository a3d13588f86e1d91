"""What is no UTF-8 text: refused in words where people type it, and never to be taken for text where it is shown."""

import asyncio
import subprocess
import sys
import types

import pytest

from cli_users import User
from gateway_support import message
from host_support import environment
from sealcast_host.cli import render

LATIN = "gr\u00fcn".encode("latin-1")
REFUSED = "* not sent: no UTF-8 text (set the terminal to it): gr\ufffdn"


@pytest.fixture
def anna(mosquitto, tmp_path):
    user = User(tmp_path / "anna", mosquitto.port)
    user.new()
    return user


def test_a_chat_refuses_what_is_no_utf_8_and_goes_on(anna):
    with anna.listen() as ears, anna.start("chat", "g", stdin=subprocess.PIPE) as chatting:
        chatting.wait_for('you are "anna"')
        for line in (LATIN, b"/note " + LATIN, b"/private ben " + LATIN, b"/note after"):
            chatting.process.stdin.buffer.write(line + b"\n")
            chatting.process.stdin.buffer.flush()
        ears.wait_for('"after"')
        chatting.process.stdin.close()
        assert chatting.ends(60) == 0
    assert sum(REFUSED in line for line in chatting.lines) == 2, chatting.lines
    assert not [line for line in ears.lines if "gr" in line]


def test_what_arrives_and_is_no_text_is_told_apart_from_text_that_looks_like_it(anna):
    """The sender writes behind the bracket, and what stands in it is ours."""
    with anna.start("listen", "g") as ears:
        ears.wait_for("listening")
        for body in (LATIN, b"(4 bytes) 6772fc6e", b"6772fc6e", bytes(range(128, 228))):
            argv = [sys.executable, "-m", "sealcast_host", "send", "g", "-", "--mode", "note"]
            subprocess.run(argv, input=body + b"\n", check=True, env=environment(**anna.env), timeout=60)
        ears.wait_for("no text: 100 bytes")
        ears.stop()
    shown = [line[line.index("[") :] for line in ears.lines if "[note" in line]
    assert shown[:3] == [
        "[note, member, no text: 4 bytes]  6772fc6e", "[note, member]  (4 bytes) 6772fc6e", "[note, member]  6772fc6e",
    ]  # fmt: skip
    assert shown[3].endswith(bytes(range(128, 160)).hex() + "...")


def test_the_page_tells_it_apart_as_well():
    from sealcast_host.gateway import record, web_page

    def tags(body):
        return [text for text, _ in web_page._tags(record.Message.of(message(body=body), 1.0))]

    assert tags(b"4 bytes") == tags(b"x") and "no text: 4 bytes" in tags(LATIN)
    assert "no text: 40 bytes, of which these are the first" in tags(bytes([255]) * 40)
    assert render.hexed(LATIN) == "6772fc6e"


def test_the_page_sends_no_half_of_a_character(monkeypatch):
    """What a browser's text may hold, and UTF-8 may not."""
    from sealcast_host.gateway import web_page

    said = []
    monkeypatch.setattr(web_page.ui, "notify", lambda text, **how: said.append(text))
    page = web_page.Page(None, None)  # it has nobody to send it to
    page._text, page._to, page._mode = (types.SimpleNamespace(value=v) for v in ("a\ud800b", "", "auto"))
    asyncio.run(page._send())
    assert page._text.value == "a\ud800b" and "half of a character" in said[0]
