"""Runs on MicroPython for test_suites_agree.py: recomputes what CPython's host suite found, line by line.

$SEALCAST_CASES names a file; a line is a JSON list: function, arguments, result. Byte strings are hexadecimal with a
leading "x"; an exception is a string "!" and its text.
"""

import json
import os
from binascii import hexlify, unhexlify

from sealcast.crypto import soft as suite_soft


def _value(x):
    return unhexlify(x[1:]) if isinstance(x, str) else x


def _text(x):
    return "x" + hexlify(x).decode() if isinstance(x, bytes) else x


def recompute():
    suites = [suite_soft]
    try:
        from sealcast.crypto import native as suite_native

        suites.append(suite_native)
    except ImportError:
        pass
    count = 0
    with open(os.getenv("SEALCAST_CASES")) as lines:
        for line in lines:
            name, args, expected = json.loads(line)
            for suite in suites:
                try:
                    got = _text(getattr(suite, name)(*[_value(x) for x in args]))
                except ValueError as e:
                    got = "!" + str(e)
                assert got == expected, (suite.NAME, line, got)
            count += 1
    print("compared", count, "in", " ".join([suite.NAME for suite in suites]))
