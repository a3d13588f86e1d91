"""What a send() waits for and what it takes. PROTOCOL.md section 11."""

from ..compat import const
from .aio import sleep_ms

_POLL_MS = const(20)


def as_bytes(body):
    """bytes of a body; text as UTF-8. Raises TypeError for anything else: bytes(5) would be five zeros."""
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, (bytes, bytearray, memoryview)):
        return bytes(body)
    raise TypeError("a message is bytes or str, not " + type(body).__name__ + ": encode it first")


async def ready(session, body):
    """The body as bytes, once this member has joined, which takes its first connection."""
    body = as_bytes(body)
    while not session.closed and not (session.channel and session.channel.me.joined):
        await sleep_ms(_POLL_MS)
    return body
