"""The SMMP half at work: a reader of a group's stream that checks every frame on it (PROTOCOL.md sections 16 to 20).

It stands on zpinc.View for members, pins and packages, and follows the group through the members whose secrets it is
told: each of them is computed for itself, and all must come to the same. Frames are given to it in the broker's order.
"""

from dataclasses import dataclass, field

from . import agreement as ag
from .control import Control, Head, Rejoin, Sync, build_control, open_control
from .encoding import Reject
from .frames import AGREEMENT, CONTROL, RATCHET, nonce_of, parse_header
from .joins import SecretIdentity
from .known import expect, expect_number, expect_true
from .members import Member
from .names import Topic
from .positions import Position
from .presence import Presence
from .private import Pair, start_pair
from .ratchet import (
    ASKING,
    PRIVATE,
    PRIVATE_ASKING,
    Group,
    Message,
    Received,
    outer_tag,
    parse_message,
    parse_ratchet,
    shared,
    unwrap,
)
from .receipts import item_of_pair
from .zpinc import View

SLOTS = 64


@dataclass(frozen=True)
class Private:
    """A private message, and between whom (uids)."""

    sender: str
    receiver: str
    body: bytes


@dataclass(frozen=True)
class Spoken:
    """An accepted ratchet frame: m, and the private message in it if that could be read."""

    sender: str
    m: Message
    private: Private | None


@dataclass(frozen=True)
class Unsaid:
    """An accepted ratchet frame whose m is none: nothing is handed over (17.4)."""

    sender: str


@dataclass(frozen=True)
class Founded:
    """An accepted agreement; `by` are the uids whose secrets led to
    the state (none: those that are known were removed).
    """

    agreement: ag.Agreement
    by: tuple[str, ...]


@dataclass(frozen=True)
class Late:
    """A frame of an epoch that another one has won, or a copy of the winner."""

    copy: bool


@dataclass(frozen=True)
class Commanded:
    sender: str
    control: Control


@dataclass(frozen=True)
class GroupSeen:
    """owed: by tag, what that member confirms this message with (24.2); of those whose secrets are known."""

    topic: Topic
    what: Spoken | Unsaid | Founded | Late | Commanded
    owed: dict[bytes, bytes] = field(default_factory=dict)


