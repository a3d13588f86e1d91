"""MicroPython programs as processes of their own, for the tests of the node: started, talked to, killed, restarted."""

import contextlib
import json
import platform
import subprocess

from host_support import DEADLINE_S, ROOT, Child

NATIVE = ROOT / "firmware" / "prebuilt" / "x64"
SOFT_PATH = f".frozen:{ROOT}/shared:{ROOT}/firmware:{ROOT}/firmware/node"
# With the native modules where they fit this machine; before
# firmware/, whose folder curve25519 would be taken for the module.
PATH = (
    f".frozen:{ROOT}/shared:{NATIVE}:{ROOT}/firmware:{ROOT}/firmware/node"
    if platform.machine() == "x86_64"
    else SOFT_PATH
)


class Program(Child):
    """A script on MicroPython with the core and the node on its path. Lines of its output can be waited for."""

    def __init__(self, micropython, script, *arguments, options=(), path=None):
        argv = [str(micropython), *options, str(script), *map(str, arguments)]
        super().__init__(argv, {"MICROPYPATH": path or PATH}, stdin=subprocess.PIPE, bufsize=1)

    say = Child.type

    def events(self):
        """Its output lines that are JSON objects."""
        with self._more:
            return [json.loads(line) for line in self.lines if line.startswith("{")]

    def wait(self, condition, what="", after=0):
        """The first JSON object from index `after` on for which
        condition(object) holds. Fails at its end or the deadline.
        """

        def found():
            return next((e for e in self.events()[after:] if condition(e)), None)

        with self._more:
            self._more.wait_for(lambda: self._ended or found() is not None, DEADLINE_S)
            event = found()
        assert event is not None, f"no {what or 'such event'} in " + "\n".join(self.lines)
        return event

    def end(self, signum=None):
        """Wait for the end (after a signal, if given) -> exit code."""
        return self.stop(signum)

    def __exit__(self, *exception):
        super().__exit__(*exception)
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
