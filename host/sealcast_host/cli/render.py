"""Messages and events as lines for people and as JSON for programs. What others wrote is never trusted with the
terminal."""

import base64
import json
import time
from typing import Any

from sealcast_host.terminal import painted

# What happens in the group, in words. Events without a line here are for programs (--json) only.
EVENTS = {
    "joined": "{uid} joined{data}",
    "left": "{uid} left",
    "gone": "{uid} is gone",
    "vanished": "{uid} vanished (no sign of life)",
    "asleep": "{uid} sleeps",
    "awake": "{uid} is awake",
    "rekeyed": "new conversation key, epoch {epoch}",
    "gap": "messages of {uid} are missing",
    "dropped same_uid": "{uid}'s state was in use twice (a copy, or a backup that came back): what it said last may be"
    " lost: send that again, and name each copy (--uid)",
    "identity_changed": "{uid} has ANOTHER identity than before: its messages are refused until you approve it",
    "approved": "{uid} is known by the identity that you approved",
    "approval_waits": "{uid} has not shown an identity {fingerprint}: it is taken when it does",
    "pinned": "{uid} is known from now on by its identity",
    "forged": "a message that claims to be from {uid} was refused",
    "handshake_failed": "no new conversation key yet",
    "removed": "{by} removed this member from the group",
    "group": "the ratcheting group is now: {members}",
    "group_failed": "the group was not changed: {reason}",
    "no_package": "{uid} cannot be taken in before it comes online",
    "leaving": "{uid} leaves the group",
    "message_undecryptable": "a private message of {uid} could not be opened",
    "followed": "{uid} has followed to the channel's new key",
    "expelled": "this member was declared lost: the others have moved to another key",
    "notice_unreadable": "a lost member was declared, but this one cannot read the new key: provision it again",
    "moved": "a lost member was declared; the channel has a new key",
    "forked": "the group's order has split: somebody, or the broker, shows different histories",
    "desync": "out of step with the group; asking to be taken in again",
    "resynced": "in step with the group again",
    "unconfirmed": "{by} took this member into a group that the others know nothing of: given up",
    "undeliverable": "a private message was not sent: {uid} is not in the group any more",
    "channel_full": "NOBODY hears this member: the channel has all its members; free a place with `sealcast lost`",
    "mute": "NOBODY hears this member: {reason}; sealcast doctor says more",
    "taken_over": "another connection with the same MQTT name throws this one out: is there a copy of this member (a"
    " cloned board)?",
    "offline": "no connection to the broker ({reason}); trying again",
    "overflow": "messages of {sender} were given up: they came too fast",
    "error": "trouble here: {text}",
}
_ALARMING = (
    "dropped same_uid", "identity_changed", "forged", "removed", "group_failed", "expelled", "notice_unreadable",
    "forked", "mute", "channel_full", "taken_over", "overflow", "error",
)  # fmt: skip
SHOWN = 32  # bytes of a message that is no text
STYLES = {"note": "yellow", "conversation": "cyan", "ratchet": "green"}  # the more secret, the greener


def clean(text: str) -> str:
    """Text that cannot move the cursor, ring the bell or fake a line."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def clock(unix: int) -> str:
    """A sender's time in this computer's time zone; in UTC what a system of 32 bits knows no time zone for, from 2038
    on."""
    if not unix:
        return "(sender has no clock)"
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(unix))
    except (OSError, OverflowError):
        from datetime import datetime, timedelta  # not for the sake of this alone

        return f"{datetime(1970, 1, 1) + timedelta(seconds=unix)} UTC"


def body_text(body: bytes) -> str | None:
    """The body as text, or None when it is not UTF-8."""
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return None


def hexed(body: bytes) -> str:
    """The beginning of a body that is no text."""
    return body[:SHOWN].hex() + "..." * (len(body) > SHOWN)


def message_line(message: Any) -> str:
    """One readable line: when, who, how secret, what; in colours on a terminal."""
    text = body_text(message.body)
    shown = clean(text) if text is not None else hexed(message.body)
    how = [message.secrecy, message.origin]
    if message.private:
        how.append("private")
    if message.historic:
        how.append("history")
        if message.age is not None:
            how.append(f"at most {message.age} s old")
    if message.again:
        how.append("again")
    if text is None:  # told where nobody can write who sends
        how.append(f"no text: {len(message.body)} bytes")
    return painted([
        (clock(message.time), "dim"), ("  ", ""), (clean(message.sender), "bold"), ("  ", ""),
        (f"[{', '.join(how)}]", STYLES[message.secrecy]), ("  " + shown, ""),
    ])  # fmt: skip


def event_line(name: str, info: dict[str, Any]) -> str | None:
    """An event as a line, in colours on a terminal, or None for one that only programs care about."""
    name, text = _kind(name, info), event_text(name, info)
    return None if text is None else painted([("* " + text, "bold red" if name in _ALARMING else "dim")])


def _kind(name: str, info: dict[str, Any]) -> str:
    """What was dropped is for programs, but for a reason that has a line of its own."""
    return f"{name} {info.get('reason')}" if name == "dropped" else name


def event_text(name: str, info: dict[str, Any]) -> str | None:
    """The same in words alone."""
    if name == "rekeyed" and info.get("epoch") is None:
        return "no conversation key now: messages are notes"
    if name == "offline":  # it begins with the name of an exception
        info = info | {"reason": str(info.get("reason")).partition(": ")[2] or info.get("reason")}
    if info.get("data"):
        info = info | {"data": f": {info['data']}"}
    template = EVENTS.get(_kind(name, info))
    if template is None:
        return None
    somebody = dict.fromkeys(("uid", "sender", "by"), "somebody")
    known = somebody | {"epoch": "", "reason": "", "members": "", "data": "", "text": str(info.get("code", "unknown"))}
    values = {
        key: clean(", ".join(map(str, value)) if isinstance(value, list) else str(value))
        for key, value in info.items()
        if key in known and value is not None
    }
    return template.format_map(known | values)


def message_json(message: Any) -> str:
    """One JSON object; the keys are promised in `sealcast listen --help`."""
    out: dict[str, Any] = {
        "type": "message",
        "sender": message.sender,
        "secrecy": message.secrecy,
        "origin": message.origin,
        "time": message.time,
        "seq": message.seq,
        "historic": message.historic,
        "age": message.age,
        "again": message.again,
        "epoch": message.epoch,
        "private": message.private,
    }
    text = body_text(message.body)
    if text is not None:
        out["text"] = text
    else:
        out["body_b64"] = base64.b64encode(message.body).decode()
    return json.dumps(out)


def event_json(name: str, info: dict[str, Any]) -> str:
    return json.dumps(
        {"type": "event", "event": name} | {k: _plain(v) for k, v in info.items() if k not in ("type", "event")}
    )


def _plain(value: Any) -> Any:
    if isinstance(value, bytes | bytearray):
        return bytes(value).hex()
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)
