"""The page in a real Chromium, with real members, hostile ones among them; its guard, asked as an attacker would."""

import asyncio
import json
import os
import re
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import aiohttp
import pytest

from gateway_support import HOSTILE, Session, running, until
from host_support import ROOT, Child, environment, free_port, start_broker
from sealcast.errors import NoGroup
from sealcast_host.demo.browser import browsing, chromium
from sealcast_host.gateway import sqlite
from sealcast_host.gateway.record import Message
from sealcast_host.gateway.web_guard import Guard

NO_CHROMIUM = "chromium is not installed: make test brings it on Debian"
needs_chromium = pytest.mark.skipif(chromium() is None, reason=NO_CHROMIUM)


@pytest.fixture
def home(tmp_path):
    """A channel "g" on a broker of its own; start(...) is `sealcast ...` there."""
    port = free_port()
    env = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_STATE_HOME": str(tmp_path / "state")}
    whole = environment(**env)

    class Home:
        folder = tmp_path

        def start(self, *args, **kwargs):
            return Child([sys.executable, "-m", "sealcast_host", *args], extra_env=env, **kwargs)

        def ok(self, *args, stdin=""):
            argv = [sys.executable, "-m", "sealcast_host", *args]
            done = subprocess.run(argv, input=stdin, capture_output=True, text=True, env=whole, timeout=120)
            assert done.returncode == 0, done
            return done.stdout

    with start_broker("embedded", port, tmp_path):
        home = Home()
        home.broker = f"127.0.0.1:{port}"
        made = home.ok("channel", "new", "g", "--stretch", "15", "--uid", "anna", "--broker", home.broker)
        home.phrase = next(line.split()[1] for line in made.splitlines() if line.startswith("phrase"))
        yield home


def link(gate):
    return re.search(r"https?://\S+", gate.wait_for("the page is at"))[0]


def listening_port(pid):
    """Of a process that listens at one address of the machine."""
    own = {os.readlink(fd) for fd in Path(f"/proc/{pid}/fd").iterdir() if fd.is_symlink()}
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    (port,) = (int(row[1].split(":")[1], 16) for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in own)
    return port


def old_readings(path):
    """An hour of readings in a database, as an earlier run of the gateway left them."""
    db = sqlite.connect(path)
    now = time.time()
    for i in range(60):
        body = json.dumps({"temperature": 20 + i / 20, "humidity": 50 - i / 10}).encode()
        m = Message(now - 3600 + 60 * i, "bench-1", body, "note", "member", 0, i, False, False, False, None)
        with db:
            db.execute(f"INSERT INTO messages ({sqlite._COLUMNS}) VALUES ({','.join('?' * 12)})", sqlite._row(m))
    db.close()


@needs_chromium
def test_the_page_shows_everything_and_runs_nothing_that_members_wrote(home, monkeypatch):
    """Screenshots stay in build/web-*.png. TMPDIR is as deep as under pytest's workers: Chromium starts even so."""
    deep = home.folder / ("d" * 60)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    old_readings(home.folder / "a.db")
    evil = HOSTILE[2]
    bodies = [*HOSTILE, json.dumps(dict.fromkeys(HOSTILE, 1) | {"<script>alert(2)</script>": 3})]
    said = "\n".join(body.replace("\n", "\\n") for body in bodies) + "\n"
    to = ("--to", "web=127.0.0.1:0", "--to", f"sqlite={home.folder}/a.db")
    send = "[...document.querySelectorAll('button')].find(b => b.innerText.includes('Send')).click()"
    with (
        home.start("listen", "g", "--uid", "ear", "--json") as ear,
        home.start("gateway", "g", "--uid", "gate", *to) as gate,
    ):
        home.ok("send", "g", "-", "--uid", evil, "--mode", "note", stdin=said)
        ear.wait_for("alert(2)")
        address = link(gate)

        async def look():
            async with browsing() as browser:
                await browser.look(1280, 1000)
                await browser.goto(address)
                await browser.until("document.body.innerText.includes('TEMPERATURE')")
                await browser.until("document.body.innerText.includes('=cmd|')")
                await browser.until("document.querySelectorAll('canvas').length >= 5")
                text = await browser.ask("document.body.innerText")
                assert evil in text and "{{ 7 * 7 }}" in text and "connected" in text and "note" in text
                assert await browser.ask("document.querySelectorAll('img').length") == 0
                await browser.picture(ROOT / "build/web-light.png")
                # A message from the page arrives; an empty one is refused in words
                await browser.ask("document.querySelector('input').focus()")
                await browser.call("Input.insertText", text="said on the page")
                await browser.ask(send)
                await asyncio.to_thread(ear.wait_for, "said on the page")
                await browser.ask(send)
                await browser.until("document.body.innerText.includes('a message has 1 to')")
                await browser.look(390, 844, dark=True, phone=True)
                await browser.until("document.body.classList.contains('body--dark') && innerWidth == 390")
                assert await browser.ask("document.documentElement.scrollWidth <= 390")
                await browser.picture(ROOT / "build/web-phone.png")
                assert browser.dialogs == 0 and browser.complaints == []
                # What stands in the page as served: nothing of members, no secret
                source = await browser.ask("fetch(location).then(r => r.text())")
                assert "onerror" not in source and home.phrase not in source and "bench-1" not in source
                assert await browser.ask("document.cookie") == ""  # HttpOnly

        asyncio.run(look())
        assert gate.stop(signal.SIGTERM) == 0


