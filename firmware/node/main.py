"""Starts the node. A board runs it at boot (copied to /main.py; the packages lie in /lib); the unix port as

    MICROPYPATH=.frozen:shared:firmware/prebuilt/x64:firmware micropython firmware/node/main.py path/to/sealcast.json
"""

import sys

_AGAIN_S = 30
_STAY_S = 20
_BUILT_IN = ("binascii", "collections", "json", "machine", "os", "select", "sys", "time")


def found():
    """Have what is imported found with fewer looks into the filesystem: there are more than a hundred in a start else.

    MicroPython looks for each of its own modules through all folders, whenever somebody imports it; and first of all in
    the root, where there are none.
    """
    path, sys.path[:] = sys.path[:], []
    try:
        for name in _BUILT_IN:
            try:
                sys.modules[name] = __import__(name)
            except ImportError:
                pass
    finally:
        sys.path[:] = [folder for folder in path if folder] + [""]


def in_flash():
    """Bytecode that runs in place, where `sealcast flash --xip` has put it: its stubs come first on sys.path then."""
    try:
        import xip_start
    except ImportError:
        return
    xip_start.start()
    del sys.modules["xip_start"]


def stay():
    """`sealcast doctor` wants the board as it is after a reset, nothing begun: one start waits for its Ctrl-C."""
    import os

    try:
        os.remove("/stay")
    except OSError:
        return
    import time

    print("sealcast: somebody is about to look at this board; starting in %d s" % _STAY_S)
    time.sleep(_STAY_S)


def on_board():
    """Run until Ctrl-C, then leave the board at its prompt (an exit would restart it); no error ends in a bare
    traceback."""
    try:
        found()
        for name in ("curve25519", "symcrypto"):  # first of all: while they load, each needs the heap in one piece
            try:
                __import__(name)
            except ImportError:
                pass  # no native code for this chip
        in_flash()
        from node.app import main

        main([])
    except BaseException as e:
        if isinstance(e, KeyboardInterrupt) or isinstance(e, SystemExit):  # a soft reset. (A tuple would take memory)
            raise
        import gc
        import time

        import machine

        try:
            for name in list(sys.modules):  # whoever interrupts us needs room for a prompt, and we for a line
                if name.split(".")[0] in ("node", "sealcast", "asyncio"):  # asyncio holds the tasks, and they all else
                    del sys.modules[name]
            gc.collect()
            what = "the node failed: run `sealcast doctor` if this comes again"
            if isinstance(e, (ImportError, SyntaxError)) or ".mpy" in str(e):  # also of what is loaded later
                what = "a file of the node is missing or damaged: run `sealcast flash --install-only`"
            print("sealcast: %s (%s); trying again in %d s" % (what, type(e).__name__, _AGAIN_S))
        except MemoryError:
            pass  # no room even for that: it begins anew all the same
        time.sleep(_AGAIN_S)
        machine.reset()


if sys.argv:
    from node.app import main

    sys.exit(main(sys.argv[1:]))
try:
    stay()
    on_board()
except KeyboardInterrupt:
    pass
