"""The crypto suites that are here: on CPython soft and host, on
MicroPython soft, and native where the module is installed.
"""

import sys

from sealcast.crypto import soft as suite_soft

BOARD = sys.implementation.name == "micropython"


def suites():
    found = [suite_soft]
    if not BOARD:
        from sealcast.crypto import host as suite_host

        found.append(suite_host)
    try:
        from sealcast.crypto import native as suite_native
    except ImportError:
        return found
    return found + [suite_native]
