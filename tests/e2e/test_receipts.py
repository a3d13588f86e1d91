"""`send --receipt`: exit code 0 when all who are awake have confirmed, else a line that names who has not. Real
commands, agents and a real broker; and a command of Home Assistant's."""

import asyncio
import json
import os
import signal
import sys

import aiomqtt

from cli_users import User
from host_support import ROOT, Child

EXAMPLES = ROOT / "examples"


def told(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_who_confirmed_and_who_did_not(mosquitto, tmp_path):
    a, b, s = (User(tmp_path / name, mosquitto.port) for name in "ABS")
    phrase = a.new("g", "A")
    b.join(phrase, "g", "B")
    s.join(phrase, "g", "S")
    nobody = s.run("send", "g", "--receipt", "--timeout", "30", "is anybody there?")
    assert (nobody.returncode, nobody.stdout) == (1, "") and "nobody else is awake" in nobody.stderr
    with a.listen() as first, b.listen() as second:
        for mode in ("note", "conversation"):
            done = s.run("send", "g", "--mode", mode, "--receipt", "--timeout", "60", "--json", f"by {mode}")
            (sent,) = told(done)
            assert (done.returncode, sent["mode"]) == (0, mode), done
            assert (sent["confirmed"], sent["unconfirmed"]) == (["A", "B"], []), sent
            for listening in (first, second):
                listening.wait_for(f"by {mode}")
        # A's own agent, which its listener has started, sends this one
        (sent,) = told(a.run("send", "g", "--mode", "note", "--receipt", "--json", "through the agent"))
        assert (sent["confirmed"], sent["unconfirmed"]) == (["B"], []), sent
        # B hangs: the broker holds its connection, its last presence says awake
        agent = b.json("agent", "--status")["pid"]
        os.kill(agent, signal.SIGSTOP)
        try:
            done = s.run("send", "g", "--mode", "note", "--receipt", "--timeout", "15", "--json", "into silence")
            sent, error = told(done)
            assert (done.returncode, sent["confirmed"], sent["unconfirmed"]) == (1, ["A"], ["B"]), done
            assert error["code"] == 1, error
            assert error["text"] == "not confirmed within 15 s by B: it may reach them later"
        finally:
            os.kill(agent, signal.SIGCONT)
        second.wait_for("into silence")  # it was sent, and has come
        plain = s.json("send", "g", "--mode", "note", "without")
        assert plain["confirmed"] is plain["unconfirmed"] is None


def test_a_command_of_home_assistant_is_done_when_its_member_has_confirmed_it(mosquitto, tmp_path):
    user = User(tmp_path / "home", mosquitto.port)
    user.new("greenhouse", "desk")
    config = tmp_path / "gateway.toml"
    given = "".join(
        f'[[output.homeassistant.command]]\nmember = "{member}"\nkind = "button"\nname = "Open"\nsend = "open"\n'
        'mode = "note"\nreceipt = true\n'
        for member in ("roof", "cellar")
    )
    config.write_text(f'[output.homeassistant]\nbroker = "mqtt://127.0.0.1:{mosquitto.port}"\n{given}')

    async def press():
        """-> what becomes of both commands: the cellar has never joined."""
        async with aiomqtt.Client("127.0.0.1", mosquitto.port) as house:
            await house.subscribe([("homeassistant/#", 1), ("sealcast/greenhouse/#", 1)])
            bells, found = {}, {}
            async with asyncio.timeout(90):
                async for m in house.messages:
                    topic, payload = str(m.topic), m.payload.decode()
                    if topic.startswith("homeassistant/device/"):
                        for part in json.loads(payload)["components"].values():
                            bell = part.get("command_topic")
                            if bell and bell not in bells:
                                bells[bell] = True
                                await house.publish(bell, "PRESS", qos=1)
                    elif topic.endswith("/result"):
                        found[topic.split("/")[2]] = json.loads(payload)
                    if len(found) == 2:
                        return found

    with Child([sys.executable, str(EXAMPLES / "roof.py")], extra_env=user.env) as roof:
        roof.wait_for("ready")
        with user.start("gateway", "greenhouse", "--uid", "gate", "--config", str(config)) as gate:
            gate.wait_for("gateway of")
            found = asyncio.run(press())
            assert (found["roof"]["ok"], found["roof"]["confirmed"]) == (True, ["roof"]), found
            assert found["cellar"]["ok"] is False, found
            assert found["cellar"]["why"] == "cellar has not confirmed it: is it awake?"
        roof.wait_for("roof open for gate")
