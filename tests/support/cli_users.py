"""Users of the command line, each with a home directory of his own: real commands, real processes."""

import json
import subprocess
import sys

from host_support import Child, environment


class User:
    """Somebody with a home directory of his own."""

    def __init__(self, home, port):
        self.home = home
        self.port = port
        self.env = {"XDG_CONFIG_HOME": str(home / "config"), "XDG_STATE_HOME": str(home / "state")}

    def run(self, *args, stdin=""):
        argv = [sys.executable, "-m", "sealcast_host", *args]
        return subprocess.run(
            argv, input=stdin, capture_output=True, text=True, env=environment(**self.env), timeout=180
        )

    def ok(self, *args, stdin=""):
        done = self.run(*args, stdin=stdin)
        assert (done.returncode, done.stderr) == (0, ""), done
        return done.stdout

    def start(self, *args, **kwargs):
        return Child([sys.executable, "-m", "sealcast_host", *args], extra_env=self.env, **kwargs)

    def new(self, channel="g", uid="anna"):
        """Make the channel; its phrase."""
        out = self.ok("channel", "new", channel, "--uid", uid, "--broker", f"127.0.0.1:{self.port}")
        return next(line.split()[1] for line in out.splitlines() if line.startswith("phrase"))

    def join(self, phrase, channel="g", uid="ben"):
        where = f"127.0.0.1:{self.port}"
        self.ok("channel", "join", channel, "--uid", uid, "--broker", where, "--password-stdin", stdin=phrase + "\n")


def messages(lines):
    return [m for m in map(json.loads, lines) if m["type"] == "message"]
