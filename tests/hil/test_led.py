"""firmware/node/led.py: which state is shown when, and what the light does then."""

import asyncio
import json

from node import led


class Pin:
    def __init__(self):
        self.values = []

    def value(self, v):
        self.values.append(v)


def status(wifi):
    lamp, said, clock, others = led.Led(), [], [0], []
    return led.Status(lamp, said.append, wifi, lambda: clock[0], lambda: bool(others)), lamp, said, clock, others


def test_every_state_on_the_way_to_a_working_node():
    s, lamp, said, clock, others = status({"ssid": "farm"})
    assert lamp.state == "wifi"
    s.event("wifi", {"state": "no answer: check wifi.ssid and wifi.password"})
    assert lamp.state == "wifi"
    s.event("wifi", {"state": "connected", "address": "10.0.0.2"})
    assert lamp.state == "broker"
    s.event("offline", {"reason": "nothing listens there", "retry_ms": 1000})
    assert lamp.state == "broker"
    s.event("connected", {})
    assert lamp.state == "ok"
    clock[0] = led.ALONE_MS - 1
    s.look()
    assert lamp.state == "ok" and said == []
    clock[0] += 1
    s.look()
    s.look()
    assert lamp.state == "key" and len(said) == 1 and said[0].startswith("key: nobody else is in this channel")
    others.append("anna")
    s.event("joined", {"uid": "anna"})
    assert lamp.state == "ok"
    s.event("wifi", {"state": "lost"})
    s.event("offline", {"reason": "no network", "retry_ms": 1000})
    assert lamp.state == "wifi" and len(said) == 1


def test_without_wifi_it_begins_at_the_broker():
    assert status(None)[1].state == "broker"


def test_the_patterns_differ_by_their_flashes_also_on_an_inverted_led():
    flashes = {state: pattern.count("#.") for state, pattern in led.PATTERNS.items() if len(pattern) > 2}
    assert flashes == {"wifi": 2, "broker": 3, "key": 4, "ok": 1}
    assert set(led.PATTERNS) == {"unprovisioned", *flashes}


def test_the_light_shows_the_state_and_changes_at_once():
    async def run():
        pin = Pin()
        lamp = led.Led(pin, {"ok": "#..#", "wifi": "." * 64})
        lamp.state = "ok"
        await lamp.once()
        assert pin.values == [1, 0, 0, 1]
        lamp.state = "wifi"
        task = asyncio.create_task(lamp.once())
        await asyncio.sleep(0)
        lamp.state = "ok"
        await asyncio.wait_for(task, 2)
        assert pin.values == [1, 0, 0, 1, 0]

    asyncio.run(run())


def test_a_pattern_can_be_set_and_a_wrong_one_is_ignored(tmp_path):
    (tmp_path / "led.json").write_text(json.dumps({"ok": "#.", "wifi": "on", "key": 3, "broker": "", "mine": "#"}))
    made = led.make(folder=f"{tmp_path}/")
    assert made.pin is None
    assert made._patterns == led.PATTERNS | {"ok": "#."}
    (tmp_path / "led.json").write_text("[")
    assert led.make(folder=f"{tmp_path}/")._patterns == led.PATTERNS
