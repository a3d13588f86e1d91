"""Sessions in the channel's order: our own join, the others', and what is refused. PROTOCOL.md sections 6.2 to 6.4."""

from ..compat import const
from ..errors import Reject
from ..wire import HANDSHAKE, PRESENCE, Reader, header, u32
from .cpace import STALE
from .identity import JOIN_SLOTS, Join, fingerprint, open_join, seal_join
from .me import MySession
from .members import GONE, Member
from .notes import Ring

MAX_SLOTS = const(512)  # retained notes a channel may hold: members times ring
LAMPORT_JUMP = const(65536)
LAMPORT_MAX = 0x7FFFFFFF

# What a member is doing (PROTOCOL.md 9.6)
OFFLINE = const(0)
READING = const(1)
ONLINE = const(2)


class Joins:
    """`ch` gives members, keys, session and effects; see channel.Channel."""

    def __init__(self, ch):
        self.ch = ch

    # --- our own

    def begin(self, now):
        """A new session, with numbers and keys that nobody has used; its place in the order comes with `take_place`."""
        ch = self.ch
        ch.me.session = MySession(ch.suite, 0, ch.rng.bytes(16), ch.rng.bytes(32))
        ch.joined = False
        ch.ring = Ring(ch.config["ring"])
        ch.outbox.orphan()
        ch.agreement.orphan(now)
        ch.dirty = True

    def take_place(self):
        ch = self.ch
        ch.session.lamport = ch.lamport + 1
        ch.joined = True
        ch.dirty = True
        ch.others.note(ch.session.order)

    def publish(self):
        ch = self.ch
        s = ch.session
        join = Join(s.lamport, s.sid, ch.identity.public, s.S, ch.config["ring"])
        ch.publish("j", seal_join(ch.keys, ch.rng, ch.identity, ch.tag, join), True, s.lamport % JOIN_SLOTS)

    def stale(self, pt, now):
        """A peer's answer: our join or our connection came with too small a number. Begin anew above it. Raises Reject."""
        ch = self.ch
        r = Reader(pt)
        _, sid, lamport, conn = r.uint(1), r.take(16), r.uint(4), r.uint(4)
        r.end()
        if sid != ch.session.sid or lamport < ch.session.lamport and conn <= ch.conn:
            raise Reject("stale")
        if lamport >= ch.lamport + LAMPORT_JUMP or lamport >= LAMPORT_MAX:  # ours will be one above
            raise Reject("jump")
        if not ch.may_report("begin", now):  # anyone with the channel's key can say so: it must not cost more than this
            raise Reject("stale")
        ch.others.lamport = max(ch.lamport, lamport)
        self.begin(now)
        self.take_place()
        self.publish()
        ch.group.packages.publish()
        ch.lost.online()

    def settle(self, joins, own_order, used, now):
        """The first reading is done. joins: [(Join, Member)] that came; own_order: our newest; used: were our next numbers?"""
        ch = self.ch
        for join, member in sorted(joins, key=lambda pair: pair[0].order):
            try:
                self.admit(member, join, now)
            except Reject as e:
                ch.complain(e.reason, member.uid, now)
        behind = own_order is not None and own_order > ch.session.order
        if ch.joined and (behind or used):
            # Our storage was lost or rolled back: numbers of this session may have been used. Begin a new one.
            unsent = ch.talk.unsent()
            self.begin(now)
        else:
            unsent = []
        if not ch.joined:
            if own_order and own_order[0] < LAMPORT_MAX:
                ch.others.lamport = max(ch.lamport, own_order[0])
            self.take_place()
        ch.talk.renew(unsent)

    # --- the others'

    def approve(self, uid, text):
        """A person has checked the changed identity with this fingerprint: pin it, and read the member's joins again."""
        ch = self.ch
        for m in ch.members_by_tag.values():
            if m.uid == uid and m.refused and fingerprint(ch.suite, m.refused) == text:
                m.public, m.refused = m.refused, None
                m.floor = m.current.lamport if m.current else m.floor
                m.sessions = []
                m.status = GONE
                ch.dirty = True
                if ch.phase == ONLINE:
                    ch.subscribe(ch.topics.make(m.name, "j") + "/+")

    def receive(self, name, member, frame, now):
        ch = self.ch
        join = open_join(ch.keys, frame, name[:16])
        if member is None:
            if len(ch.members_by_tag) + 1 >= MAX_SLOTS // ch.config["ring"]:
                raise Reject("full")
            member = Member(name, ch.keys.uid(name))
            member.public = (ch.config["roster"] or {}).get(member.uid) or ch.lost.pins.get(member.uid)
        elif member.name != name:
            raise Reject("name")
        if ch.phase == READING:
            ch.catchup.hold(join, member)
        else:
            self.admit(member, join, now)

    def seek(self, name, stream, frame, now):
        """Nobody we know. When a presence shows that it holds the channel's key, its join was lost: read the joins again."""
        ch = self.ch
        if stream == "p":
            ch.keys.uid(name)
            ch.keys.open(frame, PRESENCE, name[:16])
            if ch.may_report("seek", now):
                ch.subscribe(ch.topics.everyone("j"))
        raise Reject("unknown")

    def admit(self, member, join, now):
        ch = self.ch
        member = ch.members_by_tag.get(member.tag, member)
        if member.public is not None and member.public != join.public:
            newer = join.lamport > member.floor and (member.current is None or join.order > member.current.order)
            if newer and member.refused != join.public:  # else it is what the broker still keeps of before an approved change
                member.refused = join.public
                ch.members_by_tag[member.tag] = member
                ch.event("identity_changed", {"uid": member.uid, "fingerprint": fingerprint(ch.suite, join.public)})
            raise Reject("identity")
        if join.lamport > LAMPORT_MAX or ch.lamport and join.lamport > ch.lamport + LAMPORT_JUMP:
            raise Reject("jump")
        before = member.current
        try:
            newest = member.admit(join)
        except Reject as e:
            if e.reason == "stale" and ch.phase == ONLINE:
                self.answer_stale(member, join.sid, ch.lamport, 0, now)
            raise
        if member.public is None:
            member.public = join.public
            ch.event("pinned", {"uid": member.uid})
        ch.members_by_tag[member.tag] = member
        ch.others.note(join.order)
        ch.dirty = True
        if newest:
            ch.group.packages.forget(member.tag)
            ch.lost.renewed(member.tag)
            ch.lost.arrived(member.uid)
            ch.event("joined", {"uid": member.uid, "again": before is not None})
        elif ch.phase == ONLINE:
            self.answer_stale(member, join.sid, ch.lamport, 0, now)
        if ch.phase == ONLINE:
            ch.catchup.want(member, now)

    def answer_stale(self, member, sid, lamport, conn, now):
        """Tell a member that came with a Lamport counter or a connection number of the past (0: not that) what we know."""
        ch = self.ch
        if ch.may_report("stale" + member.uid, now):
            body = bytes((STALE,)) + sid + u32(lamport) + u32(conn)
            ch.publish("h", ch.keys.seal(ch.rng, header(HANDSHAKE, ch.session.sid, 0), ch.tag, body))