@needs_chromium
def test_a_paste_that_is_too_long_is_told_and_costs_the_page_nothing(home):
    """More than the live connection takes: it was lost, and what was typed with it."""
    value = "document.querySelector('input').value"
    send = "[...document.querySelectorAll('button')].find(b => b.innerText.includes('Send')).click()"
    with (
        home.start("listen", "g", "--uid", "ear", "--json") as ear,
        home.start("gateway", "g", "--uid", "gate", "--to", "web=127.0.0.1:0") as gate,
    ):
        address = link(gate)

        async def paste(browser, text):
            await browser.ask("document.querySelector('input').focus()")
            await browser.ask("document.execCommand('selectAll')")
            await browser.ask(f"document.execCommand('insertText', false, {json.dumps(text)})")

        async def look():
            async with browsing() as browser:
                await browser.goto(address)
                await browser.until("document.body.innerText.includes('connected')")
                for text in ("x" * 100_000, "\u00e4" * 1500):
                    await paste(browser, text)
                    await browser.until("document.body.innerText.includes('too long: a message has at most 2000')")
                    await browser.ask(send)
                    await browser.until("document.body.innerText.includes('a message has 1 to 2000 bytes')")
                    assert await browser.ask(f"{value}.length") > 1000  # it stays, to be split
                await paste(browser, "short")
                await browser.until("!document.body.innerText.includes('too long')")
                await browser.ask(send)
                await asyncio.to_thread(ear.wait_for, '"short"')
                assert browser.complaints == []

        asyncio.run(asyncio.wait_for(look(), 200))
    assert sum('"message"' in line for line in ear.lines) == 1, ear.lines


