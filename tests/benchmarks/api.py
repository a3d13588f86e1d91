"""Messages a second through the API: 32 bytes, sender and hearer and broker a process each, a ring's worth at once."""

import contextlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from host_support import environment, free_port, mosquitto, start_broker

HERE = Path(__file__).resolve().parent
BUILD = HERE.parents[1] / "build"
SECONDS = 2  # of sending, for each figure
# Where members keep their state, and the broker. On a disk the broker's own files are in memory: they are not measured.
PLACES = {"disk": (BUILD, "mosquitto"), "tmpfs": (Path("/dev/shm"), "mosquitto"), "embedded": (BUILD, "embedded")}


def missing():
    return [] if mosquitto() else ["mosquitto"]


class Talker:
    """A process of talker.py."""

    def __init__(self, role, port, home, ring):
        argv = [sys.executable, str(HERE / "talker.py"), role, str(port), str(ring)]
        env = environment(XDG_CONFIG_HOME=f"{home}/{role}/config", XDG_STATE_HOME=f"{home}/{role}/state")
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)

    def tell(self, *words):
        self.process.stdin.write(" ".join(str(word) for word in words) + "\n")
        self.process.stdin.flush()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("a process of the measurement ended early")
        return json.loads(line)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()


def rate(sender, hearer, mode):
    """-> (messages a second from the first that is sent to the last that is heard; of the sender for each: flushes, and
    microseconds of its processor)."""
    sender.tell(mode, SECONDS)
    said = sender.answer()
    hearer.tell(mode, said["sent"])
    heard = hearer.answer()
    if heard["heard"] < said["sent"]:
        print("(%s: %d of %d heard)" % (mode, heard["heard"], said["sent"]), end=" ")
    seconds = heard["last"] - said["start"]
    return heard["heard"] / seconds, said["flushes"] / said["sent"], said["cpu"] / said["sent"] * 1e6


@contextlib.contextmanager
def pair(prefix, port, home, ring=16):
    with Talker(prefix + "send", port, home, ring) as sender, Talker(prefix + "hear", port, home, ring) as hearer:
        both = (sender, hearer)
        for talker in both:
            talker.answer()
        yield both


def measure(put):
    for place, (folder, broker) in PLACES.items():
        folder.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as home, tempfile.TemporaryDirectory(dir="/dev/shm") as kept:
            port = free_port()
            with start_broker(broker, port, Path(kept)):
                _measure(put, place, port, home)


def _measure(put, place, port, home):
    with pair("plain-", port, home) as (sender, hearer):
        hearer.tell("note", 0)
        hearer.answer()
        plain, _, cpu = rate(sender, hearer, "plain")
    put(f"x64.api.plain.{place}.per_second", round(plain))
    if place == "tmpfs":
        put("x64.api.plain.cpu_microseconds", round(cpu))
    with pair("", port, home) as both:
        for talker in both:
            talker.tell("group")
        for talker in both:
            talker.answer()
        for mode in ("note", "conversation", "ratchet"):
            messages, flushes, cpu = rate(*both, mode)
            put(f"x64.api.{mode}.{place}.per_second", round(messages))
            put(f"x64.api.{mode}.{place}.ratio_to_plain", round(plain / messages, 1))
            if place == "tmpfs":
                put(f"x64.api.{mode}.cpu_microseconds", round(cpu))
            if place == "disk":
                put(f"x64.api.{mode}.fsyncs_per_message", round(flushes, 2))
    if place == "disk":
        with pair("", port, home, 64) as both:
            put("x64.fsyncs_per_message", round(rate(*both, "conversation")[1], 2))
