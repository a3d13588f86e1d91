"""Boards on serial ports for the tests: the node on MicroPython's
unix port at one end of a pty, behind a name that stays.
"""

import asyncio
import json
import os
import pty
import signal
import subprocess
import tty

from node_support import PATH, ROOT
from sealcast_host.bridge.ports import Bridge, maker
from sealcast_host.demo.members import Member
from sealcast_host.waiting import Watch

KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"


class Plug:
    """A port name that outlives what is plugged in: a link to the pty of the moment."""

    def __init__(self, path):
        self.path = str(path)
        self.board_end = None

    def plug_in(self):
        self.board_end, ours = pty.openpty()
        tty.setraw(ours)
        os.symlink(os.ttyname(ours), self.path + ".new")
        os.rename(self.path + ".new", self.path)
        os.close(ours)

    def pull_out(self):
        if self.board_end is not None:
            os.close(self.board_end)
            self.board_end = None
            os.unlink(self.path)


class SerialNode(Member):
    """A node whose every byte passes a serial port. Its log comes back through the bridge."""

    def __init__(self, micropython, folder, uid, watch, **settings):
        super().__init__(uid, watch)
        folder.mkdir()
        self.folder = folder
        self.plug = Plug(folder / "port")
        self._micropython = micropython
        self.process = None
        self.bridge = None
        values = {"uid": uid, "channel": "greenhouse", "key": KEY, "transport": "serial", "log": "json", "keepalive": 5}
        (folder / "sealcast.json").write_text(json.dumps(values | {"serial": {"window": 4}} | settings))

    def start(self):
        """Switch it on."""
        if self.plug.board_end is None:
            self.plug.plug_in()
        end = self.plug.board_end
        argv = [str(self._micropython), str(ROOT / "firmware/node/main.py"), str(self.folder / "sealcast.json")]
        self.process = subprocess.Popen(
            argv, stdin=end, stdout=end, stderr=end, env={**os.environ, "MICROPYPATH": PATH}
        )

    def kill(self):
        """As if its battery had been pulled out; the cable stays."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def say(self, line):
        self.bridge.type(self.plug.path, line)

    async def send(self, body, mode):
        before = sum(n == "sent" for n, _ in self.events)
        self.say({"note": "note", "conversation": "conv"}[mode] + " " + body)
        await self._watch.until(f"{self.uid} sends", lambda: sum(n == "sent" for n, _ in self.events) > before)


class Lab:
    """A bridge in this process, real boards behind it, one place to wait in."""

    def __init__(self, broker_port):
        self.watch = Watch()
        self.broker = {"host": "127.0.0.1", "port": broker_port}
        self.bridge = Bridge(maker(self.broker), self._tell)
        self.nodes = {}
        self.said = []
        self._tasks = {}

    def _tell(self, line):
        self.said.append(line)
        path, _, text = line.partition(": ")
        if path in self.nodes:
            self.nodes[path].take(text)
        self.watch.changed()

    def add(self, node):
        self.nodes[node.plug.path] = node
        node.bridge = self.bridge
        self.attend(node)

    def attend(self, node):
        self._tasks[node.plug.path] = asyncio.create_task(self.bridge.attend(node.plug.path))

    async def leave(self, node):
        """Stop relaying this port."""
        task = self._tasks.pop(node.plug.path)
        task.cancel()
        await asyncio.wait({task})

    async def __aenter__(self):
        return self

    async def __aexit__(self, kind, *_):
        if kind is not None:
            print("\n".join(["the bridge said:", *self.said[-60:]]))
        for node in list(self.nodes.values()):
            if node.plug.path in self._tasks:
                await self.leave(node)
            node.kill()
            node.plug.pull_out()
