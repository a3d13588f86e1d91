"""The Zpinc half at work: a reader of a whole channel that checks every frame on it (PROTOCOL.md sections 6 to 10).

It needs the channel's key and is told the secrets of members (known.py); what those let it predict it predicts to the
last byte, by building the frame again from its fields, its nonce and the secrets. It keeps no time: windows, waits and
order of events are the members' business, and `Reject` says only that a frame is not acceptable in itself.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from . import handshake as hs
from .conversations import Conversation, Said
from .cpace import Computation, Epoch, handshake_id
from .encoding import Reject
from .frames import Header, associated, nonce_of, open_sealed, parse_header, seal
from .heard import Heard
from .joins import Ask, Join, Stale, Standing, build_ask, build_join, build_stale, parse_join
from .known import Known, expect, expect_number, expect_true
from .members import Member
from .names import ChannelKeys, Topic
from .notes import Note, build_note, parse_note, ring_digest
from .packages import MAX_MEMBERS, NoticeKey, Package, Shelf, build_package, open_package, slot_of
from .presence import WILL_COUNTER, Presence, build_presence, parse_presence
from .receipts import SIGNED, Receipt, build_receipt, item_of_frame, parse_receipt


@dataclass
class Attempt:
    """One hid, as its frames show it; `epoch` once K could be computed."""

    number: int
    proposer: bytes
    proposal: hs.Propose
    computation: Computation
    epoch: Epoch | None = None
    confirmed: set[bytes] = field(default_factory=set)


What = Join | Note | Presence | hs.Message | Said | Package | NoticeKey | Receipt | bytes


@dataclass(frozen=True)
class Seen:
    """A frame that was checked: where it came, who sent it, and what it is (`bytes`: a barrier's 16)."""

    topic: Topic
    uid: str
    what: What


class View:
    """All of a channel but its groups (smmp.py). `complete`: it has
    read everything since the channel began, in order.
    """

    def __init__(
        self, keys: ChannelKeys, known: Known | None = None, signed: bool = True, complete: bool = True
    ) -> None:
        self.keys, self.known, self.signed, self.complete = keys, known or Known(), signed, complete
        self.members: dict[bytes, Member] = {}
        self.attempts: dict[bytes, Attempt] = {}
        self.conversations: dict[bytes, Conversation] = {}
        self.heard = Heard()
        self.asked: dict[bytes, bytes | None] = {}
        """Items that confirm a message (24.2), and the tag of who alone can say them; None: whoever got it."""
        self.grouped: set[bytes] = set()
        """Tags of who is in a group that is read here: their packages are kept before those of others."""
        self.placed: Callable[[Member, Presence], None] | None = None
        """Looks at the place in the group that a presence names."""

    def member(self, name: bytes) -> Member:
        if name not in self.members:
            self.members[name] = Member(self.keys.uid(name), name)
        return self.members[name]

    def by_uid(self, uid: str) -> Member:
        return self.member(self.keys.name(uid))

    def by_tag(self, tag: bytes) -> Member:
        for member in self.members.values():
            if member.tag == tag:
                return member
        raise Reject("members")

    def session_of(self, tag: bytes) -> Join:
        """The current session of the member with this tag; Reject(`unknown`) if nobody joined under it."""
        for member in self.members.values():
            if member.tag == tag:
                return member.current
        raise Reject("unknown")

    def standing(self, member: Member) -> Standing:
        """How far its present session is, by what the channel shows (6.4)."""
        now, p = member.current, member.presence
        told = Standing(now.sid, now.lamport, 0, member.notes_of(now.sid))
        if p is None or p.sid != now.sid:
            return told
        conversation = self.conversations.get(p.epoch)
        if conversation is None:
            return replace(told, conn=p.conn)
        return replace(told, conn=p.conn, epoch=p.epoch, said=conversation.chains[member.name].next)

    def receive(self, topic: str, frame: bytes) -> Seen:
        """Check one frame. Raises Reject for what nobody may accept, Deviation for what differs from the prediction."""
        t = self.keys.parse_topic(topic)
        member = self.member(t.name)
        what: What
        match t.stream:
            case "j":
                what = self._join(member, frame)
                expect_number("6.2", "slot of a join", what.lamport % 4, t.slot)
            case "n":
                what = self._note(member, frame)
                expect_number("7.2", "slot of a note", what.seq % member.sessions[what.sid].K, t.slot)
            case "p":
                what = self._presence(member, frame)
            case "h":
                what = self._handshake(member, frame)
            case "c":
                what = self._conversation(member, frame)
            case "s":
                what = self._barrier(member, frame)
            case "k":
                what = self._package(member, frame)
                expect_number("16.1", "slot of a package", slot_of(what), t.slot)
            case "r":
                what = self._receipt(member, frame)
            case _:
                raise Reject("topic", "a group's")
        if isinstance(what, Note | Said) and what.asks:
            self.asked[item_of_frame(member.tag, frame)] = None
        return Seen(t, member.uid, what)

    def _receipt(self, member: Member, frame: bytes) -> Receipt:
        receipt = parse_receipt(self.keys, member.name, frame, member.current)
        seed = self._seed(member.current)
        if seed:
            built = build_receipt(self.keys, member.uid, receipt, nonce_of(frame), seed)
            expect("24.3", "receipt", built, frame)
        if self.complete:
            right = all(self.asked.get(item, b"") in (None, member.tag) for item in receipt.items)
            expect_true("24.2", "every item confirms a message that asks", right)
            kinds = {self.asked[item] is None for item in receipt.items}
            expect_true("24.3", "items are of the frame's type", kinds == {receipt.type == SIGNED})
        return receipt

    def _seed(self, session: Join) -> bytes | None:
        return self.known.seeds.get(session.S)

    def _join(self, member: Member, frame: bytes) -> Join:
        join = parse_join(self.keys, member.name, frame)
        if member.pinned not in (None, join.identity):
            raise Reject("identity")
        known = member.sessions.get(join.sid)
        expect_true("6.2", "one session, one join", known in (None, join))
        if self.complete and known is None and member.sessions:
            largest = max(m.current.lamport for m in self.members.values() if m.sessions)
            expect_true("6.3", "a new session is above the member's own", join.rank > member.current.rank)
            expect_true("6.2", "a new session's counter is at most 1 above all", join.lamport <= largest + 1)
            member.check_ended(join)
        member.pinned = join.identity
        if not member.sessions or join.rank > member.current.rank:
            member.shelf, member.notice_key = Shelf(), None
        member.sessions[join.sid] = join
        secret = self.known.identities.get(member.uid)
        if secret:
            said = (join.sid, join.S, join.lamport, join.K, nonce_of(frame), join.data.encode(), join.ended)
            rebuilt = build_join(self.keys, member.uid, secret, *said)
            expect("6.2", "join", rebuilt, frame)
        return join

    def _note(self, member: Member, frame: bytes) -> Note:
        note = parse_note(self.keys, member.name, frame, member.sessions, self.signed)
        before = member.ring.setdefault((note.sid, note.seq), frame)
        expect("7.2", "never other bytes under a number", before, frame)
        seed = self._seed(member.sessions[note.sid])
        if seed or not self.signed:
            expect(
                "7.1",
                "note",
                build_note(self.keys, member.uid, note, nonce_of(frame), seed if self.signed else None),
                frame,
            )
        if self.complete:
            expect_true("7.6", "marks are of presences that were published", self.heard.knows(note.heard))
        return note

    def _presence(self, member: Member, frame: bytes) -> Presence:
        p = parse_presence(self.keys, member.name, frame, member.sessions, self.signed)
        seed = self._seed(member.sessions[p.sid])
        if seed:
            built = build_presence(self.keys, member.uid, p, nonce_of(frame), seed, self.signed)
            expect("8", "presence", built, frame)
        if p.counter == WILL_COUNTER:
            expect_true("8", "a last will says `left`", p.is_will())
            expect_true("7.6", "a last will names nothing", not p.heard)
            return p
        before = member.before(p)
        if before is None or before.conn != p.conn:
            member.carried = p.epoch
        member.presence = p
        if self.placed and p.place:
            self.placed(member, p)
        self.heard.presence(p.sid, p.mark, p.heard)
        if self.complete:
            expect_true("7.6", "marks are of presences that were published", self.heard.knows(p.heard))
            self._ring(member, p)
            agreed = self._agreed(member.name, p.epoch, p.epoch == member.carried)
            expect_true("8", "the epoch is one that the member confirmed", agreed)
        return p

    def _agreed(self, name: bytes, epoch: bytes, carried: bool) -> bool:
        """Can the member be in the epoch of this id? None is zeros. carried: over a power cut, perhaps, that came
        after it had stored the epoch and before its confirmation left."""
        if epoch == bytes(16):
            return True
        named = [a for a in self.attempts.values() if a.computation.hid[:16] == epoch]
        parties = [a for a in named if name in (p.name for p in a.computation.parties)]
        return any(carried or a.epoch is None or name in a.confirmed for a in parties)

    def _ring(self, member: Member, p: Presence) -> None:
        """7.5: what was published below head is all there, and the digest is over it."""
        ring = [member.ring.get((p.sid, seq)) for seq in range(max(0, p.head - member.sessions[p.sid].K), p.head)]
        frames = [f for f in ring if f is not None]
        expect_true("7.5", "head stands above published notes only", len(frames) == len(ring))
        expect("7.5", "digest of the ring", ring_digest(frames, member.sessions[p.sid].K), p.digest)

    def _barrier(self, member: Member, frame: bytes) -> bytes:
        header = parse_header("s", frame)
        ad = associated(header, self.keys.rp, member.name)
        pt = open_sealed(self.keys.msgkey, ad, frame)
        if len(pt) != 16 or header.seq:
            raise Reject("format")
        return pt

    def _package(self, member: Member, frame: bytes) -> Package | NoticeKey:
        opened = open_package(self.keys, member.name, frame, member.sessions, member.current)
        what = opened.what
        # To publish a package again is right (16.1), and to a receiver nothing new.
        if isinstance(what, Package) and member.shelf.unused.get(what.number) != what:
            member.shelf.check(what)
            self._room_for(member)
        opened.verify()
        seed = self._seed(member.current)
        if seed:
            expect("16.1", "package", build_package(self.keys, member.uid, what, nonce_of(frame), seed), frame)
        if isinstance(what, Package):
            member.shelf.put(what)
        else:
            member.notice_key = what.K
        return what

    def _room_for(self, member: Member) -> None:
        """Packages of at most 31 members are kept; one of the group displaces one that is not (16.1)."""
        kept = [m for m in self.members.values() if m.shelf.unused and m is not member]
        if not member.shelf.unused and len(kept) >= MAX_MEMBERS:
            others = [m for m in kept if m.tag not in self.grouped]
            if member.tag not in self.grouped or not others:
                raise Reject("full")
            others[0].shelf = Shelf()

    def _handshake(self, member: Member, frame: bytes) -> hs.Message:
        message = hs.parse(self.keys, member.name, frame, member.sessions)
        match message.body:
            case hs.Propose():
                self._propose(member, message, message.body)
            case hs.Share() | hs.Sum() as said:
                self._said(member, message, said)
            case hs.Confirm():
                self._confirm(member, message, message.body)
            case Ask():
                again = build_ask(self.keys, member.uid, message.sid, message.body, nonce_of(frame))
                expect("6.5", "question", again, frame)
            case Stale():
                again = build_stale(self.keys, member.uid, message.sid, message.body, nonce_of(frame))
                expect("6.4", "stale answer", again, frame)
                about_one = not self.complete or message.body.is_about_one()
                expect_true("6.4", "an answer is about one thing", about_one)
        if not isinstance(message.body, Ask | Stale | hs.Confirm):
            # A message without a signature is its header, its nonce and its plaintext.
            ad = associated(Header(4, message.sid, message.attempt), self.keys.rp, member.name)
            again = seal(self.keys.msgkey, ad, nonce_of(frame), hs.encode_body(message.body, message.again))
            expect("9.2", "handshake message", again, frame)
        return message

    def _propose(self, member: Member, message: hs.Message, proposal: hs.Propose) -> None:
        proposal.check(member.tag)
        parties = [self.by_tag(tag).sessions.get(sid) for tag, sid in proposal.parties]
        joins = [join for join in parties if join is not None]
        if len(joins) != len(parties):
            raise Reject("members", "a session that nobody has")
        hid = handshake_id(self.keys.msgkey, joins, message.attempt, member.tag, proposal)
        if hid in self.attempts:
            return
        if self.complete:
            expect_true(
                "9.2", "previous hid is known", proposal.previous == hs.NO_EPOCH or proposal.previous in self.attempts
            )
        self.attempts[hid] = Attempt(message.attempt, member.name, proposal, Computation(self.keys.msgkey, joins, hid))

    def _attempt(self, member: Member, message: hs.Message, hid: bytes) -> tuple[Attempt, int]:
        attempt = self.attempts.get(hid)
        if attempt is None or message.attempt != attempt.number:
            raise Reject("stale", "no such attempt")
        i = attempt.computation.index(member.name)
        if attempt.computation.parties[i].sid != message.sid:
            raise Reject("members", "another session")
        return attempt, i

    def _said(self, member: Member, message: hs.Message, said: hs.Share | hs.Sum) -> None:
        attempt, i = self._attempt(member, message, said.hid)
        c = attempt.computation
        if isinstance(said, hs.Share):
            c.put(c.Z, i, said.Z)
        else:
            c.put(c.X, i, said.X)
            y = self.known.scalar_of(c.Z[i] or bytes(32), c.G)
            if y is not None:
                expect("9.4", "X_i", c.sum(i, y), said.X)
        if attempt.epoch is None and None not in c.Z and (c.n == 2 or None not in c.X):
            attempt.epoch = self._epoch(attempt)

    def _epoch(self, attempt: Attempt) -> Epoch | None:
        """The epoch by everyone whose y is known: all must come to the same."""
        c = attempt.computation
        ys = [self.known.scalar_of(Z or bytes(32), c.G) for Z in c.Z]
        found: Epoch | None = None
        for i, y in enumerate(ys):
            if y is not None:
                epoch = c.epoch(c.key_point(i, y))
                expect("9.4", "one ISK for all", epoch.ISK, (found or epoch).ISK)
                found = epoch
        all_ys = [y for y in ys if y is not None]
        if found and len(all_ys) == c.n:
            expect("9.4", "K as the sum of products", c.epoch(c.key_point_of_all(all_ys)).ISK, found.ISK)
        if found:
            self.conversations[found.hid[:16]] = Conversation(self.keys, found, self.signed)
        return found

    def _confirm(self, member: Member, message: hs.Message, confirm: hs.Confirm) -> None:
        attempt, i = self._attempt(member, message, confirm.hid)
        if attempt.epoch is None:
            return
        party = attempt.computation.parties[i]
        expect("9.4", "proof_i", attempt.epoch.proof(party), confirm.proof)
        message.verify_confirm(party.S, attempt.epoch.transcript)
        attempt.confirmed.add(member.name)

    def _conversation(self, member: Member, frame: bytes) -> Said:
        header = parse_header("c", frame)
        conversation = self.conversations.get(header.epoch)
        if conversation is None:
            raise Reject("epoch")
        session = conversation.parties.get(member.name)
        seed = self._seed(session) if session else None
        before = copy.deepcopy(conversation)
        said = conversation.receive(member.name, frame)
        if session and seed:
            expect("10.2", "conversation frame", before.build(session, said, nonce_of(frame), seed), frame)
        if self.signed:
            # As good as a confirmation (9.5); where nothing is signed
            # anyone with the group's key could have written it.
            self.attempts[conversation.epoch.hid].confirmed.add(member.name)
        return said
