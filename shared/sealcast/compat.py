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
    from .crypto.soft_padding import pad, unpad  # noqa: F401

UNLOADS = sys.implementation.name == "micropython"  # is memory so dear that code is dropped? See rare.py


def a2b(text):
    """Base64 text (with padding) -> bytes; ValueError when it is not base64."""
    return _a2b(text.encode())


def b2a(data):
    """bytes -> base64 bytes with padding, no newline."""
    return _b2a(data).strip()


def hexlify(data):
    return _hexlify(data).decode()


def platform():
    """The package that owns this machine's network and storage: `node` on a board, `sealcast_host.member.session` elsewhere."""
    try:
        import node as package
    except ImportError:
        import sealcast_host.member.session as package
    return package


def best_suite():
    """The fastest crypto suite that is installed: native, else host, else soft."""
    try:
        from .crypto import native as suite
    except ImportError:
        try:
            from .crypto import host as suite
        except ImportError:
            from .crypto import soft as suite
    return suite
