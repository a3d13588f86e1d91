"""Notes in and out. PROTOCOL.md sections 7, 11; conversations: epochs.py."""

from ..effects import RECONNECT, Message
from . import heard
from .notes import LAST, bound, drain, frame_digest, open_note, seal_note

# --- sending


def send_note(me, members, ring, body, time, asks, online, out):
    """What is written before we are online waits in the outbox: our place and numbers may still turn out to be used.
    asks: for a receipt. -> frame."""
    out.outbox.room()
    entry = next_note(me, ring, body, time, members.heard.named(), asks)
    ring.unsent = ring.next if online else ring.unsent
    token = out.wait(entry, ring.unsent)
    if online:
        out.publish(entry[0], entry[1], True, token)
        if ring.next == LAST:
            out.effects.append((RECONNECT, True))
    else:
        out.queued(token)
    return entry[1]


def next_note(me, ring, body, time, named, asks):
    """-> the outbox entry of our next note, to be stored. named: what was heard when it was made."""
    seq = ring.next
    frame = seal_note(me, seq, time, named, body, asks)
    ring.added(frame_digest(me.suite, frame))
    return me.topic("n", seq % ring.size), frame, True, seq


# --- receiving


def receive_note(me, members, reading, member, frame, now, out):
    note = open_note(me.keys, frame, member, me.config["sign"])
    note.since = members.heard.since(note.heard)
    note.session.window.add(note.seq, note)
    deliver_notes(me, member, drain(reading, member, now), now, out)
    if note.session.window.held:
        bound(members)


def deliver_notes(me, member, notes, now, out):
    """Notes of one member, in order."""
    for session in member.sessions:
        its = [note for note in notes if note.session is session]
        later = its and out.move((session,), session.window.next)
        for note in its:
            age, live = heard.age(note.since, now, me.config)
            live = live and session is member.current
            origin = "member" if me.config["sign"] else "group"
            message = Message(member.uid, note.body, "note", origin, note.time, note.seq, not live, None, age)
            if note.seq < session.window.doubt:
                message.again = True
            out.deliver(message, later)
            if live and note.item:
                out.owe(True, note.item)


def missing(member, lost, secrecy, out):
    """lost: (first, last)."""
    out.lost("gap", {"uid": member.uid, "first": lost[0], "last": lost[1], "secrecy": secrecy})
