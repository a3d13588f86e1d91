"""Runs under MicroPython: answers calls of the native suite from a file.

    on_module.py CALLS ANSWERS

A call: function number and argument count, a byte each; then the arguments: "i" and 4 bytes, or "b", 4 bytes of length
and the bytes, or "s" likewise for a str. An answer: "n" None, "t" or "f" a bool, "i" and 4 bytes, "b", length and
bytes, "e", length and the error as "Name: text".
"""

import sys

from agreement_functions import FUNCTIONS

from sealcast.crypto import native as suite_native


def read_call(file):
    head = file.read(2)
    if len(head) < 2:
        return None, None
    arguments = []
    for _ in range(head[1]):
        kind = file.read(1)
        value = int.from_bytes(file.read(4), "little")
        if kind != b"i":
            value = file.read(value)
            if kind == b"s":
                value = value.decode()
        arguments.append(value)
    return FUNCTIONS[head[0]], arguments


def answer(name, arguments):
    try:
        result = getattr(suite_native, name)(*arguments)
    except (ValueError, TypeError) as e:
        text = (type(e).__name__ + ": " + str(e)).encode()
        return b"e" + len(text).to_bytes(4, "little") + text
    if result is None:
        return b"n"
    if isinstance(result, bool):
        return b"t" if result else b"f"
    if isinstance(result, int):
        return b"i" + (result & 0xFFFFFFFF).to_bytes(4, "little")
    return b"b" + len(result).to_bytes(4, "little") + result


def main(calls, answers):
    with open(calls, "rb") as source:
        with open(answers, "wb") as target:
            name, arguments = read_call(source)
            while name:
                target.write(answer(name, arguments))
                name, arguments = read_call(source)


if len(getattr(sys, "argv", ())) == 3:  # else a board imports this and calls main
    main(sys.argv[1], sys.argv[2])
