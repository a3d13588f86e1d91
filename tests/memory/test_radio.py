"""The radio: memory that it takes and gives back, its errors, an
access point that vanishes, and a real connection to mosquitto.
"""

import json
import socket

import pytest

ERROR = {"esp32": ("OSError", "WiFi Out of Memory"), "esp32c3": ("RuntimeError", "Wifi Unknown Error 0x0101")}
TRY = "\ntry:\n    %s\n    print('no error')\nexcept Exception as e: print(type(e).__name__, e)\n"


@pytest.mark.parametrize(
    "leave,step", [(20000, "network.WLAN()"), (2000, "wlan.active(True)"), (300, "wlan.connect('farm', 'pw')")]
)
def test_no_memory_for_the_driver(chip, profile, leave, step):
    before = (
        ""
        if leave == 20000
        else "wlan = network.WLAN()\n"
        if leave == 2000
        else "wlan = network.WLAN()\nwlan.active(True)\n"
    )
    said = chip.run(before + "held = starve(%d)" % leave + TRY % step)
    assert said == "%s %s\n" % ERROR[profile]
    assert chip.run("feed(held)\nwlan = online()\nprint(wlan.isconnected())") == "True\n"


def test_what_the_radio_took_it_gives_back(chip):
    found = chip.figures(
        "wlan = network.WLAN()\nfigures('off')\nonline()\nfigures('on')\nwlan.active(False)\nfigures('again')\n"
        "for _ in range(5):\n online()\n wlan.active(False)\ntime.sleep_ms(50)\nfigures('often')"
    )
    assert found["on"][0] < found["off"][0] - 7000
    assert found["again"][0] == pytest.approx(found["off"][0], abs=200)  # lwIP's neighbour table may keep an entry
    assert found["often"][0] == pytest.approx(found["off"][0], abs=200)


def test_traffic_gives_back_what_it_took(chip, echo):
    found = chip.figures(f"""
import socket
wlan = online()
def talk(n):
    s = socket.socket()
    s.connect(socket.getaddrinfo("10.0.2.2", {echo})[0][-1])
    s.setblocking(False)
    data, sent, got = bytes(1024), 0, 0
    while got < n:
        try: sent += s.send(data) if sent < n else 0
        except OSError as e:
            if e.errno != 11: raise
        try: got += len(s.recv(1024))
        except OSError as e:
            if e.errno != 11: raise
    return s
talk(1000).close()
time.sleep_ms(100)
figures('before')
s = talk(28672)
s.close()
s = None
time.sleep_ms(300)
figures('after')
""")
    assert found["after"][0] >= found["before"][0] - 1000  # the closed connection's control block waits two minutes
    least = chip.run("print(sum(h[3] for h in esp32.idf_heap_info(4)))")
    assert int(least) < found["after"][0] - 4000  # while it lasted


def test_starved_lwip_stalls_and_goes_on_when_it_is_fed(chip, echo):
    assert (
        chip.run(f"""
import socket
wlan = online()
s = socket.socket()
s.connect(socket.getaddrinfo("10.0.2.2", {echo})[0][-1])
s.send(b"fine")
print(s.recv(10))
held = starve(150)
s.setblocking(False)
try: print(s.send(bytes(1000)))
except OSError as e: print(e.errno)
try: socket.socket()
except OSError as e: print(e.errno)
feed(held)
s.setblocking(True)
s.send(b"again")
print(s.recv(10))
""")
        == "b'fine'\n11\n105\nb'again'\n"
    )


def test_received_frames_that_find_no_memory_are_lost_and_come_again(chip):
    with socket.create_server(("127.0.0.1", 0)) as server:
        chip.run(
            f"import socket\nwlan = online()\ns = socket.socket()\ns.connect(('10.0.2.2', {server.getsockname()[1]}))\n"
            "time.sleep_ms(50)\nheld = starve(700)"
        )
        with server.accept()[0] as peer:
            peer.sendall(bytes(1400))
            assert (
                chip.run(
                    """
while not chip.frames()[1]: time.sleep_ms(1)
feed(held)
got = 0
while got < 1400: got += len(s.recv(1400))
print(got)
""",
                    120,
                )
                == "1400\n"
            )


def test_connections_die_with_the_radio(chip, echo):
    assert (
        chip.run(
            f"import socket\nwlan = online()\ns = socket.socket()\n"
            f"s.connect(('10.0.2.2', {echo}))\nwlan.active(False)" + TRY % "s.send(b'x')"
        )
        == "OSError [Errno 113] ECONNABORTED\n"
    )


