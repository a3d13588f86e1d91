"""MicroPython's heap grows out of the chip's and gives back; native code and threads' stacks lie in the chip's."""

FREE = "sum(h[1] for h in esp32.idf_heap_info(esp32.HEAP_DATA))"


def test_an_empty_area_goes_back(chip):
    found = chip.figures("figures('before')\nobjects = load(70000)\nfigures('grown')\nobjects = None\nfigures('after')")
    assert found["grown"][0] < found["before"][0] - 50000  # as much again as there was
    assert found["grown"][2] > found["before"][2] + 50000
    assert found["after"][:3] == found["before"][:3]


def test_an_area_stays_while_one_object_lies_in_it(chip):
    found = chip.figures(
        "objects = load(70000)\nkeep = objects.pop()\nobjects = None\nfigures('kept')\nkeep = None\nfigures('after')"
    )
    assert found["kept"][0] < found["after"][0] - 50000


def test_growth_takes_the_largest_piece_and_then_the_next(chip):
    found = chip.figures(
        "figures('before')\nobjects = [load(10000)]\n"
        "try:\n    while True: objects.append(load(4000))\nexcept MemoryError: pass\n"
        "figures('full')"
    )
    assert found["full"][1] < 4096  # no piece is left that a growth would take
    assert found["full"][2] > found["before"][2] + found["before"][0] * 0.9


def test_native_code_lies_in_the_chips_heap_until_a_soft_reset(chip, profile):
    found = chip.figures("figures('before')\nimport curve25519, symcrypto\nfigures('natives')")
    taken = found["before"][0] - found["natives"][0]
    assert taken > {"esp32": 34000, "esp32c3": 27000}[profile]  # an ESP32's machine code is larger
    assert found["natives"][3] - found["before"][3] < 3000
    assert chip.ready().figures("figures('reset')")["reset"][:2] == found["before"][:2]


def test_native_code_that_finds_no_piece_is_a_memory_error(chip):
    assert (
        chip.run("held = starve(6000)\ntry:\n    import curve25519\nexcept MemoryError as e: print('no room')")
        == "no room\n"
    )
    assert chip.run("feed(held)\nimport curve25519\nprint('loaded')") == "loaded\n"


def test_a_waiting_threads_stack_is_held_back_while_the_heap_grows(chip):
    found = chip.figures("""
import _thread
figures('before')
_thread.stack_size(20 * 1024)
lock = _thread.allocate_lock()
lock.acquire()
ended = []
def wait():
    lock.acquire()
    ended.append(True)
_thread.start_new_thread(wait, ())
figures('held')
objects = []
try:
    while True: objects.append(load(4000))
except MemoryError: pass
figures('full')
lock.release()
time.sleep_ms(20)
figures('released')
""")
    assert 20480 <= found["before"][0] - found["held"][0] <= 20480 + 1024
    assert found["full"][1] < 4096
    assert found["released"][1] == 20480  # MicroPython has not had it
    assert chip.run("print(ended)") == "[True]\n"


def test_a_stack_that_cannot_be_had(chip):
    assert (
        chip.run(
            "import _thread\nheld = starve(10000)\n_thread.stack_size(20 * 1024)\n"
            "try: _thread.start_new_thread(print, (1,))\nexcept OSError as e: print(e)"
        )
        == "can't create thread\n"
    )


def test_threads_take_turns_and_what_they_hold_is_not_collected(chip):
    assert (
        chip.run("""
import _thread
said = []
def count(name):
    mine = [name + str(i) for i in range(50)]
    for word in mine:
        said.append(word)
        [bytes(100) for _ in range(20)]
        time.sleep_ms(1)
_thread.start_new_thread(count, ("a",))
_thread.start_new_thread(count, ("b",))
while len(said) < 100: time.sleep_ms(2)
first = said.index("b0")
print(said.index("a49") > first, [w for w in said if w[0] == "a"] == ["a%d" % i for i in range(50)])
""")
        == "True True\n"
    )


def test_a_soft_reset_ends_threads_and_gives_their_stacks_back(chip):
    found = chip.figures(
        "import _thread\nfigures('before')\nlock = _thread.allocate_lock()\nlock.acquire()\n"
        "_thread.start_new_thread(lock.acquire, ())\nfigures('running')"
    )
    assert found["running"][0] < found["before"][0] - 4096
    assert chip.ready().figures("figures('after')")["after"][0] == found["before"][0]
