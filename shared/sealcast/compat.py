"""The one place that knows which Python this is: every `try/except ImportError` of the core stands here."""

try:
    from micropython import const
except ImportError:

    def const(n):
        return n


import sys
from binascii import hexlify as _hexlify

try:
    from symcrypto import pad, unpad
except ImportError:
    from .padding import pad, unpad  # noqa: F401

UNLOADS = sys.implementation.name == "micropython"  # is memory so dear that code is dropped? See rare.py


def due(at, now):
    """Has the time come? at: ms, or None for never."""
    return at is not None and now >= at


def hexlify(data):
    return _hexlify(data).decode()
