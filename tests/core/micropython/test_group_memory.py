"""What the group's state takes of a board's heap. On MicroPython
alone: CPython's objects are larger and do not count.
"""

import gc

from room import big, full, packed
from sealcast.channel import Channel
from sealcast.smmp import order
from solo import config, hardware, suite

HEAP = "heapsize=700k"  # for the members, their broker and the cases in one


def test_the_state_of_a_member_of_twenty_fits():
    g = big(20)
    data = packed(g)
    g = None
    ch = full(Channel(suite, config("m", ratchet=True), None, hardware), 20)
    gc.collect()
    before = gc.mem_alloc()
    order.unpack(ch.me, ch.others, ch.group, data)
    gc.collect()
    used = gc.mem_alloc() - before
    print("state of a member in a group of 20:", used, "bytes of heap on this machine")
    # Its blocks are of 32 bytes and its words of 64 bits: a board's
    # of half as much. The board's number is in build/bench.json.
    assert used <= 18 * 1024, used
