"""A lost board: the channel moves to a key it never had. PROTOCOL.md section 22.

The admin signs a notice that carries the new root key, sealed to each remaining member. Who has moved keeps the notice,
goes on listening at the old place, and answers every member that still comes there, until all have been seen at the new one.
"""

from ..compat import const
from ..crypto.keys import ZERO, Keys, dh, high_order, siv
from ..crypto.signing import seal_signed, verify_signed
from ..errors import NoGroup, Reject
from ..wire import JOIN, NONCE, NOTICE, PACKAGE, PRESENCE, Reader, Topics, header, lv, u32
from .identity import SIG

MAX_PARTIES = const(31)
MAX_OLD = const(4)
ANSWER_MS = const(2000)  # an answer reaches everyone who is at the old place then
SHOWS = const(3)  # connections in which the notice key is published: the retained copy serves from then on
LABEL = b"sc/package"
_SLOT = const(2)  # of stream k; one-time packages have 0 and 1


class Old:
    """A place the channel has left: its keys, the notice that led away, and who has not been seen at the new place."""

    def __init__(self, suite, root, channel, notice, waiting):
        self.root = root
        self.keys = Keys(suite, root, channel)
        self.topics = Topics(self.keys.rp)
        self.topic = notice_topic(self.keys, self.topics, channel)
        self.notice = notice
        self.waiting = waiting  # uids
        self.answered = {}  # uid -> the frame that was answered last
        self.answer_at = 0


def notice_topic(keys, topics, channel):
    return topics.make(siv(keys.suite, keys.ckey, b"notice", channel), "x")


def _share(suite, rp, generation, W, tag, B, K, z1, z2):
    """The key that seals the new root to one member: used once."""
    return suite.h(32, b"", b"", b"sc/share", lv(rp, W, tag, B, K), u32(generation), z1, z2)


def _signable(keys, ad, body):
    return keys.suite.h(32, b"", b"", b"sc/notice", ad, body)


