"""How version 0.1 died on the chips, with loads of the sizes recorded
there (docs/HARDWARE.md): tests of the model, not of the node.
"""

from board import Board

ERROR = {"esp32": "OSError WiFi Out of Memory", "esp32c3": "RuntimeError Wifi Unknown Error 0x0101"}
# Modules and member with the ratchet, natives not counted. On the ESP32 it is what is left beside them: they have
# grown since.
NODE = {"esp32": 116500, "esp32c3": 147000}
TALKING = 138000  # a C3 without the ratchet at the handshake with a sixth member


def test_wifi_after_everything_else_finds_no_memory(chip, profile):
    said = chip.run(
        f"import curve25519, symcrypto\nkeep = load({NODE[profile]})\n"
        "try: network.WLAN()\nexcept Exception as e: print(type(e).__name__, e)"
    )
    assert said.strip() == ERROR[profile]


def test_wifi_first_leaves_no_piece_for_the_natives(chip, profile):
    fill = "while sum(h[1] for h in esp32.idf_heap_info(4)) > 16000: keep.append(load(2000))"
    load = "try: import curve25519\nexcept MemoryError: print('MemoryError')"
    assert chip.run(f"wlan = online()\nkeep = []\n{fill}\n{load}") == "MemoryError\n"


def test_a_heap_that_grows_under_wifi_starves_lwip(chip, profile, echo):
    found = chip.figures(f"""
import curve25519, symcrypto, socket
wlan = online()
s = socket.socket()
s.connect(("10.0.2.2", {echo}))
figures('connected')
keep = []
try:
    while gc.mem_alloc() < {TALKING}: keep.append(load(1000))
except MemoryError: del keep[-4:]
figures('talking')
""")
    assert found["connected"][0] > 59000
    assert found["talking"][0] < 8000  # no frame of 1,440 bytes goes out and in at once
    assert (
        chip.run(
            "n = 0\ntry:\n    while True: keep.append(bytes(1000))\nexcept MemoryError: pass\n"
            "held = starve(200)\n"
            "try: socket.socket()\nexcept OSError as e: print(e.errno)\nfeed(held)"
        )
        == "105\n"
    )


def test_instructions_are_counted_alike_from_run_to_run(profile, tmp_path):
    counts, drawn = [], set()
    for i in range(2):
        with Board(profile=profile, disk=str(tmp_path / str(i)), icount=True) as board:
            count, random = board.run(
                "import os, time\nt = time.ticks_us()\nx = [os.urandom(16) for _ in range(20)]\n"
                "s = sum(i * i for i in range(30000))\n"
                "print(time.ticks_diff(time.ticks_us(), t), x[19].hex())"
            ).split()
            counts.append(int(count))
            drawn.add(random)
    assert len(drawn) == 1
    # the serial port is looked at now and then, on the clock's terms
    assert max(counts) - min(counts) < max(counts) / 100
