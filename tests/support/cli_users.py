"""Users of the command line, each with a home directory of his own: real commands, real processes. And members of this
process."""

import asyncio
import json
import subprocess
import sys

from host_support import Child, environment
from sealcast.wire import b64
from sealcast_host.member.session import join


def member(uid, port, **more):
    """Awaitable: a session of this process in channel g. more: settings."""
    broker = {"host": "127.0.0.1", "port": port}
    return join(settings={"uid": uid, "channel": "g", "key": b64(bytes(range(32))), "broker": broker, **more})


async def until(true):
    """true: a function that says whether what is waited for has come."""
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.05)


class User:
    """Somebody with a home directory of his own. port: of the broker; uid: his usual name."""

    def __init__(self, home, port=None, uid=None):
        self.home, self.port, self.uid = home, port, uid
        self.env = {"XDG_CONFIG_HOME": str(home / "config"), "XDG_STATE_HOME": str(home / "state")}
        self.where = ("--broker", f"127.0.0.1:{port}")
        self.file = home / "config" / "sealcast" / "g.json"  # of channel g

    def run(self, *args, stdin=""):
        argv = [sys.executable, "-m", "sealcast_host", *args]
        env = environment(**self.env)
        return subprocess.run(argv, input=stdin, capture_output=True, text=True, env=env, timeout=180)

    def ok(self, *args, stdin="", code=0):
        done = self.run(*args, stdin=stdin)
        assert (done.returncode, done.stderr) == (code, ""), done
        return done.stdout

    def refused(self, *args):
        """The one line that says why."""
        done = self.run(*args)
        assert (done.returncode, done.stdout) == (2, "") and done.stderr.count("\n") == 1, done
        return done.stderr

    def json(self, *args, stdin="", code=0):
        return json.loads(self.ok(*args, "--json", stdin=stdin, code=code))

    def start(self, *args, **kwargs):
        return Child([sys.executable, "-m", "sealcast_host", *args], extra_env=self.env, **kwargs)

    def listen(self, *args):
        """Has reached the broker."""
        child = self.start("listen", "g", "--json", *args)
        child.wait_for('"online"')
        return child

    def new(self, channel="g", uid="anna"):
        """Make the channel; its phrase."""
        out = self.ok("channel", "new", channel, "--uid", uid, "--stretch", "15", *self.where)
        return next(line.split()[1] for line in out.splitlines() if line.startswith("phrase"))

    def join(self, phrase, channel="g", uid="ben"):
        self.ok("channel", "join", channel, "--uid", uid, *self.where, "--password-stdin", stdin=phrase + "\n")


def messages(lines):
    return [m for m in map(json.loads, lines) if m["type"] == "message"]
