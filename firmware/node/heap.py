"""One growth of MicroPython's heap, on purpose, with a reserve held back for the radio. docs/HARDWARE.md, "Memory".

On an ESP32 MicroPython's heap grows by itself out of the memory that Wi-Fi, TCP and TLS live in, as far as it goes;
then the radio starves and the board dies. So it is grown once, when these have taken theirs, while a piece of the
reserve's size is taken: the stack of a thread that waits. From then on the node must do with what it has: idle code
goes at once where less than _SPARE is left, before it grows again.
"""

import gc

from sealcast import rare
from sealcast.compat import const

from .wifi import free

RESERVE = const(20480)
_PIECE = const(1024)
_SPARE = const(16384)  # holes are small: with 10 KB free there may be none of 1 KB


def grow(reserve=RESERVE):
    """-> an object that must be kept until others lie beside it in the new area (an empty area goes back).

    None where heaps do not grow, or where nothing is left beside the reserve: then the node has what it has.
    """
    try:
        import _thread

        import esp32
    except ImportError:
        return None
    lock = _thread.allocate_lock()
    lock.acquire()
    before = _thread.stack_size(reserve)
    try:
        _thread.start_new_thread(lock.acquire, ())
    except OSError:
        lock.release()
        _keep_spare(esp32)
        return None
    finally:
        _thread.stack_size(before)
    try:
        gc.collect()
        at_first = free(esp32)
        pieces = []
        try:
            while at_first - free(esp32) < 4 * _PIECE:
                pieces.append(bytearray(_PIECE))
        except MemoryError:
            return None  # nothing was left to grow by
        return pieces[-1]
    finally:
        _keep_spare(esp32)
        lock.release()


def _keep_spare(esp32):
    """From now on idle code goes at once where Python's heap, as it is now, has less than this left."""
    largest = max([region[2] for region in esp32.idf_heap_info(esp32.HEAP_DATA)])
    rare.room = gc.mem_alloc() + gc.mem_free() - largest - _SPARE  # free: with the largest piece to grow by
