"""Files, metrics and webhooks: every message arrives, hostile ones harm nothing, a failing output stops no other."""

import asyncio
import csv
import json
import os
import re
import sqlite3
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from gateway_support import HOSTILE, message, running, until
from sealcast_host.errors import UserError
from sealcast_host.gateway import record, sqlite
from sealcast_host.gateway.config import Wish, from_file, from_words
from sealcast_host.gateway.runner import WAITING


def feed(gateway, *messages):
    for m in messages:
        gateway.heard("message", m)


def hostile_messages():
    return [
        message(name, body.encode("utf-8", "surrogatepass"), seq=i)
        for i, name in enumerate(HOSTILE)
        for body in HOSTILE
    ] + [message("raw", bytes(range(256)))]


def test_what_a_reading_says():
    def numbers(text):
        return record.numbers(record.reading(text))

    assert numbers(b'{"a": 1, "b": {"c": -2.5, "d": true}, "e": "x", "units": {"a": 3}}') == {"a": 1.0, "b.c": -2.5}
    for hopeless in (
        b"21.5",
        b"[1]",
        b"{",
        b"\xff",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b"[" * 100_000,
        b'{"a": 1e999}',
    ):
        assert numbers(hopeless) == {}, hopeless[:20]
    assert numbers(b'{"a": ' + b"9" * 400 + b"}") == {}
    many = json.dumps({f"q{i}": i for i in range(1000)}).encode()
    assert len(numbers(many)) == record.MOST_NUMBERS
    deep = b'{"a": ' * 9 + b"1" + b"}" * 9
    assert numbers(deep) == {}


def test_csv_keeps_one_line_a_message(tmp_path):
    path = tmp_path / "a.csv"
    sent = [message("x;=1+1", b'1;@SUM(1)"";-1;-x', seq=-1), *hostile_messages()]

    async def go():
        async with running(("csv", {"path": str(path)})) as gateway:
            feed(gateway, *sent)

    asyncio.run(go())
    lines = path.read_text().split("\n")
    assert len(lines) == len(sent) + 2 and lines[-1] == ""
    rows = list(csv.DictReader(lines))
    assert [row["seq"] for row in rows] == [str(m.seq) for m in sent]
    assert rows[-1]["hex"] == bytes(range(256)).hex()
    assert (rows[0]["sender"], rows[0]["text"]) == ("x;'=1+1", "1;'@SUM(1)\"\";-1;'-x")
    cells = [cell for end in ",;" for row in csv.reader(lines, delimiter=end) for cell in row]
    assert not any(cell[:1] in ("=", "+", "@") for cell in cells)
    assert path.stat().st_mode & 0o777 == 0o600
    asyncio.run(go())  # appended to, with one header
    assert len(path.read_text().split("\n")) == 2 * len(sent) + 2


def test_csv_does_not_write_into_a_foreign_file(tmp_path):
    path, said = tmp_path / "a.csv", []
    path.write_text("precious\n")

    async def go():
        async with running(("csv", {"path": str(path)}), said=said) as gateway:
            feed(gateway, message())
            await until(lambda: said)

    asyncio.run(go())
    assert path.read_text() == "precious\n" and "other columns" in said[0]


def test_sqlite_keeps_every_byte(tmp_path):
    path = tmp_path / "a.db"
    sent = hostile_messages()

    async def go():
        async with running(("sqlite", {"path": str(path)})) as gateway:
            feed(gateway, *sent)

    asyncio.run(go())
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT sender, body FROM messages ORDER BY id").fetchall() == [
            (m.sender, m.body) for m in sent
        ]
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        columns = {row[1] for row in db.execute("PRAGMA table_info(messages)")}
    assert columns >= {"at", "sender", "secrecy", "origin", "text", "body"} and path.stat().st_mode & 0o777 == 0o600
    assert [m.body for m in sqlite.recent(path, 3)] == [m.body for m in sent[-3:]]
    assert sqlite.recent(tmp_path / "none.db", 3) == []


