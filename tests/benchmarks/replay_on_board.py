"""Runs on the emulated board: replays one member's calls, and tells
for each the instructions, the heap and what came out.

Serial protocol: a command is a length (2 bytes, big endian) and that many bytes of a JSON list [method, arguments],
byte strings in it as {"b": base64}; the answer is one line.
"""
import gc
import hashlib
import json
import sys
import time
from binascii import a2b_base64, hexlify

import micropython
from reproducible import hardware

import qemu

# ruff: noqa: UP


def decode(value):
    return a2b_base64(value["b"]) if isinstance(value, dict) and "b" in value else value


def read(n):
    data = bytearray(n)
    sys.stdin.buffer.readinto(data)
    return data


def digest(effects):
    """What the outside sees of the effects: what is published, in order."""
    sha = hashlib.sha256()
    for effect in effects:
        if effect[0] == "publish":
            sha.update(effect[1].encode() + b" ")
            sha.update(effect[2])
    return hexlify(sha.digest()[:8]).decode()


def main():
    micropython.kbd_intr(-1)
    gc.collect()
    bare = gc.mem_alloc()
    from sealcast.channel import Channel
    from sealcast.crypto import native as suite_native
    from sealcast.run.filestore import FileStore
    from sealcast.run.settings import complete

    gc.collect()
    print("ready", bare, gc.mem_alloc(), gc.mem_free())
    # Loaded with the first channel that is in a group: no part of a member's state.
    import sealcast.smmp.order  # noqa: F401
    messages, table = [], None
    while True:
        size = read(2)
        method, arguments = json.loads(read(size[0] << 8 | size[1]))
        arguments = [decode(a) for a in arguments]
        gc.collect()
        if method == "quit":
            return
        if method == "new":
            channel = None
            gc.collect()
            before = gc.mem_alloc()
            config = arguments[0]
            for name in ("key", "identity"):
                config[name] = decode(config[name])
            channel = Channel(suite_native, complete(config), None, hardware(arguments[1]))
            channel.journal.room = 2048  # as group.ROOM
            gc.collect()
            print("done", 0, gc.mem_alloc() - before, "-")
            continue
        if method == "burst":  # as Group.burst
            channel.journal.ahead, channel.out.prompt = FileStore.ahead, True
            print("done", 0, 0, "-")
            continue
        if method == "profile":  # from now on, and what there is since the last time
            if not table:
                table = bytearray(16384)
                qemu.profile(table)
            shares = qemu.profiled()
            print("done", 0, 0, json.dumps(shares).replace(" ", ""))
            shares = None
            continue
        if method == "drop":  # how much of the heap is one part's
            setattr(channel, arguments[0], None)
            arguments = None
            gc.collect()
            print("done", 0, gc.mem_alloc() - before, "-")
            continue
        if method == "taken":
            arguments = [messages.pop(0)]
        call = getattr(channel, method)
        start = time.ticks_cpu()
        effects = call(*arguments) or []
        count = time.ticks_diff(time.ticks_cpu(), start)
        messages += [effect[1] for effect in effects if effect[0] == "message"]
        seen = digest(effects)
        effects = arguments = call = None
        gc.collect()
        print("done", count, gc.mem_alloc() - before, seen)


main()
