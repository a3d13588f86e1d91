"""Messages in and out: notes and conversations. PROTOCOL.md sections 7, 10, 11."""

from ..crypto.signing import check, received
from ..effects import RECONNECT, Message
from ..journal import used
from ..rare import need
from ..wire import Reader, pad, u32, unpad_asking
from . import epochs as agreed
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


def send_conversation(me, members, epochs, body, time, asks, out):
    """-> frame."""
    out.outbox.room()
    epoch, topic = epochs.current, me.topic("c")
    frame = epoch.seal(me, u32(time) + members.heard.named() + pad(body, asks), me.config["sign"])
    epoch.messages += 1
    i = epoch.index(me.tag)
    later = out.move((epoch, i), epoch.chains[i][1], (), me.suite)
    out.publish(topic, frame, False, out.wait((topic, frame, False, None), 0, later))
    return frame


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


def missed(me, epochs, member, said, out):
    """A presence says how many messages went out in its member's epochs: what we have not got by now was lost. said:
    [(first bytes of the epoch's id, count)]."""
    for epoch in epochs.readable():
        for name, count in said:
            if epoch.id[: len(name)] == name and member.tag in [p[0] for p in epoch.parties]:
                lost = epoch.skip(me.suite, member.tag, count)
                if lost:
                    missing(member, lost, "conversation", out)


def receive_conversation(me, members, epochs, member, frame, now, out):
    epoch = agreed.find(epochs, frame[2:18])
    if epochs.running():
        need("zpinc.rekey", "zpinc.cpace")
    signed = me.config["sign"]
    ad, pt, i, number, key, skipped = epoch.open(me.keys, frame, member.tag)
    session = member.session(epoch.parties[i][1])
    if signed:
        pt = check(me.suite, session.S, ad, pt, epoch.hid)
    r = Reader(pt)
    time, marks, (body, asks) = r.uint(4), heard.read(r), unpad_asking(r.rest())
    expected, later = epoch.chains[i][1], False
    stored = epoch in (epochs.current, epochs.previous)
    epoch.messages += 1
    if key is not None:
        epoch.move(i, key, number + 1, skipped)
        later = stored and out.move((epoch, i), number + 1, skipped)
    else:
        epoch.skipped.pop((i, number))
        if stored:
            out.record(used(epoch, i, number))
    if number > expected:
        missing(member, (expected, number - 1), "conversation", out)
    if epoch is epochs.current:
        member.epoch = epoch.id
    if signed:  # unsigned it proves only the key, which a man in the middle has too
        agreed.vouch(me, members, epochs, epoch, member.tag, now, out)
    origin = "member" if signed else "group"
    age, live = heard.age(members.heard.since(marks), now, me.config)
    message = Message(member.uid, body, "conversation", origin, time, number, not live, epoch.name, age)
    if number < epoch.doubt.get(i, 0):
        message.again = True
    out.deliver(message, later)
    if asks and live:  # whoever acts on what is live has not acted on this
        out.owe(True, received(me.suite, member.tag, frame))
