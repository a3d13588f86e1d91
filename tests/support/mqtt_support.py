"""The node's MQTT client in a process of its own, told what to do line by line (tests/transport/mqtt_driver.py)."""

import json

from host_support import ROOT
from node_support import DEADLINE_S, Program

DRIVER = ROOT / "tests" / "transport" / "mqtt_driver.py"


class Driver(Program):
    def __init__(self, micropython):
        super().__init__(micropython, DRIVER)
        self._answered = 0

    def try_(self, do, **arguments):
        """Carry out a command -> its answer: {"done"} or {"failed", "error", "kind"}."""
        self.say(json.dumps({"do": do, **arguments}))
        answers = []

        def mine(event):
            if "done" in event or "failed" in event:
                answers.append(event)
            return len(answers) > self._answered

        def answer():
            answers.clear()
            return next((e for e in self.events() if mine(e)), None)

        with self._more:
            self._more.wait_for(lambda: self._ended or answer() is not None, DEADLINE_S)
            event = answer()
        assert event is not None, f"no answer to {do} in {self.lines}"
        self._answered += 1
        return event

    def do(self, command, **arguments):
        event = self.try_(command, **arguments)
        assert event == {"done": command}, event
        return self

    def connect(self, port, **arguments):
        return self.do("connect", port=port, **arguments)

    def got(self, topic, **fields):
        return self.wait(
            lambda e: e.get("topic") == topic and all(e.get(k) == v for k, v in fields.items()), f"{topic} {fields}"
        )

    def lost(self):
        return self.wait(lambda e: "lost" in e, "lost link")["lost"]

    def stats(self):
        self.do("stats")
        return [e["stats"] for e in self.events() if "stats" in e][-1]