@dataclass
class GroupView:
    """One group; `state` is None before its set-up."""

    view: View
    name: bytes
    state: Group | None = None
    accepted: dict[int, bytes] = field(default_factory=dict)
    pairs: dict[tuple[bytes, bytes], Pair] = field(default_factory=dict)
    """(own tag, peer's tag): that member's end of the pair."""
    numbers: dict[str, tuple[int, int]] = field(default_factory=dict)
    """The last (lamport, count) of each uid."""

    lost: tuple[int, tuple[bytes, ...]] | None = None
    """(epoch, tags) of the state that was given up."""

    def __post_init__(self) -> None:
        self.view.placed = self._placed

    def give_up(self) -> None:
        """It cannot catch up: the keys go, the set and the epoch stay (18.5)."""
        if self.state:
            self.lost = self.state.epoch, self.state.tags
        self.state, self.pairs = None, {}

    @property
    def id(self) -> bytes:
        return self.name[:16]

    def wrap(self, frame: bytes) -> bytes:
        """The payload of a frame on `g` or `e`."""
        return frame + outer_tag(self.view.keys.msgkey, self.name, frame)

    def receive(self, topic: str, payload: bytes) -> GroupSeen:
        t = self.view.keys.parse_topic(topic)
        if t.name != self.name:
            raise Reject("topic", "another group")
        frame = unwrap(self.view.keys.msgkey, self.name, payload)
        header = parse_header(t.stream, frame)
        if header.kind == CONTROL:
            return GroupSeen(t, self._control(frame))
        if header.epoch != self.id:
            raise Reject("epoch", "another group's id")
        if t.stream == "e":
            expect_true("18.4", "a slot is its epoch's", t.slot == header.seq % SLOTS)
            expect("18.4", "a slot holds the accepted frame", self.accepted.get(header.seq, b""), frame)
            return GroupSeen(t, Late(True))
        if self.state and header.seq < self.state.epoch:
            return GroupSeen(t, Late(self.accepted.get(header.seq) == frame))
        what: Founded | Spoken | Unsaid
        if header.kind == AGREEMENT:
            what = self._agreement(ag.parse_agreement(frame))
        elif header.kind == RATCHET:
            what = self._ratchet(frame)
        else:
            raise Reject("kind")
        self.accepted[header.seq] = frame
        owed = self._owed(what) if isinstance(what, Spoken) else {}
        self.view.asked.update((item, tag) for tag, item in owed.items())
        return GroupSeen(t, what, owed)

    def _owed(self, spoken: Spoken) -> dict[bytes, bytes]:
        """24.2: by the members of the group that got it, and of whose pair with its sender one identity is known."""
        if spoken.m.type not in (ASKING, PRIVATE_ASKING) or self.state is None:
            return {}
        sender = self.view.keys.name(spoken.sender)[:16]
        receiver = self.view.keys.name(spoken.private.receiver)[:16] if spoken.private else None
        got = [tag for tag in self.state.tags if tag == receiver or spoken.m.type == ASKING]
        v, head = self.state.v, self.state.head
        return {tag: item_of_pair(s, v, head, tag, sender) for tag, s in self.statics(sender).items() if tag in got}

    def statics(self, tag: bytes) -> dict[bytes, bytes]:
        """By tag, ascending: X25519 of the identities of this member and every other, where one is known (17.2)."""
        identities, pins = self._identities(), self._pins()
        found = {}
        for other in sorted(pins):
            if other != tag and other in identities:
                found[other] = shared(identities[other].b, pins[tag])
            elif other != tag and tag in identities:
                found[other] = shared(identities[tag].b, pins[other])
        return found

    def _placed(self, member: Member, p: Presence) -> None:
        """8: the MACs are those of the others of the group, and of nobody else."""
        if self.state and (p.place, p.place_head) == (self.state.epoch, self.state.head[:16]):
            believers = self._believers(Position(self.name, member.tag, *p.vouched, p.macs))
            expect("8", "who is to believe a place", b"".join(self._inside(member.tag)), b"".join(believers))

    def _inside(self, tag: bytes) -> list[bytes]:
        """The others of the present set, as far as they can be told (`statics`)."""
        return [to for to in self.statics(tag) if self.state and to in self.state.tags]

    def _believers(self, position: Position) -> list[bytes]:
        """Who of those that can be told finds its MAC: Reject(`bad_hmac`) if nobody does. If the maker is known, every
        MAC is somebody's."""
        statics = self.statics(position.maker)
        believers = position.believers(statics)
        if statics and not believers:
            raise Reject("bad_hmac")
        if position.maker in self._identities():
            expect_number("18.2", "MACs of members", len(believers), len(position.macs))
        return believers

    def _control(self, frame: bytes) -> Commanded:
        opened = open_control(self.view.keys, self.name, frame, self.view.session_of)
        control, tag = opened.control, opened.sender.name[:16]
        member = self.view.by_tag(tag)
        if self.state and tag not in self.state.tags and isinstance(control, Head | Rejoin):
            raise Reject("members", "says where a group is that it is not in")
        if isinstance(control, Rejoin) and control.number <= member.shelf.used:
            raise Reject("stale", "an old wish")
        believers, macs = self._believers(opened.position), opened.position.macs
        lamport, nonce = opened.sender.lamport, nonce_of(frame)
        built = build_control(self.view.keys, self.name, tag, lamport, lambda *_: macs, control, nonce)
        expect("18.2", "control frame", built, frame)
        if isinstance(control, Head | Sync) and self.state:
            inside = self._inside(tag) if (control.epoch, control.head) == (self.state.epoch, self.state.head) else []
            expect("18.2", "who is to believe it first", b"".join(inside), b"".join(believers[: len(inside)]))
        if isinstance(control, Rejoin):
            member.shelf.forget(control.number - 1)
        return Commanded(member.uid, control)

    def _pins(self) -> dict[bytes, bytes]:
        return {m.tag: m.pinned.B for m in self.view.members.values() if m.pinned}

    def _parties(self, a: ag.Agreement) -> dict[bytes, ag.Party]:
        """What an agreement used of everyone but its organizer, by tag: of those whose package was published.

        Reject(`package`) for the others if they, or the organizer, are known; who is not concerned takes the agreement.
        """
        used = {}
        identities = self._identities()
        for row in a.rows:
            if row.tag == a.organizer:
                continue
            package = self.view.by_tag(row.tag).shelf.unused.get(row.package)
            if (row.package and not package) or (row.enters and package and row.R != package.R):
                if row.tag in identities or a.organizer in identities:
                    raise Reject("package", "nobody published what it uses")
            else:
                used[row.tag] = ag.Party(row.number, package.K if package else row.R, row.R)
        return used

    def _identities(self) -> dict[bytes, SecretIdentity]:
        return {self.view.keys.name(uid)[:16]: secret for uid, secret in self.view.known.identities.items()}

    def _agreement(self, a: ag.Agreement) -> Founded:
        if self.state:
            a.check_mac(self.state)
            a.check_change(self.state)
        elif self.lost and a.reason != ag.CREATE:
            if a.epoch < self.lost[0]:
                raise Reject("late", "older than what was given up")
            if a.organizer not in self.lost[1]:
                raise Reject("members", "an organizer that was not in the group")
        known, pins, parties, identities = self.view.known, self._pins(), self._parties(a), self._identities()
        after: Group | None = None
        by = []
        for tag, party in parties.items():
            k, r, secret = known.x.get(party.K), known.x.get(party.R), identities.get(tag)
            if k and r and secret:
                state = ag.accept_agreement(a, tag, secret.b, k, r, party.K, pins)
                expect("16.3", "one RK for all", state.RK, (after or state).RK)
                after = state
                by.append(self.view.by_tag(tag).uid)
        w, own_r, organizer = known.x.get(a.W), known.x.get(a.rows[a.index(a.organizer)].R), identities.get(a.organizer)
        if w and own_r and organizer:
            place = (a.epoch, a.head)
            built, state = ag.build_agreement(
                a.group, self.state, a.reason, a.organizer, organizer.b, w, own_r, parties, pins, place
            )
            expect("16.2", "agreement", built, a.frame)
            expect("16.3", "one RK for all", state.RK, (after or state).RK)
            after = state
            by.append(self.view.by_tag(a.organizer).uid)
        if after is None and self.state is None:
            raise Reject("package", "no secret of any member is known")
        # Known members that are not in the new set are out (16.4): the group goes on where this view cannot follow.
        self.state, self.lost = after, None
        self.pairs = {}
        if after:
            self._start_pairs(after)
        self.view.grouped = {row.tag for row in a.rows}
        for row in a.rows:
            if row.package:
                self.view.by_tag(row.tag).shelf.use(row.package)
        return Founded(a, tuple(by))

    def _start_pairs(self, group: Group) -> None:
        known = self.view.known
        pins = self._pins()
        identities = self._identities()
        for tag, R in zip(group.tags, group.R, strict=True):
            r, secret = known.x.get(R), identities.get(tag)
            for peer, R_peer in zip(group.tags, group.R, strict=True):
                if r and secret and peer != tag:
                    self.pairs[tag, peer] = start_pair(group.id, tag, peer, r, R_peer, secret.b, pins[peer])

    def _ratchet(self, frame: bytes) -> Spoken | Unsaid:
        state, known = self.state, self.view.known
        if state is None:
            raise Reject("outside", "no group yet")
        j = parse_ratchet(frame).j
        pins, secrets = self._pins(), self._secrets(state)
        own = secrets[j] if j < len(secrets) else None
        received: Received | None = state.reread(*own, pins, frame) if own else None
        for i, known_of_i in enumerate(secrets):
            if i != j and known_of_i:
                one = state.receive(i, *known_of_i, pins, frame)
                expect("17.3", "one RK for all", one.after.RK, (received or one).after.RK)
                received = one
        if received is None:
            raise Reject("undecryptable", "no secret of any member is known")
        r_new = known.x.get(received.R_new)
        if own and r_new:
            rebuilt, _ = state.build(j, *own, pins, r_new, received.nonce, received.m)
            expect("17.2", "ratchet frame", rebuilt, frame)
        sender = self.view.by_tag(state.tags[j])
        try:
            m = parse_message(received.m)
        except Reject:
            self.state = received.after
            return Unsaid(sender.uid)
        if self.view.complete:
            expect_true("17.4", "lamport is the session's", m.lamport == sender.current.era)
        expect_true("17.4", "(lamport, count) grows", (m.lamport, m.count) >= self.numbers.get(sender.uid, (0, 0)))
        self.numbers[sender.uid] = m.lamport, m.count
        private = self._private(state, j, received.nonce, m.text) if m.type in (PRIVATE, PRIVATE_ASKING) else None
        self.state = received.after
        return Spoken(sender.uid, m, private)

    def _secrets(self, state: Group) -> list[tuple[bytes, bytes] | None]:
        """(r, b) of every member of which both are known."""
        identities = self._identities()
        found: list[tuple[bytes, bytes] | None] = []
        for tag, R in zip(state.tags, state.R, strict=True):
            r, secret = self.view.known.x.get(R), identities.get(tag)
            found.append((r, secret.b) if r and secret else None)
        return found

    def _private(self, state: Group, j: int, nonce: bytes, payload: bytes) -> Private | None:
        """Read at whichever ends are known, and move them on. What
        does not open is dropped, and the pair stays as it was.
        """
        sender = state.tags[j]
        for tag in state.tags:
            receiver_end, sender_end = self.pairs.get((tag, sender)), self.pairs.get((sender, tag))
            end = receiver_end or sender_end
            try:
                opened = end.open(state.epoch, sender, nonce, payload) if end else None
            except Reject:
                return None
            if not opened:
                continue
            body, T = opened
            t = self.view.known.x.get(T)
            if receiver_end:
                self.pairs[tag, sender] = receiver_end.received(T)
            if sender_end and t:
                expect("20", "private message", sender_end.build(state.epoch, sender, nonce, t, body), payload)
                self.pairs[sender, tag] = sender_end.sent(T, t)
            return Private(self.view.by_tag(sender).uid, self.view.by_tag(tag).uid, body)
        return None
