"""What a node prints: one line an event, for people ("lines") or for programs ("json": one object a line)."""

import json
import sys


class Log:
    """clock: for the time stamps, in milliseconds since the start."""

    def __init__(self, kind, clock):
        self._json = kind == "json"
        self._clock = clock

    def event(self, name, info):
        """A session's callback: `info` is a dict, or a Message for "message"."""
        if name == "message":
            info = _message(info)
        now = self._clock.now()
        if self._json:
            line = {"ms": now, "event": name}
            for key in info:
                line[key] = _plain(info[key])
            text = json.dumps(line)
        elif name == "message":
            how = ("old " if info["historic"] else "") + info["secrecy"]
            how += ", at most %d s old" % info["age"] if info["historic"] and info["age"] is not None else ""
            how += (", private" if info["private"] else "") + (", again" if info["again"] else "")
            text = "%s %s from %s: %s" % (
                _stamp(now), how, _show(info["sender"]), _show(info["body"]),
            )  # fmt: skip
        else:
            details = ["%s=%s" % (key, _show(_plain(info[key]))) for key in sorted(info)]
            text = " ".join([_stamp(now), name] + details)
        print(text)
        if hasattr(sys.stdout, "flush"):
            sys.stdout.flush()

    def tell(self, line):
        """A line of progress."""
        self.event("info", {"text": line})


def _message(m):
    """Message -> dict; a body that is not UTF-8 is given as hex."""
    info = {}
    for name in ("sender", "secrecy", "origin", "time", "age", "seq", "historic", "epoch", "again", "private"):
        info[name] = getattr(m, name)
    try:
        info["body"] = str(m.body, "utf-8")
    except UnicodeError:
        info["body"] = info["hex"] = _hex(m.body)
    return info


def _plain(value):
    if isinstance(value, (bytes, bytearray)):
        return _hex(value)
    return [_plain(v) for v in value] if isinstance(value, (list, tuple)) else value


def _hex(data):
    return "".join(["%02x" % b for b in data])


def _show(value):
    """Text of others cannot forge a line of ours, nor move the terminal's cursor."""
    return "".join([c if c >= " " and not "\x7f" <= c <= "\x9f" else "?" for c in str(value)])


def _stamp(ms):
    return "%d.%03d" % (ms // 1000, ms % 1000)
