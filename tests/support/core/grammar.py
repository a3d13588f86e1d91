"""A grammar of every kind of frame, drawn from PROTOCOL.md, for an insider that holds all keys of its own: frames that
are rightly sealed, signed and tagged, whose fields stand at their edges and whose lengths begin at 0.

On CPython and on MicroPython. insider_fuzz.py plays them to a member. `Insider.frame(draw)` is one of them.
"""

from insider import LOW, macs
from sealcast.crypto.signing import (
    JOIN_LABEL,
    NOTICE_LABEL,
    PACKAGE_LABEL,
    sign,
    sign_as,
)
from sealcast.smmp import agreement, membership, private, ratchet
from sealcast.smmp.group import statics
from sealcast.smmp.outgoing import wrapped
from sealcast.wire import (
    AGREEMENT,
    BARRIER,
    CONTROL,
    CONVERSATION,
    HANDSHAKE,
    HEADER,
    JOIN,
    MAX_FRAME,
    NOTE,
    NOTICE,
    PACKAGE,
    PRESENCE,
    RECEIPT,
    TAG,
    header,
    pad,
    u32,
)
from sealcast.zpinc.approval import KIND as APPROVALS
from sealcast.zpinc.approval import LABEL as APPROVALS_LABEL
from sealcast.zpinc.places import notice_topic
from solo import hardware, suite

