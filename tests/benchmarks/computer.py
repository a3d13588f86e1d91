"""Commands as processes on this machine, over mosquitto."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from host_support import environment, free_port, mosquitto, start_broker

ROUNDS = 9  # the best counts, so that a busy machine does not


def missing():
    return [] if mosquitto() else ["mosquitto"]


def measure(put):
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        env = environment(XDG_CONFIG_HOME=folder + "/config", XDG_STATE_HOME=folder + "/state")

        def run(*words):
            start = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "sealcast_host", *words], env=env, check=True, stdout=subprocess.DEVNULL
            )
            return time.perf_counter() - start

        kept = Path(folder, "broker")
        os.mkdir(kept)
        with start_broker("mosquitto", port, kept):
            run("channel", "new", "g", "--broker", "127.0.0.1:%d" % port)
            put("x64.send_command.alone_seconds", round(min(run("send", "g", "x") for _ in range(ROUNDS)), 3))
            run("agent", "--detach")
            put("x64.send_command.agent_seconds", round(min(run("send", "g", "x") for _ in range(ROUNDS)), 3))
            run("agent", "--stop")
