"""Messages in and out: notes, conversations, and what the application has not taken yet. PROTOCOL.md sections 7, 10, 11."""

from ..compat import hexlify
from ..effects import Message
from ..wire import NOTE, Reader, pad, u32, unpad
from .identity import SIG
from .joins import ONLINE
from .notes import check_signed, frame_digest, open_note, seal_note


class Talk:
    """`ch` gives members, keys, ring, outbox, inbox and effects; see channel.Channel."""

    def __init__(self, ch):
        self.ch = ch

    def deliver(self, member, notes):
        """Notes of one member, in order."""
        ch = self.ch
        for note in notes:
            live = note.session is member.current and ch.session.order <= note.named <= ch.newest
            origin = "member" if ch.config["sign"] else "group"
            self.ch.deliver(Message(member.uid, note.body, "note", origin, note.time, note.seq, not live, None))

    def deliver_ratchet(self, tag, body, epoch, private):
        """A message of the group's stream; its header proves the sender to us, and to nobody else."""
        ch = self.ch
        message = Message(ch.uid_of(tag), body, "ratchet", "member", 0, epoch, False, None)
        message.private = private
        self.ch.deliver(message)
        ch.dirty = True

    # --- sending

    def send_note(self, body, time):
        """What is written before we are online waits in the outbox: our place and numbers may still turn out to be used."""
        ch = self.ch
        ch.outbox.room()
        entry = self._seal_note(body, time)
        token = ch.outbox.add(*entry)
        ch.emit(("publish", entry[0], entry[1], True, 1, token) if ch.phase == ONLINE else ("queued", token))

    def unsent(self):
        """[(token, time, body)] of the notes written in this run, before its first connection was online."""
        ch = self.ch
        out = []
        for token in sorted(ch.outbox.entries):
            _, frame, _, seq = ch.outbox.entries[token]
            if seq is not None and seq >= ch.ring.begun:
                pt = ch.keys.open(frame, NOTE, ch.tag)[3]
                body = pt[24:-SIG] if ch.config["sign"] else pt[24:]
                out.append((token, int.from_bytes(pt[:4], "big"), unpad(body)))
        return out

    def renew(self, unsent):
        """The session they were sealed in is given up: seal them in the new one, under the tokens that the driver knows."""
        for token, time, body in unsent:
            self.ch.outbox.entries[token] = self._seal_note(body, time)

    def _seal_note(self, body, time):
        """-> the outbox entry of our next note."""
        ch = self.ch
        seq = ch.ring.next
        frame = seal_note(
            ch.keys, ch.rng, ch.tag, ch.session, seq, time, ch.newest, body, ch.config["sign"]
        )
        ch.ring.added(frame_digest(ch.suite, frame))
        ch.dirty = True
        return ch.topics.make(ch.name, "n", seq % ch.ring.size), frame, True, seq

    def send_conversation(self, body, time):
        ch = self.ch
        e = ch.agreement.current
        ch.outbox.room()
        session = ch.session

        def sign(ad, pt, extra):
            return session.sign(ch.keys, ad, pt, extra)

        frame = e.seal(ch.keys, ch.rng, ch.tag, u32(time) + pad(body), sign if ch.config["sign"] else None)
        e.messages += 1
        token = ch.outbox.add(ch.topics.make(ch.name, "c"), frame, False, None)
        ch.dirty = True
        ch.publish("c", frame, False, None, token)

    # --- receiving

    def on_note(self, member, frame, now):
        ch = self.ch
        note = open_note(ch.keys, frame, member, ch.config["sign"])
        note.session.window.add(note.seq, note)
        ch.catchup.drain(member, now)

    def on_conversation(self, member, frame, now):
        ch = self.ch
        e = ch.agreement.find(frame[2:18])
        ad, number, pt, commit = e.open(ch.keys, frame, member.tag)
        session = member.session(e.parties[e.index(member.tag)][1])
        pt = check_signed(ch.keys, session.S, ad, pt, e.hid, ch.config["sign"])
        r = Reader(pt)
        time, body = r.uint(4), unpad(r.rest())
        commit()
        e.messages += 1
        ch.dirty = True
        ch.agreement.vouch(e, member.tag, now)
        origin = "member" if ch.config["sign"] else "group"
        self.ch.deliver(Message(member.uid, body, "conversation", origin, time, number, False, hexlify(e.id)))
