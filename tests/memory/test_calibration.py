"""The profiles' memory is the chips': the table of stock firmware over Wi-Fi (docs/HARDWARE.md), step by step."""

import pytest

# Bytes by esp32.idf_heap_info: free, largest piece. ESP32_GENERIC 1.26.1 and ESP32_GENERIC_C3 1.24.1, measured.
MEASURED = {
    "esp32": {
        "prompt": (143900, 110600),
        "natives": (109000, 90100),
        "online": (61000, 59400),
        "connected": (60500, 59400),
        "steady": (21600, 20500),
    },
    "esp32c3": {
        "prompt": (163300, 114700),
        "natives": (135300, 102400),
        "online": (86900, 69600),
        "connected": (86300, 69600),
        "steady": (37200, 20500),
    },
}
ROOM = {"esp32": 94000, "esp32c3": 112000}  # MicroPython's heap then, free and used
FREE_AT_THE_PROMPT = {"esp32": 165000, "esp32c3": 177000}  # by gc.mem_free()
TOLERANCE = 700
WLAN_BYTES = 40000

GROW = """
import _thread
_thread.stack_size(20 * 1024)
lock = _thread.allocate_lock()
lock.acquire()
def wait():
    lock.acquire()
_thread.start_new_thread(wait, ())
del wait
keep = grow()
lock.release()
time.sleep_ms(20)
"""
GROWS = b"""
import esp32
def grow():
    free = lambda: sum(h[1] for h in esp32.idf_heap_info(esp32.HEAP_DATA))
    before, objects, n = free(), [None] * 200, 0
    while free() == before:     # the object that made the heap grow is the one that lies in the new area and keeps it
        objects[n] = bytearray(512)
        n += 1
    return objects[n - 1]
"""
ECHO = b"""
import socket
def connect(port):
    s = socket.socket()
    s.connect(socket.getaddrinfo("10.0.2.2", port)[0][-1])
    return s
def echo(s, n):
    data, sent, got = bytes(1024), 0, 0
    while got < n:
        if sent < n and sent - got < 4096:
            sent += s.send(data)
        got += len(s.recv(1024))
"""


def steps(chip, port):
    chip.put("/grows.py", GROWS)
    chip.put("/echo.py", ECHO)
    chip.ready()
    found = chip.figures("figures('prompt')")
    found |= chip.figures("import curve25519, symcrypto\nfigures('natives')")
    found |= chip.figures("network.WLAN()\nfigures('wlan')")
    found |= chip.figures("wlan = online()\nfigures('online')")
    found |= chip.figures(f"from echo import *\ns = connect({port})\ntime.sleep_ms(50)\nfigures('connected')")
    found |= chip.figures("from grows import grow\n" + GROW + "figures('grown')")
    return found | chip.figures("for _ in range(2):\n echo(s, 28672)\ntime.sleep_ms(50)\nfigures('steady')")


def test_every_step_of_the_table(chip, profile, echo):
    found = steps(chip, echo)
    for step, (free, largest) in MEASURED[profile].items():
        assert found[step][0] == pytest.approx(free, abs=TOLERANCE), (step, found)
        assert found[step][1] == pytest.approx(largest, abs=TOLERANCE), (step, found)
    assert found["natives"][0] - found["wlan"][0] == pytest.approx(WLAN_BYTES, abs=TOLERANCE)
    assert found["steady"][2] == pytest.approx(ROOM[profile], abs=TOLERANCE)


def test_mem_free_counts_what_growth_could_take(chip, profile):
    chip.interrupt()
    heap = "esp32.idf_heap_info(esp32.HEAP_DATA)"
    said = chip.run(f"import esp32, gc\ngc.collect()\nprint(gc.mem_free(), max(h[2] for h in {heap}))")
    free, largest = map(int, said.split())
    assert free == pytest.approx(FREE_AT_THE_PROMPT[profile], abs=TOLERANCE)
    assert largest == pytest.approx(MEASURED[profile]["prompt"][1], abs=TOLERANCE)


def test_the_largest_piece_is_one_that_can_be_had(chip):
    assert (
        chip.run(
            "n = max(h[2] for h in esp32.idf_heap_info(4))\np = chip.hold(n)\nprint(p is not None)\nchip.release(p)"
        )
        == "True\n"
    )
    assert chip.run("print(chip.hold(n + 8192))") == "None\n"