@needs_chromium
def test_two_pages_side_by_side_and_a_server_of_another_user(home):
    """Browsers give a computer's cookies to all its ports: each page keeps its own, and no other server gets one."""
    home.ok("channel", "new", "h", "--stretch", "15", "--uid", "anna", "--broker", home.broker)
    asked = []

    async def other(reader, writer):
        asked.append((await reader.readuntil(b"\r\n\r\n")).lower())
        page = b"<script>if (!location.hash) location = '/again#x'; else document.title = 'again'</script>"
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n" + page)
        writer.close()

    async def look():
        server = await asyncio.start_server(other, "127.0.0.1", 0)
        async with browsing() as browser:
            pages = []
            for gate in (first, second):
                await browser.goto(link(gate))
                await browser.until("document.body.innerText.includes('MEMBERS')")
                pages.append(await browser.ask("String(location)"))
            await browser.goto(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
            await browser.until("document.title == 'again'")
            for page, name in zip(pages, "gh", strict=True):
                await browser.goto(page)
                await browser.until(f"document.querySelector('.sc-name')?.innerText == '{name}'")
        server.close()

    with (
        home.start("gateway", "g", "--to", "web=127.0.0.1:0") as first,
        home.start("gateway", "h", "--to", "web=127.0.0.1:0") as second,
    ):
        asyncio.run(look())
    assert len(asked) >= 2 and not any(b"cookie" in head for head in asked), asked


@needs_chromium
def test_what_is_written_to_one_goes_to_nobody_else():
    """Any member may remove this one from the group while somebody types: who was chosen stays so."""
    session, said, sent = Session(bench="awake", other="awake"), [], []
    session.group = {"members": ["gate", "bench", "other"], "epoch": 1}
    pick = "[...document.querySelectorAll('.q-item')].find(item => item.innerText == 'bench')"
    chosen = "document.querySelectorAll('.sc-send .q-select')[1]"

    async def send(body, mode, to, **_):
        sent.append((body, mode, to))
        raise NoGroup("this member is in no group")

    async def look():
        session.send = send
        async with running(("web", {"listen": "127.0.0.1:0"}), said=said, session=session) as gateway:
            await until(lambda: said)
            async with browsing() as browser:
                await browser.goto(said[0].split()[-1])
                await browser.until(f"{chosen} && document.body.innerText.includes('MEMBERS')")
                await browser.until(f"({pick} || {chosen}.click(), {pick})")
                await browser.ask(f"{pick}.click()")
                await browser.until(f"{chosen}.innerText.includes('bench')")
                session.group = None
                gateway.heard("removed", {"by": "other"})
                await browser.until("document.body.innerText.includes('other removed this member')")
                await browser.ask("document.querySelector('input').focus()")
                await browser.call("Input.insertText", text="for one alone")
                await browser.ask("document.querySelector('.sc-send button').click()")
                await browser.until("document.body.innerText.includes('this member is in no group')")
    asyncio.run(look())
    assert sent == [(b"for one alone", "ratchet", "bench")]


def test_nobody_else_gets_in(home):
    """Wrong names, other sites, no session, a link twice: refused, the live connection included."""
    with home.start("gateway", "g", "--to", "web=127.0.0.1:0") as gate:
        address = link(gate)
        base, _, _ = address.partition("/enter")

        async def attack():
            async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as web:

                async def get(path, **headers):
                    async with web.get(base + path, headers=headers, allow_redirects=False) as answer:
                        return answer.status, await answer.text(), answer.headers

                inner = "/_nicegui_ws/socket.io/?EIO=4&transport=websocket"

                async def connects(**headers):
                    try:
                        async with web.ws_connect(base + inner, headers=headers) as socket:
                            return (await socket.receive()).type == aiohttp.WSMsgType.TEXT
                    except aiohttp.WSServerHandshakeError:
                        return False

                status, text, headers = await get("/")
                assert status == 200 and "lets you in, once" in text
                assert "script-src 'none'" in headers["content-security-policy"]
                assert (await get("/_nicegui/x"))[0] == 401 and not await connects(Origin=base)
                assert (await get("/", Host="evil.example"))[0] == 403
                assert (await get("/enter?code=guessed"))[0] == 401
                path = address.removeprefix(base)
                assert (await get(path, **{"Sec-Fetch-Site": "cross-site"}))[0] == 401  # a foreign page may not burn it
                status, _, headers = await get(path)
                cookie = headers["set-cookie"]
                assert status == 303 and "HttpOnly" in cookie and "SameSite=Strict" in cookie
                inside = headers["location"].rstrip("/")
                assert cookie.endswith(f"Path={inside}/") and len(inside) > 16
                assert "lets you in" in (await get("/"))[1]  # nobody is told where it is
                status, text, headers = await get(inside + "/")
                policy = headers["content-security-policy"]
                nonce = re.search(r"'nonce-([\w-]+)'", policy)[1]
                assert status == 200 and text.count("<script") == text.count(f'<script nonce="{nonce}"') > 3
                assert "'unsafe-inline'" not in policy.split("style-src")[0] and "frame-ancestors 'none'" in policy
                assert not await connects(Origin=base)
                inner = inside + inner
                assert await connects(Origin=base)
                assert not await connects(Origin="http://evil.example") and not await connects()
                assert not await connects(Origin=base, Host="evil.example")
                async with web.post(base + inside + "/", headers={"Origin": "http://evil.example"}) as answer:
                    assert answer.status == 403
            async with aiohttp.ClientSession() as other, other.get(address, allow_redirects=False) as answer:
                assert answer.status == 401  # it was used
            async with aiohttp.ClientSession() as other, other.get(base + inside + "/") as answer:
                assert "lets you in" in await answer.text()  # where it is helps nobody

        asyncio.run(attack())
        assert sum("the page is at" in line for line in gate.lines) == 2  # a new link after the first


def test_the_password_and_the_socket(home):
    password = home.folder / "password"
    password.write_text("correct horse\n")
    password.chmod(0o644)
    (home.folder / "gateway.toml").write_text(
        f'[output.web]\nlisten = "0.0.0.0:0"\npassword_file = "{home.folder}/password"\n'
        'outside = "https://page.example"\n'
    )
    with home.start("gateway", "g", "--config", str(home.folder / "gateway.toml")) as gate:
        gate.wait_for(f"run chmod 600 {password}")
        password.chmod(0o600)  # it tries again
        assert link(gate) == "https://page.example"
        base = f"http://127.0.0.1:{listening_port(gate.process.pid)}"

        async def ask():
            async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as web:
                for password, status in (("wrong", 401), ("", 401), ("correct horse", 200)):
                    data = {"password": password}
                    async with web.post(base + "/login", data=data, headers={"Origin": base}) as answer:
                        assert answer.status == status, password
                async with web.post(base + "/login", data={"password": "correct horse"}) as answer:
                    assert answer.status == 403  # a form of no page of ours
                # Behind a proxy with TLS the cookie is for TLS alone
                data, form = {"password": "correct horse"}, {"Origin": "https://page.example"}
                async with web.post(base + "/login", data=data, headers=form, allow_redirects=False) as answer:
                    assert answer.status == 303 and answer.headers["set-cookie"].endswith("/; Secure")
                # Behind a proxy, which says its own name or ours; under any address of this computer; nowhere else
                port = base.rpartition(":")[2]
                outside = {"Origin": "https://page.example"}
                for headers, status in (
                    (outside, 200), (outside | {"Host": "page.example"}, 200), ({"Host": f"192.168.7.8:{port}"}, 200),
                    ({"Host": f"[fe80::1]:{port}"}, 200), ({"Host": f"evil.example:{port}"}, 403),
                    ({"Host": "1.2.3.4:1"}, 403), ({"Origin": "https://evil.example"}, 403),
                ):  # fmt: skip
                    async with web.get(base + "/", headers=headers) as answer:
                        assert answer.status == status, headers

        asyncio.run(ask())
        assert gate.stop(signal.SIGTERM) == 0
        assert "correct horse" not in "\n".join(gate.lines)
    path = home.folder / "page.socket"
    (home.folder / "gateway.toml").write_text(f'[output.web]\nsocket = "{path}"\n')
    for _ in range(2):  # the socket of a run that was killed is no obstacle
        with home.start("gateway", "g", "--config", str(home.folder / "gateway.toml")) as gate:
            gate.wait_for("the page is at")
            assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600

            async def through():
                async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as web:
                    async with web.get("http://localhost/") as answer:
                        return answer.status, "<script" in await answer.text()

            assert asyncio.run(through()) == (200, True)
            # nor is it taken away from one that runs
            with home.start("gateway", "g", "--config", str(home.folder / "gateway.toml")) as other:
                other.wait_for(f"{path}: address already in use; trying again")
            assert asyncio.run(through()) == (200, True)
            gate.stop(signal.SIGKILL)


def test_the_usual_port_of_http_has_its_addresses_as_well():
    guard = Guard(None, {"localhost"}, None, open_door=False, title="g")
    for port, host, ours in (
        ("80", "192.168.7.8", True), ("80", "[fe80::1]", True), ("80", "192.168.7.8:80", True), ("80", "evil", False),
        ("81", "192.168.7.8", False), ("81", "[fe80::1]:81", True), ("", "192.168.7.8", False), ("80", "", False),
    ):  # fmt: skip
        guard.addresses = port
        assert guard._is_address(host) is ours, (port, host)