def test_an_access_point_that_vanishes_and_comes_back(chip, echo):
    chip.run(f"import socket\nwlan = online()\ns = socket.socket()\ns.connect(('10.0.2.2', {echo}))")
    chip.wifi(False)
    assert chip.run("while wlan.isconnected(): time.sleep_ms(50)\nprint(wlan.status() in (200, 201))", 120) == "True\n"
    assert chip.run(TRY % "socket.socket().connect(('10.0.2.2', %d))" % echo) == "OSError [Errno 118] EHOSTUNREACH\n"
    chip.wifi(True)
    assert chip.run("while not wlan.isconnected(): time.sleep_ms(50)\nprint(wlan.status())", 120) == "1010\n"
    # the address stayed, and with it the connection
    assert chip.run("s.send(b'still')\nprint(s.recv(10))", 120) == "b'still'\n"


def test_reasons_why_there_is_no_network(chip):
    for ssid, key, status in (("absent", "password", 201), ("farm", "wrong one", 202)):
        assert (
            chip.run(
                f"wlan = network.WLAN()\nwlan.active(True)\nwlan.connect({ssid!r}, {key!r})\n"
                "while wlan.status() == network.STAT_CONNECTING: time.sleep_ms(20)\n"
                "print(wlan.status(), wlan.isconnected())\nwlan.active(False)"
            )
            == "%d False\n" % status
        )


def client_of_the_node(chip):
    """Its MQTT client and its Wi-Fi onto the board -> the broker's address, seen from there."""
    import board as emulated

    from sealcast_host.boards import bundle

    files = bundle.make("rv32imc", 6, None, emulated.port.bootstrap("unix.py", "mpy-cross"), plain=True).files
    modules = "__init__ connecting mqtt inbuf watchdog wifi"
    wanted = ["node/" + name for name in modules.split()]
    wanted += ["sealcast/" + name for name in "__init__ compat errors rare run/__init__ run/aio".split()]
    for path, data in files.items():
        if path.removeprefix("/lib/").removesuffix(".mpy") in wanted:
            chip.put(path, data)
    return emulated.HOST


def test_the_nodes_own_client_and_wifi_over_a_real_broker(chip, mosquitto):
    host = client_of_the_node(chip)
    said = chip.run(
        """
import asyncio, json
from node.mqtt import Client
from node.wifi import Wifi
told = []   # by a task of its own, half a second after the connection
async def main():
    Wifi({"ssid": "farm", "password": "password"}, lambda name, info: told.append(info)).start()
    while not network.WLAN().isconnected(): await asyncio.sleep_ms(50)
    client = Client("%s", %d, "chip", keepalive_s=30)
    await client.connect("will", b"gone")
    arrived = []
    async def receive():
        while True: arrived.append(await client.receive())
    task = asyncio.create_task(receive())
    await client.subscribe(["there/#"], 1)
    for n in (10, 500, 2000):
        await client.publish("there/back", bytes(n), qos=1)
        while not arrived: await asyncio.sleep_ms(20)
        topic, payload = arrived.pop()
        print(topic, len(payload))
    task.cancel()
    await client.close()
    while not told: await asyncio.sleep_ms(20)
    print(json.dumps(told))
asyncio.run(main())
"""
        % (host, mosquitto.port),
        120,
    )
    lines = said.splitlines()
    assert lines[:3] == ["there/back 10", "there/back 500", "there/back 2000"]
    assert json.loads(lines[3]) == [{"state": "connected", "address": "10.0.2.15"}]


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ("held = starve(100)", "too little memory is left for Wi-Fi"),
        ("wlan.active(False)\n    held = starve(4000)", "too little memory is left for Wi-Fi"),
        ("wlan.active(False)\n    wifi._wlan = Hung()", "the radio works no more"),
    ],
    ids=["no_room", "no_room_for_the_radio", "hung"],
)
def test_a_board_whose_wifi_finds_no_memory_any_more_starts_anew(chip, mosquitto, what, why):
    """MicroPython's heap keeps what it has grown by: no radio that is switched off and on gets it back."""
    host = client_of_the_node(chip)
    chip.put(
        "/main.py",
        b"""
from chiphelp import *
import asyncio, os
from node.mqtt import Client
from node.wifi import Wifi
class Hung:
    def active(self, on): raise RuntimeError("Wifi Internal Error")
    def isconnected(self): return False
async def main():
    wifi = Wifi({"ssid": "farm", "password": "password"}, lambda name, info: print("said", info["state"]))
    task = wifi.start()
    client = Client("%s", %d, "chip", keepalive_s=30, wifi=wifi)
    await client.connect("will", b"gone")
    print("connected", task)
    await client.abort()
    if "second" in os.listdir():
        return
    open("second", "w").close()
    wlan = network.WLAN()
    %s
    while True:
        try:
            await client.connect("will", b"gone")
            await client.abort()
        except OSError as e:
            print("no connection", e)
        await asyncio.sleep_ms(100)
asyncio.run(main())
"""
        % (host.encode(), mosquitto.port, what.encode()),
    )
    chip.reset()
    chip.read_until(b"connected <", 60)
    chip.read_until(b"said " + why.encode() + b"; starting the board anew", 120)
    chip.read_until(b"connected <", 60)
