"""Commands, a line each, on standard input (unix port) or on a serial link: what a person or a test wants a node to do.

    send TEXT    note TEXT    conv TEXT    ratchet TEXT    private UID TEXT    receipt TEXT
    group create UID...    group add|remove UID...    group leave|resync|rejoin    digest
    approve UID FINGERPRINT    rekey    members    heap    sleep SECONDS    leave
"""

_MODES = {"send": None, "note": "note", "conv": "conversation", "ratchet": "ratchet"}
_CHANGES = {"create": 1, "add": 1, "remove": 1, "leave": 0, "resync": 0, "rejoin": 0}  # how many names at least
_HELP = "send, note, conv, ratchet, private, receipt, group, approve, digest, rekey, members, heap, sleep or leave"


async def carry_out(session, log, word, rest):
    """One command. Raises SealcastError."""
    if word in _MODES:
        await session.send(rest.encode(), _MODES[word])
        log.event("sent", {"command": word, "text": rest})
    elif word == "private":
        to, _, text = rest.partition(" ")
        await session.send(text.encode(), "ratchet", to)
        log.event("sent", {"command": word, "to": to, "text": text})
    elif word == "receipt":
        sent = await session.send(rest.encode(), receipt=True)
        who = {"confirmed": sent.confirmed, "unconfirmed": sent.unconfirmed}
        log.event("sent", {"command": word, "text": rest, "mode": sent.mode, "who": who})
    elif word == "group" and _change(rest.split()):
        action, uids = rest.split()[0], rest.split()[1:]
        await session.change_group(action, uids)
        log.event("done", {"command": word, "action": action})
    elif word == "digest":
        group = session.group
        if group:
            config = session.channel.me.config
            group["name"] = config["group_name"] or config["group"]
        log.event("digest", group or {"phase": "none"})
    elif word == "approve" and len(rest.split()) == 2:
        uid, text = rest.split()
        await session.approve(uid, text.lower())
        log.event("done", {"command": word, "uid": uid})
    elif word == "rekey":
        await session.rekey()
    elif word == "members":
        log.event("members", {"members": session.members, "data": session.data, "epoch": session.epoch})
    elif word == "sleep" and rest.isdigit():
        await session.sleep(int(rest))
    elif word == "leave":
        await session.leave()
    else:
        log.event("refused", {"command": "?", "code": "unknown", "text": _HELP})


def _change(words):
    """Is this a change of the group, with names where it takes them and only there?"""
    needs = _CHANGES.get(words[0]) if words else None
    return needs is not None and (len(words) > 1) == bool(needs)