ADMIN = b"a" * 32  # the secret of the channel's admin: its notices are rightly signed, too
NUMBERS = (0, 1, 2, 63, 64, 255, 0xFFFF, 0x10000, 0x7FFFFFFE, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
SIZES = (0, 1, 15, 16, 17, 31, 32, 33, 64, 1150, 2000, 2001)
KINDS = ("join", "note", "presence", "propose", "value", "stale", "talk", "barrier", "package", "control", "agree",
         "say", "notice", "approvals", "receipt", "junk")  # fmt: skip


class Draw:
    """Numbers from a seed, the same on both Pythons (xorshift, 31 bits)."""

    def __init__(self, seed):
        self.x = seed % 0x7FFFFFFF + 1

    def below(self, n):
        self.x ^= (self.x << 13) & 0x7FFFFFFF
        self.x ^= self.x >> 17
        self.x ^= (self.x << 5) & 0x7FFFFFFF
        return (self.x >> 3) % n

    def one(self, items):
        return items[self.below(len(items))]

    def data(self, n):
        seed = u32(self.below(1 << 28))
        return (suite.h(min(n, 64) or 1, seed, b"", b"") * (n // 64 + 1))[:n]

    def number(self, *near):
        """At an edge, or beside one of these."""
        if near and self.below(2):
            return min(max(0, self.one(near) + self.below(3) - 1), 0xFFFFFFFF)
        return self.one(NUMBERS)


def edge(draw, field):
    """Another value of a field, or another length."""
    n, how = len(field), draw.below(8)
    if how == 0:
        return field[: draw.below(n + 1)]
    if how == 1:
        return field + draw.data(draw.one((1, 15, 16, 17, 32)))
    if how == 2 and n == 32:
        return draw.one(LOW)
    if how == 3 and n <= 4:
        return u32(draw.number(int.from_bytes(field, "big")))[4 - n :]
    if how == 4:
        return bytes(n)
    if how == 5:
        return b"\xff" * n
    return draw.data(n)


def varied(draw, fields):
    """The fields of a good frame, none to three of them at an edge; now and then cut off anywhere."""
    fields = list(fields)
    for _ in range(draw.one((0, 1, 1, 1, 2, 3))):
        at = draw.below(len(fields))
        fields[at] = edge(draw, fields[at])
    data = b"".join(fields)
    how = draw.below(12)
    if how == 0:
        return data[: draw.below(len(data) + 1)]
    return data + draw.data(draw.below(40)) if how == 1 else data


class Insider:
    """A member that has turned: all that it holds is right. ch: its Channel; victim: the one that is to take it."""

    def __init__(self, ch, others):
        self.ch, self.me, self.others = ch, ch.me, others
        self.tags = [ch.me.tag] + [o.me.tag for o in others]
        self.bases = {}
        self.victim = None  # its Channel: what is known of it by what it sends

    def frame(self, draw, kind=None):
        """-> (kind, topic, payload, false): false when its signature or mac is wrong on purpose."""
        kind = kind or draw.one(KINDS)
        self.false = kind not in ("barrier", "propose", "value", "stale", "junk") and draw.below(8) == 0
        topic, payload = getattr(self, kind)(draw)
        if draw.below(40) == 0:
            topic = self._elsewhere(draw, topic)
        return kind, topic, payload, self.false

    def frame_of(self, draw, kind, victim):
        """-> (topic, payload): a frame of this kind."""
        self.victim = victim
        return self.frame(draw, kind)[1:3]

    def _elsewhere(self, draw, topic):
        """Under another name, stream or slot."""
        topics, names = self.me.topics, [self.me.name] + [o.me.name for o in self.others] + [self.ch.group.name]
        name = draw.one(names + [self.me.keys.name(b"stranger")])
        return topics.make(name, draw.one("jnphcsgekxra"), draw.one((None, 0, 1, 3, 63, 999)))

    def _sealed(self, draw, kind, epoch, seq, body, signer=None, place=None, label=None, extra=b""):
        """header || box under msgkey. signer: (seed, public) or None: unsigned."""
        head, place = header(kind, epoch, seq), place or self.me.tag
        if signer is not None:
            ad = self.me.keys.ad(head, place)
            if label is None:
                sig = sign(suite, signer, ad, body, extra)
            else:
                sig = sign_as(suite, label, signer[0], signer[1], ad, body)
            body += sig[:-1] + bytes((sig[-1] ^ self.false,))
        return self.me.keys.seal(self.me.rng, head, place, body)

    def _session(self):
        s = self.me.session
        return (s.seed, s.S)

    def _sid(self, draw):
        return draw.one([self.me.session.sid] * 12 + [bytes(16), draw.data(16), self.others[0].me.session.sid])

    # --- the kinds

    def join(self, draw):
        me, s = self.me, self.me.session
        lamport = draw.number(s.lamport, s.lamport + 1, s.lamport + 65536)
        ring = draw.one((0, 1, 4, 16, 64, 65, 255))
        body = varied(draw, [u32(lamport), me.identity.public, s.S, bytes((ring,))])
        sid = draw.data(16) if draw.below(2) else s.sid
        signer = (me.identity.e, me.identity.E)
        frame = self._sealed(draw, JOIN, sid, lamport, body, signer, None, JOIN_LABEL)
        return me.topic("j", lamport % 4), frame

    def note(self, draw):
        me, seq = self.me, draw.number(self.ch.ring.next, 8)
        text = pad(draw.data(draw.one(SIZES)), draw.below(2))
        body = varied(draw, [u32(draw.number())] + self._heard(draw) + [text])
        return me.topic("n", seq % 4), self._limited(self._signed_self(draw, NOTE, self._sid(draw), seq, body))

    def _heard(self, draw):
        n = draw.one((0, 0, 1, 1, 8, 9))
        known = self.ch.others.heard.marks or [bytes(8)]
        return [bytes((n,)), b"".join([draw.one(known) for _ in range(n)])]

    def _signed_self(self, draw, kind, sid, seq, body, extra=b""):
        """Signed as what a session says in its own order is."""
        head = header(kind, sid, seq)
        sig = sign(suite, self.me.session, self.me.keys.ad(head, self.me.tag), body, extra)
        return self.me.keys.seal(self.me.rng, head, self.me.tag, body + sig[:-1] + bytes((sig[-1] ^ self.false,)))

    def _limited(self, frame):
        return frame[: MAX_FRAME + 1]

    def presence(self, draw):
        conn = draw.number(self.ch.keepalive.conn, self.ch.keepalive.conn + 1)
        e = self.ch.epochs.current
        fields = [
            bytes((draw.below(5),)), u32(conn), draw.one((4, 5, 30, 3600, 3601, 65535)).to_bytes(2, "big"),
            u32(draw.number()), u32(draw.number(self.ch.ring.next)), draw.data(16),
            u32(draw.number(self.ch.epochs.rank[0])), bytes((draw.below(256),)), e.id if e else bytes(16),
            u32(draw.number(1)), draw.data(4), u32(draw.number(1)),
        ]  # fmt: skip
        body = varied(draw, fields + [b"".join(self._heard(draw))])
        head, st = header(PRESENCE, self._sid(draw), draw.number(3)), self.ch.group.state
        sig = sign(suite, self.me.session, self.me.keys.ad(head, self.me.tag), body)
        pt = body + sig[:-1] + bytes((sig[-1] ^ self.false,))
        if draw.below(3):
            pt += varied(draw, [u32(draw.number(st.epoch, 1)), draw.one((st.head[:16], draw.data(16)))])
            pt += b"".join([self._macs(draw, head, self.me.tag, pt)] + [draw.data(draw.one((0, 0, 0, 1, 16, 288)))])
        return self.me.topic("p"), self.me.keys.seal(self.me.rng, head, self.me.tag, pt)

    def _macs(self, draw, head, place, said):
        """Of the pairs that we are in, ours to make; now and then one less, or none that fits."""
        right = macs(self.ch, head, self.me.tag, place, said)
        return draw.one((right, right, right, right[16:], right[:-16], draw.data(len(right)), b""))

    def _handshake(self, draw, attempt, body):
        return self.me.topic("h"), self._sealed(draw, HANDSHAKE, self._sid(draw), attempt, body)

    def propose(self, draw):
        attempt = draw.number(self.victim.epochs.rank[0] + 1, self.victim.epochs.rank[0] + 65537)
        parties = sorted([(c.me.tag, c.me.session.sid) for c in [self.ch] + self.others][: draw.one((2, 3, 3))])
        listed = [part for party in parties for part in party]
        fields = [bytes((1 + 128 * draw.below(2),)), draw.data(16), bytes(32), bytes((len(parties),))] + listed
        return self._handshake(draw, attempt, varied(draw, fields))

    def value(self, draw):
        """A share, a sum or a confirmation in the attempt that the victim is in."""
        a, kind = self.victim.epochs.attempt, draw.one((2, 3, 4))
        hid, attempt = (a.hid, a.proposal.attempt) if a else (draw.data(32), draw.number())
        value = suite.ristretto_map(draw.data(64)) if draw.below(2) else draw.data(32)
        body = varied(draw, [bytes((kind + 128 * draw.below(2),)), hid, value])
        if kind == 4:
            transcript = a.transcript if a and a.transcript else bytes(32)
            return self.me.topic("h"), self._signed_self(draw, HANDSHAKE, self._sid(draw), attempt, body, transcript)
        return self._handshake(draw, attempt, body)

    def stale(self, draw):
        v = self.victim
        lamport = draw.number(v.others.lamport, v.others.lamport + 65536)
        e, number = v.epochs.current, draw.number
        counts = [u32(number(v.ring.next)), e.id[:4] if e else bytes(4)]
        counts.append(u32(number(e.chains[e.index(v.me.tag)][1] if e else 0)))
        fields = [b"\x05", v.me.session.sid, u32(lamport), u32(number(v.keepalive.conn))] + counts
        if draw.below(3) == 0:
            n = draw.one((0, 1, 3, 32, 33))
            fields = [b"\x06"] + [draw.one((v.me.session.sid, draw.data(16))) for _ in range(n)]
        return self._handshake(draw, 0, varied(draw, fields))

    def talk(self, draw):
        """In the epoch: moved as far as any number wants it, rightly tagged."""
        me, e = self.me, self.ch.epochs.current
        if e is None:
            return self.note(draw)
        key, at = e.chains[e.index(me.tag)]
        number = at + draw.one((0, 0, 1, 2, 64, 65, 1024, 1025))
        if number > at:
            key = suite.chain(key, min(number - at, 80), 0) if number - at > 80 else suite.chain(key, number - at, 0)
        mk = suite.chain(key, 0, 1)[:32]
        number = draw.number(number) if draw.below(8) == 0 else number
        head = header(CONVERSATION, e.id if draw.below(12) else draw.data(16), number)
        ad = me.keys.ad(head, me.tag)
        body = varied(draw, [u32(draw.number())] + self._heard(draw) + [pad(draw.data(draw.one(SIZES)), draw.below(2))])
        sig = sign(suite, me.session, ad, body, e.hid)
        pt = body + (sig[:-1] + bytes((sig[-1] ^ self.false,)) if draw.below(10) else b"")
        return me.topic("c"), self._limited(suite.seal_frame(mk, head, ad[HEADER:], hardware(24), pt, e.hk))

    def barrier(self, draw):
        """Under the victim's own name: whoever has the channel's key can."""
        me = self.victim.me
        body = varied(draw, [draw.data(16)])
        return me.topic("s"), self._sealed(draw, BARRIER, me.session.sid, 0, body, None, me.tag)

    def package(self, draw):
        """One-time keys, and the notice key under number 0."""
        number = draw.number(self.ch.group.packages.counter + 1, 0)
        keys = [suite.x25519_base(draw.data(32)) for _ in range(1 if number == 0 else 2)]
        body = varied(draw, keys)
        frame = self._sealed(draw, PACKAGE, self._sid(draw), number, body, self._session(), None, PACKAGE_LABEL)
        return self.me.topic("k", 2 if number == 0 else number % 2), frame

    # --- the group's

    def _on_group(self, draw, frame):
        g = self.ch.group
        stream = draw.one("ggge")
        epoch = int.from_bytes(frame[18:22], "big") if len(frame) >= 22 else 0
        return self.me.topics.make(g.name, stream, epoch % 64 if stream == "e" else None), wrapped(self.me, g, frame)

    def _closed(self, draw, frame):
        frame = ratchet.close(suite, frame, self.ch.group.state.v)
        return frame[:-1] + bytes((frame[-1] ^ 1,)) if self.false else frame

    def control(self, draw):
        g, st, kind = self.ch.group, self.ch.group.state, 1 + draw.below(4)
        nonce = draw.one(self.victim.group.search.nonces or [bytes(16)]) if draw.below(2) else draw.data(16)
        fields = [bytes((kind,))]
        if kind < 3:
            fields.append(nonce)
        if kind == 2:
            fields.append(bytes((draw.below(3),)))
        fields.append(u32(draw.number(st.epoch, st.epoch + 1)))
        if kind < 4:
            fields.append(draw.one((st.head, bytes(32), draw.data(32))))
        tag, lamport = self.me.tag, draw.one([self.me.session.lamport] * 6 + [draw.number()])
        head, said = header(CONTROL, tag, lamport), varied(draw, fields)
        each = draw.data(48) if self.false else self._macs(draw, head, g.id, said)
        return self._on_group(draw, self.me.keys.seal(self.me.rng, head, g.id, said + each))

    def _base(self, draw):
        """A good agreement, made once: to the same set, with a member less, with the stranger's name more."""
        which = draw.below(3)
        if which not in self.bases:
            g, st, r = self.ch.group, self.ch.group.state, hardware(32)
            tags = [tag for tag in st.tags if which != 1 or tag != self.others[-1].me.tag]
            new = [which == 2 and tag != self.me.tag for tag in tags]
            parties = [membership.party(self.me, self.ch.others, g, tag, enters, r) for tag, enters in zip(tags, new)]
            reason = (0, 3, 0)[which]
            frame, _ = agreement.agree(
                suite, g.id, st.epoch, st.head, reason, self.me.tag, self.me.identity.b, r, hardware(32), parties, st.v
            )
            self.bases[which] = agreement.Agreement(frame)
        return self.bases[which]

    def agree(self, draw):
        a, g = self._base(draw), self.ch.group
        fields = [header(AGREEMENT, g.id, a.epoch), a.head, bytes((a.reason,)), bytes((len(a.tags),)), a.organizer, a.W]
        for i in range(len(a.tags)):
            fields += [a.tags[i], u32(a.numbers[i]), a.R[i], a.G[i]]
        return self._on_group(draw, self._closed(draw, varied(draw, fields + [a.tag])))

    def say(self, draw):
        """A message: a good frame of any content, or its parts at their edges under a right mac."""
        g, st = self.ch.group, self.ch.group.state
        number = u32(draw.number(self.me.session.lamport)) + u32(draw.number(1))
        text = draw.data(draw.one((0, 1, 15, 16, 17, 31, 32, 33, 47, 48, 49, 80, 1150, 1151)))
        kind, nonce = draw.one((0xFF, 0xFE, 0x01, 0x01, 0x02, 0x04, 0x05, 0x00, 0x03)), hardware(24)
        if kind in (1, 2) and draw.below(4):
            to = draw.one([o.me.tag for o in self.others])
            text = private.seal(suite, g.pairs[to], st.epoch, self.me.tag, nonce, draw.data(32), text[:500])
            text = text[: draw.one((0, 15, 16, 17, 31, 32, 33, 63, 64, 2000, 2000))]
        m = varied(draw, [bytes((kind,)), number, u32(draw.number())] + self._heard(draw) + [text])[:1270]
        frame, _ = ratchet.seal(suite, st, statics(self.me, self.ch.others, g), nonce, draw.data(32), m)
        if draw.below(2):
            if self.false:
                frame = frame[:-1] + bytes((frame[-1] ^ 1,))
            return self._on_group(draw, frame)
        at = HEADER + 34
        end = at + 48 * (st.N - 1)
        fields = [frame[:HEADER], frame[HEADER : HEADER + 32], frame[at - 2 : at - 1], frame[at - 1 : at]]
        fields += [frame[at + 48 * i : at + 48 * i + 48] for i in range(st.N - 1)]
        box = frame[end + 26 : -2 * TAG]
        if draw.below(3) == 0:
            box = box[: draw.below(18)]
        fields += [frame[end : end + 24], len(box).to_bytes(2, "big"), box, frame[-2 * TAG : -TAG]]
        return self._on_group(draw, self._closed(draw, varied(draw, fields)))

    def notice(self, draw):
        me = self.me
        generation = draw.number(1)
        shares = []
        for o in self.others[: draw.below(len(self.others) + 1)]:
            shares += [o.me.tag, bytes((draw.below(3),)), draw.data(48)]
        fields = [suite.x25519_base(draw.data(32)), draw.one(self.tags), bytes((len(shares) // 3,))] + shares
        frame = self._sealed(
            draw, NOTICE, me.keys.rp[:16], generation, varied(draw, fields), (ADMIN, suite.ed25519_public(ADMIN)),
            me.keys.rp[:16], NOTICE_LABEL,
        )  # fmt: skip
        return notice_topic(me.keys, me.topics, me.channel), frame

    def approvals(self, draw):
        """The admin's, of any of them and in any letters."""
        me, listed = self.me, []
        for tag in self.tags[: draw.below(len(self.tags) + 1)] * draw.one((1, 1, 1, 16)):
            listed += [tag, draw.one((b"aaaa-bbbb-cccc-dddd-eeee", draw.data(24)))]
        number = draw.number(self.victim.others.approvals[0]) if self.victim else draw.number()
        body = varied(draw, [bytes((len(listed) // 2,))] + listed)
        admin, place = (ADMIN, suite.ed25519_public(ADMIN)), me.keys.rp[:16]
        frame = self._sealed(draw, APPROVALS, place, number, body, admin, place, APPROVALS_LABEL)
        return notice_topic(me.keys, me.topics, me.channel, "a"), frame

    def receipt(self, draw):
        """Of what the victim waits for, and of anything."""
        items = [item for wanted in self.victim.out.wanted for item in wanted.items] + [draw.data(16)]
        count = draw.one((0, 1, 1, 2, 63, 64, 65))
        body = varied(draw, [bytes((draw.one((0, 1, 1, 1, 2, 3)),))] + [draw.one(items) for _ in range(count)])
        number = draw.number() if draw.below(8) == 0 else 0
        if body[:1] == b"\x01":
            return self.me.topic("r"), self._signed_self(draw, RECEIPT, self._sid(draw), number, body)
        self.false = False  # it has no signature
        return self.me.topic("r"), self._sealed(draw, RECEIPT, self._sid(draw), number, body)

    def junk(self, draw):
        """Bytes of any length that are tagged as the group's, or boxes of any length under the channel's key."""
        if draw.below(2):
            data = draw.data(draw.below(200))
            lead = bytes((1, draw.one((7, 8, 9)))) + self.ch.group.id + u32(self.ch.group.state.epoch)
            return self._on_group(draw, (lead + data)[: draw.below(240)])
        kind, stream = draw.one(((1, "j"), (2, "n"), (3, "p"), (4, "h"), (5, "c"), (10, "k"), (11, "x"), (12, "r")))
        place = self.me.keys.rp[:16] if stream == "x" else self.me.tag
        frame = self._sealed(draw, kind, self._sid(draw), draw.number(), draw.data(draw.below(300)), None, place)
        topic = notice_topic(self.me.keys, self.me.topics, self.me.channel) if stream == "x" else None
        topic = topic or self.me.topic(stream, 0 if stream in "jnk" else None)
        return topic, frame[: draw.one((len(frame), draw.below(90)))]
