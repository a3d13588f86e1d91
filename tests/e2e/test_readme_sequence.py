"""README's "Your own channel" as one script of one shell: broker, listen, chat and the gateway open side by side, a
second computer, the group, and a member left behind. All of it is one member on this computer, each message once."""

import json
import os
import re
import select
import shlex
import signal
import sqlite3
import stat
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from host_support import ROOT, environment, free_port, mosquitto, start_broker

pytestmark = pytest.mark.skipif(mosquitto() is None, reason="mosquitto is not installed")

README = (ROOT / "README.md").read_text()
SECTION = README.split("## Your own channel")[1].split("## A board")[0]
DEADLINE_S = 240
READING = '{"temperature": 21.5}'

# What a reader sees before the next line is typed, in what the command before it prints
SEEN = {
    "sealcast broker": "listening on", "sealcast listen": "listening on", "sealcast chat": "/help explains",
    "sealcast gateway": "the page is at",
}  # fmt: skip
# watch FILE TEXT: until the text is there; shows the file when what writes it has ended, or never says it
HEAD = r"""
set -e
watch() {
    tries=0
    until grep -qsF -- "$2" "$1"; do
        tries=$((tries + 1))
        if ! kill -0 "$last" || test $tries -gt 900; then echo "no '$2' in $1:"; cat "$1"; exit 1; fi
        sleep 0.1
    done
}
run() { echo "+ $(date +%T) $*"; "$@"; }
laptop() { XDG_CONFIG_HOME="$PWD/laptop/config" XDG_STATE_HOME="$PWD/laptop/state" "$@"; }
mkfifo typed; exec 3<>typed
"""


def commands():
    """README's commands of this section, in their order: those of its blocks, and those inside its text."""
    found = []
    for block, inline in re.findall(r"^((?:    .+\n)+)|`(sealcast [^`]+)`", SECTION, re.M):
        lines = [inline] if inline else block.splitlines()
        found += [" ".join(line.split("#")[0].split()) for line in lines if "sealcast " in line]
    return found


def background(command, name, extra=""):
    start = next(word for word in SEEN if command.removeprefix("laptop ").startswith(word))
    seen = f"watch {name}.out {shlex.quote(SEEN[start])}"
    return [f"{command.rstrip(' &')} {extra} >{name}.out 2>&1 &", "last=$!", seen]


def script(port, home_assistant):
    """-> the lines. Only ports and names differ from a reader's; what README shows in brackets is tried both ways."""
    broker, new, listen, send, chat, create, verify, ratchet, *rest = commands()
    assert rest[0].startswith("sealcast lost") and "listen greenhouse &" in listen and "chat greenhouse" in chat
    (gateway,) = [c for c in rest if c.startswith("sealcast gateway")]
    (join,) = [c for c in rest if c.startswith("sealcast channel join")]
    gateway = gateway.replace("mqtt://192.168.1.5", f"mqtt://127.0.0.1:{home_assistant}")
    assert "127.0.0.1" in gateway and "--to web" in gateway
    lines = [
        *background(broker.replace("broker", f"broker --port {port}"), "broker"),
        f"run {new} --broker 127.0.0.1:{port} >new.out",
        *background(listen, "listen"),
        f"run {send}",
        *background(chat, "chat", "<typed"),
        *background(gateway.replace("--to web", "--to web=127.0.0.1:0"), "gateway"),
        # The second computer
        f"sed -n 's/^phrase *//p' new.out | laptop {join} --uid laptop --broker 127.0.0.1:{port} --password-stdin",
        *background("laptop sealcast listen greenhouse", "laptop"),
        "watch listen.out 'laptop joined'",
        f"run {create}",
        f"run {verify}",
        f"run {verify} --words",
    ]
    for to, text in (("", "to all"), ("--to laptop", "to one")):
        lines.append("run " + ratchet.replace("[--to UID]", to).replace("TEXT", shlex.quote(text)))
    lines += ["echo 'by chat' >&3", "watch laptop.out 'by chat'"]
    lines += [f"laptop sealcast send greenhouse --mode note {shlex.quote(READING)}"]
    lines += [f"watch {name}.out temperature" for name in ("listen", "chat")]
    lines += ["run sealcast status greenhouse", "run sealcast agent --status --json"]
    lines += ["run sealcast group remove greenhouse laptop", "run sealcast group add greenhouse laptop"]
    lost = rest[0].replace("UID", "laptop")
    lines += [f"run {lost} || test $? -eq 2", f"run {lost} --yes --timeout 1"]
    lines += ["echo /leave >&3", "echo done"]
    return lines


def test_readmes_whole_sequence_runs_as_one_script(tmp_path):
    port, home_assistant = free_port(), free_port()
    (tmp_path / "ha").mkdir()
    env = environment(
        XDG_CONFIG_HOME=str(tmp_path / "config"), XDG_STATE_HOME=str(tmp_path / "state"),
        PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    )  # fmt: skip
    (tmp_path / "script.sh").write_text(HEAD + "\n".join(script(port, home_assistant)) + "\n")
    out, printed = tmp_path / "script.out", {}
    with start_broker("mosquitto", home_assistant, tmp_path / "ha") as ha, out.open("w") as sink:
        shell = subprocess.Popen(
            ["sh", "script.sh"], cwd=tmp_path, env=env, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink,
            start_new_session=True,
        )  # fmt: skip
        agent = None
        try:
            code, said = shell.wait(DEADLINE_S), out.read_text()
            assert code == 0 and said.endswith("done\n"), said
            agents = [json.loads(line) for line in said.splitlines() if line.startswith('{"type": "agent"')]
            agent = os.pidfd_open(agents[0]["pid"])
            assert b"<html" in page((tmp_path / "gateway.out").read_text())
            ha.wait_for("homeassistant/device/")
            private = tmp_path / "state/sealcast/.agent"
            modes = [stat.S_IMODE(path.stat().st_mode) for path in (private, private / "socket")]
            assert modes == [0o700, 0o600]
        finally:
            os.killpg(shell.pid, signal.SIGTERM)
    # One name on this computer; listen, chat and the gateway shared its member beside each command
    assert [(m["channel"], m["attached"], m["online"]) for m in agents[0]["members"]] == [("greenhouse", 3, True)]
    assert '"laptop" is left behind' in said
    assert select.select([agent], [], [], 60)[0], "the agent goes with the last one attached"
    os.close(agent)
    assert not (private / "socket").exists()
    for name in ("listen", "chat", "laptop"):
        printed[name] = (tmp_path / f"{name}.out").read_text()
    me = agents[0]["members"][0]["uid"]
    first, *others = [(me, "open the roof"), (me, "to all"), (me, "to one"), (me, "by chat"), ("laptop", READING)]
    assert messages(printed["listen"]) == messages(printed["laptop"]) == [first, *others]
    assert messages(printed["chat"]) == [row for row in others if row[1] != "by chat"]  # its own is said otherwise
    with sqlite3.connect(tmp_path / "readings.db") as db:
        assert db.execute("SELECT sender, text FROM messages ORDER BY rowid").fetchall() == others
    assert not any("Traceback" in text for text in (said, *printed.values()))


def messages(text):
    """[(sender, text)] of the lines that are messages."""
    return re.findall(r"^\S.*?  (\S+)  \[(?:note|conversation|ratchet), member[^]]*\]  (.*)$", text, re.M)


def page(said):
    """What the gateway's page answers, by the link that it has printed."""
    cookies = urllib.request.HTTPCookieProcessor()
    link = re.search(r"http://\S+", said)[0]
    return urllib.request.build_opener(cookies).open(link, timeout=60).read()
