"""MicroPython programs as processes of their own, for the tests of the node: started, talked to, killed, restarted."""

import json
import os
import platform
import signal
import subprocess
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DEADLINE_S = 120.0  # a busy machine
NATIVE = ROOT / "firmware" / "prebuilt" / "x64"
SOFT_PATH = f".frozen:{ROOT}/shared:{ROOT}/firmware"
# With the native modules where they fit this machine; before firmware/, whose folder curve25519 would be taken for the module.
PATH = f".frozen:{ROOT}/shared:{NATIVE}:{ROOT}/firmware" if platform.machine() == "x86_64" else SOFT_PATH


class Program:
    """A script on MicroPython with the core and the node on its path. Lines of its output can be waited for."""

    def __init__(self, micropython, script, *arguments, options=(), path=None):
        env = dict(os.environ)
        env["MICROPYPATH"] = path or PATH
        self.lines = []
        self._more = threading.Condition()  # its lock is re-entrant: events() is called inside wait()
        self._ended = False
        argv = [str(micropython), *options, str(script), *map(str, arguments)]
        self.process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", env=env, bufsize=1
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self._more:
                self.lines.append(line.rstrip("\n"))
                self._more.notify_all()
        with self._more:
            self._ended = True
            self._more.notify_all()

    def say(self, line):
        """One line to its standard input."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def events(self):
        """Its output lines that are JSON objects."""
        with self._more:
            return [json.loads(line) for line in self.lines if line.startswith("{")]

    def wait(self, condition, what="", after=0):
        """The first JSON object from index `after` on for which condition(object) holds. Fails at its end or the deadline."""

        def found():
            return next((e for e in self.events()[after:] if condition(e)), None)

        with self._more:
            self._more.wait_for(lambda: self._ended or found() is not None, DEADLINE_S)
            event = found()
        assert event is not None, f"no {what or 'such event'} in " + "\n".join(self.lines)
        return event

    def end(self, signum=None):
        """Wait for the end (after a signal, if given) -> exit code."""
        if signum is not None:
            self.process.send_signal(signum)
        code = self.process.wait(DEADLINE_S)
        self._reader.join(DEADLINE_S)
        return code

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        self._reader.join(DEADLINE_S)
        for pipe in (self.process.stdin, self.process.stdout):
            try:
                pipe.close()
            except BrokenPipeError:
                pass