class Lost:
    """`ch` gives keys, members, packages and effects; see channel.Channel."""

    def __init__(self, ch, root):
        self.ch = ch
        self.root = root
        self.generation = 0
        self.old = []  # [Old], oldest first
        self.pins = {}  # uid -> B || E, carried over from the place we left
        self.k = None  # secret of our notice key: made once at each place, used by nothing but a notice
        self.shown = b""  # the session in which it was published, and how often: sid, u8
        self.collects = False  # may we have to make a notice? Set by who has the admin's key; a board need not read all of them
        self.theirs = {}  # tag -> notice key of another member

    # --- the admin

    def declare(self, uid, admin_seed, now):
        """Make, publish and follow a notice that leaves `uid` behind. Raises NoGroup when it cannot be made."""
        ch = self.ch
        suite = ch.suite
        admin = suite.ed25519_public(admin_seed)
        if admin != ch.config.get("admin"):
            raise NoGroup("this channel has another admin, or none: change the password instead")
        known = self.others(None)
        removed = ch.keys.name(uid.encode())[:16]
        if removed not in known:
            raise NoGroup("no other member of that name is known here")
        stay = self.others(uid)
        if len(stay) + 1 > MAX_PARTIES:
            raise NoGroup("a notice reaches at most %d members" % MAX_PARTIES)
        generation = self.generation + 1
        root, w = ch.rng.bytes(32), ch.rng.bytes(32)
        W = suite.x25519_base(w)
        out = [W, removed, bytes((len(stay),))]
        for tag in sorted(stay):
            B = stay[tag][1][:32]
            K = self.theirs.get(tag, ZERO)
            keyed = K != ZERO
            key = _share(suite, ch.keys.rp, generation, W, tag, B, K, dh(suite, w, B), dh(suite, w, K) if keyed else ZERO)
            out.append(tag + bytes((keyed,)) + suite.secretbox(key, bytes(NONCE), root))
        body = b"".join(out)
        head = header(NOTICE, ch.keys.rp[:16], generation)
        ad = ch.keys.ad(head, ch.keys.rp[:16])
        sig = suite.ed25519_sign(admin_seed, admin, _signable(ch.keys, ad, body))
        frame = ch.keys.seal(ch.rng, head, ch.keys.rp[:16], body + sig)
        ch.emit(("publish", notice_topic(ch.keys, ch.topics, ch.config["channel"].encode()), frame, True, 1, 0))
        self._move(root, generation, frame, uid, [other for other, _ in stay.values()])

    def others(self, uid):
        """Who gets the new key when `uid` is left behind: {tag: (uid, B || E)}. All that have joined, or stand in our roster."""
        ch, out = self.ch, {}
        for other, public in (ch.config["roster"] or {}).items():
            out[ch.keys.name(other.encode())[:16]] = (other, public)
        for m in ch.members_by_tag.values():
            if m.public:
                out[m.tag] = (m.uid, m.public)
        return {tag: out[tag] for tag in out if out[tag][0] not in (uid, ch.uid)}

    # --- everyone

    def online(self):
        """Our notice key, in the first connections of each session: a board that sleeps most of the time need not say it at each wake."""
        ch = self.ch
        if self.k is None:
            self.k = ch.rng.bytes(32)
        if self.shown[:16] != ch.session.sid:
            self.shown = ch.session.sid + b"\x00"
        if self.shown[16] < SHOWS:
            self.shown = ch.session.sid + bytes((self.shown[16] + 1,))
            head = header(PACKAGE, ch.session.sid, 0)
            ch.publish("k", seal_signed(ch, head, ch.tag, LABEL, ch.suite.x25519_base(self.k)), True, _SLOT)
            ch.dirty = True
        if self.collects:
            ch.subscribe(ch.topics.prefix + "+/k/%d" % _SLOT)

    def package(self, member, frame):
        """The notice key of another member. Raises Reject."""
        ad, sid, _, pt = self.ch.keys.open(frame, PACKAGE, member.tag)
        if member.session(sid) is not member.current:
            raise Reject("stale")
        r = Reader(pt)
        K = high_order(r.take(32))
        r.take(SIG)
        r.end()
        verify_signed(self.ch.suite, member.current.S, LABEL, ad, pt)
        self.theirs[member.tag] = K

    def watch(self):
        """Subscribe to the notice of where we are, and to what still comes where we were."""
        ch = self.ch
        ch.subscribe(notice_topic(ch.keys, ch.topics, ch.config["channel"].encode()))
        for old in self.old:
            ch.subscribe(old.topics.everyone("p"))
            ch.subscribe(old.topics.everyone("j"))

    def receive(self, frame, now):
        """A notice for the place where we are. Raises Reject; then nothing has changed."""
        ch = self.ch
        suite = ch.suite
        ad, place, generation, pt = ch.keys.open(frame, NOTICE, ch.keys.rp[:16])
        if generation <= self.generation or place != ch.keys.rp[:16]:
            raise Reject("stale")
        admin = ch.config.get("admin")
        if admin is None:
            raise Reject("signature")
        r = Reader(pt)
        W, removed, n = r.take(32), r.take(16), r.uint(1)
        shares = [(r.take(16), r.uint(1), r.take(48)) for _ in range(n)]
        body, sig = pt[: r.pos], r.take(SIG)
        r.end()
        if n > MAX_PARTIES:
            raise Reject("format")
        if not suite.ed25519_verify(admin, sig, _signable(ch.keys, ad, body)):
            raise Reject("signature")
        mine = [s for s in shares if s[0] == ch.tag]
        if removed == ch.tag or not mine:
            if ch.may_report("expelled", now):
                ch.event("expelled", {"generation": generation})
            return
        root = self._open(mine[0], generation, W)
        if root is None:
            if ch.may_report("notice_unreadable", now):
                ch.event("notice_unreadable", {"generation": generation})
            return
        known = self.others(None)
        gone = known[removed][0] if removed in known else None
        self._move(root, generation, frame, gone, [known[s[0]][0] for s in shares if s[0] in known])

    def _open(self, share, generation, W):
        """The new root in our share of a right notice; None when it was sealed to a notice key that we have no more. Raises Reject."""
        ch, k, K, z2 = self.ch, self.k, ZERO, ZERO
        _, keyed, box = share
        if keyed > 1:
            raise Reject("format")
        if keyed:
            if k is None:
                return None
            K, z2 = ch.suite.x25519_base(k), dh(ch.suite, k, W)
        key = _share(ch.suite, ch.keys.rp, generation, W, ch.tag, ch.identity.B, K, dh(ch.suite, ch.identity.b, W), z2)
        return ch.suite.secretbox_open(key, bytes(NONCE), box)

    def _move(self, root, generation, frame, removed, others):
        ch = self.ch
        for m in ch.members_by_tag.values():
            if m.public and m.uid != removed:
                self.pins[m.uid] = m.public
        self.pins.pop(removed, None)
        for old in self.old:
            old.waiting.discard(removed)
        here = Old(ch.suite, self.root, ch.config["channel"].encode(), frame, set(others))
        self.old = [o for o in self.old if o.waiting][-(MAX_OLD - 1) :] + [here]
        self._settle_at(root, generation)
        ch.event("moved", {"generation": generation, "removed": removed, "waiting": sorted(others)})
        ch.emit(("reconnect",))

    def knows(self, root):
        """Is this where we are, or a place that we left?"""
        return root == self.root or root in [old.root for old in self.old]

    def restart(self, root):
        """The settings give a key that our state knows nothing of: begin there. Only whom we have pinned is taken along."""
        for m in self.ch.members_by_tag.values():
            if m.public:
                self.pins[m.uid] = m.public
        self.old = []
        self._settle_at(root, 0)

    def _settle_at(self, root, generation):
        self.root = root
        self.generation = generation
        self.k = None
        self.theirs = {}
        self.ch.settle_at(root)

    def at_old_place(self, topic, frame, now):
        """Something at a place we left: whoever is still there is told. True when the topic was one of those."""
        for old in self.old:
            if topic.startswith(old.topics.prefix):
                name, stream = old.topics.parse(topic)
                if stream not in "jp":
                    return True
                uid = old.keys.uid(name)
                if uid in old.waiting and now >= old.answer_at and old.answered.get(uid) != frame:
                    old.keys.open(frame, JOIN if stream == "j" else PRESENCE, name[:16])
                    old.answered[uid] = frame
                    old.answer_at = now + ANSWER_MS
                    self.ch.emit(("publish", old.topic, old.notice, True, 1, 0))
                return True
        return False

    def renewed(self, tag):
        """A member began a new session: its storage may be lost, and its notice key with it."""
        self.theirs.pop(tag, None)

    def arrived(self, uid):
        """A member has joined where we are."""
        for old in self.old:
            if uid in old.waiting:
                old.waiting.discard(uid)
                self.ch.dirty = True
                self.ch.event("followed", {"uid": uid, "waiting": sorted(old.waiting)})
        self.old = [o for o in self.old if o.waiting]

    def pack(self):
        return b"".join(self.pieces())

    def pieces(self):
        """For the stored state: a list of bytes."""
        out = [u32(self.generation), self.root, lv(self.k or b"", self.shown), bytes((len(self.old),))]
        for old in self.old:
            out.append(old.root + lv(old.notice) + bytes((len(old.waiting),)) + lv(*[u.encode() for u in sorted(old.waiting)]))
        out.append(len(self.pins).to_bytes(2, "big"))
        for uid in self.pins:
            out.append(lv(uid.encode(), self.pins[uid]))
        return out

    def unpack(self, r):
        self.generation, self.root = r.uint(4), r.take(32)
        self.k, self.shown = r.lv() or None, r.lv()
        for _ in range(r.uint(1)):
            root, notice = r.take(32), r.lv()
            waiting = set([r.lv().decode() for _ in range(r.uint(1))])
            self.old.append(Old(self.ch.suite, root, self.ch.config["channel"].encode(), notice, waiting))
        for _ in range(r.uint(2)):
            uid, public = r.lv().decode(), r.lv()
            self.pins[uid] = public
