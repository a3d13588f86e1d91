"""A thief: everything one member knows at one moment, all recorded
traffic, and every consequence that can be computed from them.

Used against invariants 4 and 5: what it can open is compared with what the protocol promises.
"""

from sealcast.channel import Channel
from sealcast.errors import Reject
from sealcast.smmp import agreement, private
from sealcast.smmp import ratchet as smmp
from sealcast.smmp.outgoing import wrapped
from sealcast.wire import AGREEMENT, RATCHET, TAG
from sim import sodium


class Thief:
    """config, blob: the victim's settings with keys and its whole stored state. Knows no secret of anyone else."""

    def __init__(self, config, blob, hardware, extra=()):
        self.ch = ch = Channel(sodium, config, blob, hardware)
        g = ch.group
        self.group = g
        self.identities = {ch.me.tag: ch.me.identity.b}  # of every member that was robbed
        self.secrets = {}  # public key -> secret
        self.states = {}  # (epoch, head) -> State
        self.opened = {}  # frame -> message
        self.private = {}  # frame -> private text
        self.pairs = []
        for pending in (g.outgoing.pending, g.undo and g.undo.own):
            if pending and pending.secret:
                self._secret(pending.secret)
            if pending and pending.after:
                self._state(pending.after)
        for st in (g.state, g.undo and g.undo.state):
            if st:
                self._state(st)
        for packages in (g.packages.mine, g.undo.spent if g.undo else {}):
            for k, r in packages.values():
                self._secret(k)
                self._secret(r)
        for pairs in (g.pairs, g.undo.pairs if g.undo else {}):
            for tag, pair in pairs.items():
                self._secret(pair[32:64] or bytes(32))
                self.pairs.append((tag, pair))

    def _secret(self, s):
        self.secrets[sodium.x25519_base(s)] = s

    def _state(self, st):
        self._secret(st.r)
        self.states[(st.epoch, st.head)] = st

    def frames(self, seen):
        """Recorded traffic -> the group's frames, agreements and messages, each once."""
        g, out = self.group, {}
        for topic, payload in seen:
            if "/g" in topic[-3:] or "/e/" in topic[-5:]:
                frame = payload[:-TAG]
                if len(frame) > 54 and frame[1] in (AGREEMENT, RATCHET) and payload == wrapped(self.ch.me, g, frame):
                    out[frame] = None
        return list(out)

    def work(self, seen):
        """Everything that follows, until nothing new does."""
        frames = self.frames(seen)
        agreements = [agreement.Agreement(f) for f in frames if f[1] == AGREEMENT]
        messages = {}
        for f in frames:
            if f[1] == RATCHET:
                messages.setdefault((smmp.frame_epoch(f), smmp.frame_prev(f)), []).append(f)
        for a in agreements:
            self._agreement(a)
        todo = list(self.states)
        while todo:
            where = todo.pop()
            for f in messages.get(where, ()):
                after = self._message(self.states[where], f)
                if after is not None and (after.epoch, after.head) not in self.states:
                    self.states[(after.epoch, after.head)] = after
                    todo.append((after.epoch, after.head))
                    for a in agreements:
                        new = self._agreement(a)
                        if new:
                            todo.append(new)
        return self

    def _agreement(self, a):
        """Try every secret in every role; -> where it leads, when that is new."""
        ch, where = self.ch, (a.epoch + 1, smmp.frame_hash(sodium, a.frame))
        if where in self.states or ch.me.tag not in a.tags or a.organizer == ch.me.tag:
            return None
        R = a.R[a.tags.index(ch.me.tag)]
        if R not in self.secrets:
            return None
        for K, k in list(self.secrets.items()):
            try:
                st = a.accept(sodium, ch.me.tag, ch.me.identity.b, k, K, self.secrets[R], ch.others.pinned)
            except Reject:
                continue
            self.states[where] = st
            return where
        return None

    def _message(self, st, frame):
        """Open the body with mk; follow when R_new can be had. -> State after, or None."""
        if not smmp.authentic(sodium, frame, st.v):
            return None
        j, n = frame[54], frame[55]
        nonce = frame[smmp.HEADERS + smmp.HEADER_BOX * (n - 1) :][:24]
        unsigned, check = frame[: -2 * TAG], frame[-2 * TAG : -TAG]
        padded = sodium.ratchet_body(st.mk, frame)
        if padded is None:
            return None
        m = smmp.unpad(padded)
        self.opened[frame] = m
        self._private(st, j, nonce, frame, m)
        candidates = list(self.secrets)  # our own R_new may be one of those we know
        for i in range(n):
            if i == j:
                continue
            static = self._static(st.tags[i], st.tags[j]) or self._static(st.tags[j], st.tags[i])
            if static is None:
                continue  # what two other identities share nobody else computes
            for mine, other in ((st.R[j], st.R[i]), (st.R[i], st.R[j])):
                if mine in self.secrets:
                    shared = sodium.x25519(self.secrets[mine], other)
                    R_new = sodium.ratchet_header(shared, static, st.HK, st.digest, frame, i)
                    if R_new is not None:
                        candidates.insert(0, R_new)
        for R_new in candidates:
            moved = smmp._moved(sodium, st, j, R_new, m)
            if check == smmp.derive(sodium, moved[1][:32], b"sc/ck", unsigned)[:TAG]:
                return smmp._after(sodium, st, moved, st.r, frame)
        return None

    def _static(self, mine, other):
        B = self.ch.others.pinned(other)
        return sodium.x25519(self.identities[mine], B) if mine in self.identities and B else None

    def _private(self, st, j, nonce, frame, m):
        """Private payloads by every pair state that is known or follows from one."""
        if m[0] != 1:
            return
        for peer, pair in list(self.pairs):
            for sender in (peer, self.ch.me.tag):
                text_at = 14 + 8 * m[13]
                if m[text_at : text_at + 16] != private.hint(sodium, pair, st.epoch, sender):
                    continue
                try:
                    text, after = private.open_payload(sodium, pair, st.epoch, sender, nonce, m[text_at:])
                except Reject:
                    continue
                self.private[frame] = text
                self.pairs.append((peer, after))
