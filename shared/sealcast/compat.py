"""The one place that knows which Python this is: every `try/except ImportError` of the core stands here."""

try:
    from micropython import const
except ImportError:

    def const(n):
        return n


import sys
from binascii import a2b_base64 as _a2b
from binascii import b2a_base64 as _b2a
from binascii import hexlify as _hexlify

try:
    from symcrypto import pad, unpad
except ImportError:
    from .padding import pad, unpad  # noqa: F401

UNLOADS = sys.implementation.name == "micropython"  # is memory so dear that code is dropped? See rare.py


def due(at, now):
    """Has the time come? at: ms, or None for never."""
    return at is not None and now >= at


def a2b(text):
    """Base64 text (with padding) -> bytes; ValueError when it is not base64."""
    return _a2b(text.encode())


def b2a(data):
    """bytes -> base64 bytes with padding, no newline."""
    return _b2a(data).strip()


def hexlify(data):
    return _hexlify(data).decode()
