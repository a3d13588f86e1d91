"""Errors in words. Rare code: a board that is well has no use for it (rare.py)."""

import errno
import io
import sys

from ..errors import SealcastError


def explain(error):
    """An exception as one line for an event: what it means and what to do for the system's usual errors, else its type,
    with the text of errors that are written for people."""
    ours = isinstance(error, SealcastError)
    known = str(error) if ours else _meaning(error.errno) if isinstance(error, OSError) else None
    text = str(error).replace("\n", " ") if isinstance(error, OSError) else ""
    return known or type(error).__name__ + (": " + text if text else "")


def _meaning(number):
    """Errno numbers differ by port, so that they are compared by name; -2 is how getaddrinfo says "no such name"."""
    if number == -2:
        return "no such host: check broker.host and the network"
    for names, meaning in (
        ("ECONNREFUSED", "nothing listens there: check broker.host and broker.port"),
        ("EHOSTUNREACH", "no way to the broker: check the network and broker.host"),
        ("ENETUNREACH", "no network"),
        ("ECONNRESET ECONNABORTED", "the broker closed the connection"),
        ("ENOMEM ENOBUFS", "no memory is left"),
        ("ENOSPC", "the storage is full"),
    ):
        if number is not None and number in [getattr(errno, name, None) for name in names.split()]:
            return meaning
    return "the broker closed the connection" if number == 32 else None  # EPIPE: MicroPython has no name for it


def place(error):
    """Where an unexpected error arose, as "file:line"; its text is left out, it might hold anything."""
    if hasattr(error, "__traceback__"):
        trace = error.__traceback__
        while trace and trace.tb_next:
            trace = trace.tb_next
        return _short(trace.tb_frame.f_code.co_filename, trace.tb_lineno) if trace else ""
    out = io.StringIO()
    sys.print_exception(error, out)
    found = ""
    for line in out.getvalue().split("\n"):  # lines like:  File "channel.py", line 12, in send
        parts = line.split('"')
        if line.startswith("  File ") and len(parts) > 2:
            found = _short(parts[1], parts[2].split(",")[1][6:])
    return found


def _short(path, line):
    return path.replace("\\", "/").split("/")[-1] + ":" + str(line)