def test_a_full_disk_stops_nobody_else_and_loses_nothing(tmp_path):
    """/dev/full is a disk that is full; then the path becomes a good one."""
    full, good, said = tmp_path / "full.csv", tmp_path / "good.csv", []
    full.symlink_to("/dev/full")

    async def go():
        async with running(
            ("csv", {"path": str(full)}), Wish("other", "csv", {"path": str(good)}), said=said
        ) as gateway:
            feed(gateway, *[message(seq=i) for i in range(7)])
            await until(lambda: gateway.runners[1].handed == 7 and said)
            assert gateway.runners[0].handed == 0
            full.unlink()
            feed(gateway, message(seq=7))
            await until(lambda: gateway.runners[0].handed == 8)

    asyncio.run(go())
    assert [row["seq"] for row in csv.DictReader(full.open())] == [str(i) for i in range(8)]
    assert len(said) == 2 and said[0].startswith("csv: ") and "works again" in said[1], said


def test_the_queue_of_a_broken_output_is_bounded(tmp_path):
    said = []

    async def go():
        async with running(("csv", {"path": str(tmp_path / "no" / "such" / "a.csv")}), said=said) as gateway:
            await until(lambda: said)
            feed(gateway, *[message(seq=i) for i in range(WAITING + 5)])
            (tmp_path / "no" / "such").mkdir(parents=True)
            await until(lambda: gateway.runners[0].handed == WAITING)

    asyncio.run(go())
    rows = list(csv.DictReader((tmp_path / "no" / "such" / "a.csv").open()))
    assert (rows[0]["seq"], len(rows)) == ("5", WAITING)
    assert "5 messages and events were given up" in said[1]


def test_prometheus_serves_what_was_read_and_no_label_breaks_out():
    from prometheus_client.parser import text_string_to_metric_families

    said = []

    async def go():
        async with running(("prometheus", {"listen": "127.0.0.1:0"}), said=said) as gateway:
            await until(lambda: said)
            feed(gateway, message(body=b'{"temperature": 21.5, "ok": true}'))
            for i, name in enumerate(HOSTILE):
                feed(gateway, message(name, json.dumps({name: i, "\ud800": 1}).encode()))
            gateway.heard("vanished", {"uid": "bench-2"})
            gateway.heard("dropped", {"reason": "replay", "uid": None, "count": 3})
            await until(lambda: gateway.runners[0].handed == 1 + len(HOSTILE))
            url = said[0].split()[-1]
            return await asyncio.to_thread(lambda: urllib.request.urlopen(url, timeout=60).read().decode())

    text = asyncio.run(go())
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    readings = {(s.labels["member"], s.labels["quantity"]): s.value for s in samples if s.name == "sealcast_reading"}
    assert readings["bench-1", "temperature"] == 21.5 and ("bench-1", "ok") not in readings
    assert not any(member == "faked" for member, _ in readings) and readings["..", "\ufffd"] == 1
    assert len({member for member, _ in readings}) == 1 + len(HOSTILE)
    by_name = {(s.name, *s.labels.values()): s.value for s in samples}
    assert by_name["sealcast_events_total", "vanished"] == 1 and by_name["sealcast_drops_total", "replay"] == 3
    assert by_name["sealcast_online",] == 0


class Hook(BaseHTTPRequestHandler):
    """Answers 503 at first, 400 to the message that says so, 200 else."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked += 1
        code = 503 if self.server.asked <= 2 else 400 if body.get("text") == "refuse me" else 200
        if code == 200:
            self.server.got.append((body, self.headers["Authorization"]))
        self.send_response(code)
        self.end_headers()

    def log_message(self, *args):
        pass


def test_a_webhook_is_told_each_message_once_in_order(tmp_path):
    server, said = HTTPServer(("127.0.0.1", 0), Hook), []
    server.got, server.asked = [], 0
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (tmp_path / "token").write_text("abc\n")
    options = {"url": f"http://127.0.0.1:{server.server_port}/hook", "token_file": str(tmp_path / "token")}

    async def go():
        async with running(Wish("hook", "webhook", options, {"events": False}), said=said) as gateway:
            feed(gateway, message(body=b"one"), message(body=b"refuse me"), message(body=b"two"), message(body=b"\xff"))
            gateway.heard("joined", {"uid": "x"})
            await until(lambda: len(server.got) == 3)

    asyncio.run(go())
    server.shutdown()
    server.server_close()
    assert [(b.get("text"), b.get("body_b64")) for b, _ in server.got] == [("one", None), ("two", None), (None, "/w==")]
    assert {token for _, token in server.got} == {"Bearer abc"}
    assert ["503" in said[0], "works again" in said[1] or "400" in said[1], len(said)] == [True, True, 3], said


def test_what_an_output_wants_is_what_it_gets(tmp_path):
    wish = Wish(
        "csv", "csv", {"path": str(tmp_path / "a.csv")}, {"senders": ["a"], "secrecy": ["note"], "history": False}
    )

    async def go():
        async with running(wish) as gateway:
            feed(gateway, message("a"), message("b"), message("a", secrecy="conversation"), message("a", historic=True))

    asyncio.run(go())
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 2


TWICE = """[[output.homeassistant.command]]
member = "roof"
kind = "button"
name = "{}"
send = "open"
"""


@pytest.mark.parametrize(
    "text, word",
    [
        ("", "names no output"), ("[output.csv]\n", "needs path"), ("[output.x]\n", '"x" is no output'),
        ("x = 1\n", 'there is no "x"'), ('[output.csv]\npath = 3\n', "path must be a text"),
        ('[output.csv]\npath = "a"\nsepp = 1\n', 'no option "sepp"'), ("[output", "gateway.toml"),
        ("x = " + "1" * 5000, "too large or too deep"), ("x = " + "[" * 5000, "too large or too deep"),
        ('[output.lines]\nsecrecy = ["loud"]\n', "secrecy is of note"), ("output = 3\n", "names no output"),
        ('[output.homeassistant]\n[[output.homeassistant.command]]\nkind = "horn"\n', "needs member, name, and kind"),
        ("[output.homeassistant]\nbroker = \"x\"\n" + TWICE.format("up") + TWICE.format("up"), "two of this name"),
    ],
)  # fmt: skip
def test_a_wrong_file_of_settings_is_told_in_a_line(tmp_path, text, word):
    path = tmp_path / "gateway.toml"
    path.write_text(text)
    with pytest.raises(UserError) as found:
        from sealcast_host.gateway.gateway import Gateway

        Gateway("g", from_file(path), print)
    assert word in str(found.value) and "\n" not in str(found.value)


@pytest.mark.parametrize("word", ["web", "prometheus"])
def test_an_extra_that_is_not_installed_is_told_before_anything_starts(word, monkeypatch):
    """It was tried again for ever."""
    from sealcast_host.gateway.gateway import Gateway

    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match="is not installed: pip install 'sealcast-host"):
        Gateway("g", from_words([word]), print)


def test_short_forms():
    assert [(w.kind, w.options) for w in from_words(["csv=a=b.csv", "prometheus", "lines"])] == [
        ("csv", {"path": "a=b.csv"}), ("prometheus", {}), ("lines", {}),
    ]  # fmt: skip
    for wrong in ("csv", "lines=x", "nothing", "webhook", ""):
        with pytest.raises(UserError):
            from_words([wrong])


@pytest.mark.parametrize(
    "word",
    [
        "webhook=http://[::1", "webhook=http://127.0.0.1:x/", "webhook=http://127.0.0.1:99999/",
        "webhook=http://127.0.0.1/a b", "webhook=http://user:pw@127.0.0.1/", "webhook=http://127.0.0.1/ä",
        "webhook=http://a..b/", "homeassistant=mqtt://[::1", "homeassistant=mqtt://a b", "csv=~nosuch/x",
        "sqlite=~nosuch/x", "web=::1:80", "web=127.0.0.1:1:80", "prometheus=a b:80", "prometheus=:80000",
        "homeassistant=mqtt://a..b", "web=a..b:80", f"prometheus={'a' * 64}:80",
    ],
)  # fmt: skip
def test_an_output_that_could_never_work_is_told_in_a_line(word):
    from sealcast_host.gateway.gateway import Gateway

    with pytest.raises(UserError) as found:
        Gateway("g", from_words([word]), print)
    text = str(found.value)
    assert "\n" not in text and "pw" not in text.replace("password", "") and "--broker" not in text
    assert text.startswith((word.partition("=")[0], "listen: "))


@pytest.mark.parametrize(
    "kind, options",
    [
        ("sqlite", {"path": "a", "keep_days": -1}), ("sqlite", {"path": "a", "keep_days": float("nan")}),
        ("sqlite", {"path": "a", "keep_days": float("inf")}), ("sqlite", {"path": "a", "keep_days": 10**400}),
        ("web", {"outside": "https://[::1"}), ("web", {"history": "~nosuch/a.db"}), ("web", {"socket": "~nosuch/a"}),
        ("web", {"password_file": "~nosuch/a"}), ("homeassistant", {"password_file": "~nosuch/a"}),
        ("homeassistant", {"discovery": ""}), ("homeassistant", {"discovery": "a/#"}),
        ("homeassistant", {"discovery": "a" * 201}), ("homeassistant", {"discovery": "a\0"}),
        ("homeassistant", {"broker": "mqtts://h", "ca": "~nosuch/a"}), ("homeassistant", {"ca": "ca.pem"}),
        ("webhook", {"url": "http://a/", "token_file": "~nosuch/a"}), ("csv", {"path": "a\0b"}),
    ],
)  # fmt: skip
def test_an_option_that_could_never_work_is_told_in_a_line(kind, options):
    """A negative keep_days deleted each message as it came."""
    with pytest.raises(UserError) as found:
        Wish(kind, kind, options).output(None if kind != "homeassistant" else FakeHub())
    assert str(found.value).startswith(f"{kind}: ")


class FakeHub:
    channel = "g"


def test_sqlite_keeps_what_a_path_names_in_a_file(tmp_path, monkeypatch):
    """`--to sqlite=:memory:` took every message, and kept none."""
    monkeypatch.chdir(tmp_path)

    async def go():
        async with running(("sqlite", {"path": ":memory:"})) as gateway:
            feed(gateway, message())

    asyncio.run(go())
    assert len(sqlite.recent(tmp_path / ":memory:", 3)) == 1


def test_what_was_not_handed_on_at_the_end_is_said(tmp_path):
    (tmp_path / "full.csv").symlink_to("/dev/full")
    said = []

    async def go():
        broken, good = ("csv", {"path": str(tmp_path / "full.csv")}), ("sqlite", {"path": str(tmp_path / "a.db")})
        async with running(broken, good, said=said) as gateway:
            feed(gateway, *[message(seq=i) for i in range(3)])
            await until(lambda: said and gateway.runners[1].handed == 3)
        return gateway.left

    assert asyncio.run(go()) == 3 and said[1].startswith("csv: 3 messages and events were not handed on"), said


def test_a_path_that_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises((UserError, OSError)):
        sqlite.connect(tmp_path)
    with pytest.raises(UserError):
        sqlite.connect(tmp_path / "fifo")


def test_the_cookbooks_files_are_right(tmp_path):
    """Each TOML block of docs/COOKBOOK.md and docs/TUTORIAL.md, through what reads it."""
    from host_support import ROOT

    cookbook = (ROOT / "docs/COOKBOOK.md").read_text()
    tutorial = (ROOT / "docs/TUTORIAL.md").read_text()
    blocks = re.findall(r"```toml\n(.*?)```", cookbook, re.S)
    blocks.append("\n".join(line.strip() for line in re.findall(r"^    (?:\[output.*|[a-z_]+ = .*)$", tutorial, re.M)))
    for text in blocks:
        path = tmp_path / "gateway.toml"
        path.write_text(text)
        assert len(from_file(path)) == 2
    from sealcast_host.gateway.ha_entities import measured

    for name, unit in re.findall(r"`(\w+)` (°C|%|hPa|V|W|kWh|ppm)", cookbook):
        assert measured(name, None)["unit_of_measurement"] == unit
    # Its commands name outputs that there are
    words = re.findall(r"--to (\S+)", cookbook)
    assert len(words) >= 8 and {wish.kind for wish in from_words(words)} == {
        "csv", "sqlite", "homeassistant", "prometheus", "web", "lines", "webhook",
    }  # fmt: skip
