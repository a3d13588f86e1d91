"""What a Peer does in a ratcheting group (PROTOCOL.md sections 16 to 20), moved by hand as well."""

from dataclasses import replace

from . import agreement as ag
from .control import Control, Head, Need, Rejoin, Sync, build_control
from .encoding import Reject
from .frames import AGREEMENT, CONTROL
from .joins import era
from .members import Member
from .names import RETAINED
from .packages import AHEAD, FAR, Package, build_package, slot_of
from .peer import Peer, Publication
from .positions import Vouch, vouch
from .primitives import ZERO32, x25519_base
from .ratchet import APPLICATION, ASKING, MAX_EPOCH, PRIVATE, PRIVATE_ASKING, Group, Message, frame_hash, unwrap
from .receipts import PAIRED
from .smmp import Commanded, Founded, GroupSeen, GroupView, Spoken


class GroupPeer:
    """One group, as `peer` takes part in it. Messages of others go to
    peer.inbox, under the stream `g`, private ones under `private`.
    """

    def __init__(self, peer: Peer, group: str) -> None:
        self.peer = peer
        self.name = peer.keys.group_name(group)
        self.view = GroupView(peer.view, self.name)
        self.coming: frozenset[str] = frozenset()
        """uids that lost their place in the group and asked to be taken in again (18.5)."""
        self.asked: set[bytes] = set()
        """Our own control frames."""
        self.last: GroupSeen | None = None
        """What was received last."""
        self.next_package = 1
        self.own: list[Package] = []
        self.count = 0
        self.waiting: Message | None = None
        """m that was published and did not yet come back as a frame of the group."""

    def put(self, stream: str, frame: bytes, slot: int | None = None) -> Publication:
        return Publication(self.peer.keys.topic(self.name, stream, slot), self.view.wrap(frame), stream in RETAINED)

    def secret(self) -> bytes:
        """A fresh X25519 secret, noted as known."""
        secret = self.peer.draw(32)
        self.peer.known.add_x25519(secret)
        return secret

    def packages(self) -> list[Publication]:
        """Fill up to two packages; all of them, the old ones again."""
        while len(self.own) < AHEAD:
            self.own.append(
                Package(self.peer.sid, self.next_package, x25519_base(self.secret()), x25519_base(self.secret()))
            )
            self.next_package += 1
        self.own = [replace(package, sid=self.peer.sid) for package in self.own]
        return [self._package(package) for package in self.own]

    def _package(self, package: Package) -> Publication:
        frame = build_package(self.peer.keys, self.peer.uid, package, self.peer.draw(24), self.peer.seed)
        return self.peer.put("k", frame, slot_of(package))

    def control(self, control: Control) -> list[Publication]:
        peer, tag = self.peer, self.peer.name[:16]
        statics = self.view.statics(tag)
        first = [to for to in statics if self.view.state and to in self.view.state.tags]
        vouched = self.vouch(first + [to for to in statics if to not in first])
        frame = build_control(peer.keys, self.name, tag, peer.lamport, vouched, control, peer.draw(24))
        self.asked.add(frame)
        return [self.put("g", frame)]

    def vouch(self, tags: list[bytes]) -> Vouch:
        statics = self.view.statics(self.peer.name[:16])
        return vouch(self.name, self.peer.name[:16], {tag: statics[tag] for tag in tags})

    def presence(self) -> list[Publication]:
        """One that names our place."""
        own = self.peer.name[:16]
        others = self.vouch([tag for tag in self.state.tags if tag != own])
        return self.peer.presence(place=(self.state.epoch, self.state.head[:16]), vouch=others)

    def sync(self) -> list[Publication]:
        state = self.view.state
        position = (state.epoch, state.head) if state else (0, ZERO32)
        return self.control(Sync(self.peer.draw(16), *position))

    def rejoin(self) -> list[Publication]:
        """Give up the old state, make two new packages, and ask to be taken in again (18.5)."""
        self.view.give_up()
        self.own = []
        return self.packages() + self.control(Rejoin(self.own[0].number))

    @property
    def state(self) -> Group:
        if self.view.state is None:
            raise ValueError("there is no group")
        return self.view.state

    def index(self) -> int:
        return self.state.index(self.peer.name[:16])

    def organize(self, reason: int, uids: list[str]) -> list[Publication]:
        """An agreement over these members and ourselves."""
        tag = self.peer.name[:16]
        members = [self.peer.view.by_uid(uid) for uid in uids if uid != self.peer.uid]
        parties = {m.tag: self._party(m) for m in members}
        pins = {m.tag: m.pinned.B for m in members if m.pinned} | {tag: self.peer.secret.public.B}
        u, w, r = self.peer.secret.b, self.secret(), self.secret()
        frame, _ = ag.build_agreement(self.view.id, self.view.state, reason, tag, u, w, r, parties, pins)
        return [self.put("g", frame)]

    def _party(self, member: Member) -> ag.Party:
        """The lowest package and the ratchet key of who stays, the highest package alone of who enters (16.1, 16.2)."""
        packages = member.present_packages()
        state = self.view.state
        if state and member.tag in state.tags and member.uid not in self.coming:
            R = state.R[state.index(member.tag)]
            return ag.Party(packages[0].number, packages[0].K, R) if packages else ag.Party(0, R, R)
        if not packages:
            raise ValueError(f"{member.uid} has published no package")
        return ag.Party(ag.ENTERS + packages[-1].number, packages[-1].K, packages[-1].R)

    def _message(self, kind: int, text: bytes) -> Message:
        self.count += 1
        number = era(self.peer.lamport, self.peer.sid)
        return Message(kind, number, self.count, text, heard=self.peer.view.heard.named(self.peer.sid))

    def say(self, m: Message, nonce: bytes | None = None) -> list[Publication]:
        """A message; said again on the new state if another frame comes first."""
        self.waiting = m
        r_j, b_j = self.peer.known.x[self.state.R[self.index()]], self.peer.secret.b
        pins = {member.tag: member.pinned.B for member in self.peer.view.members.values() if member.pinned}
        frame, _ = self.state.build(self.index(), r_j, b_j, pins, self.secret(), nonce or self.peer.draw(24), m.pack())
        return [self.put("g", frame)]

    def send(self, body: bytes, asks: bool = False) -> list[Publication]:
        return self.say(self._message(ASKING if asks else APPLICATION, body))

    def send_private(self, uid: str, body: bytes, asks: bool = False) -> list[Publication]:
        """Its payload is bound to its epoch: to be sent when nobody else is about to speak."""
        tag = self.peer.name[:16]
        pair = self.view.pairs[tag, self.peer.keys.name(uid)[:16]]
        nonce = self.peer.draw(24)
        kind = PRIVATE_ASKING if asks else PRIVATE
        return self.say(self._message(kind, pair.build(self.state.epoch, tag, nonce, self.secret(), body)), nonce)

    def slot(self, epoch: int) -> list[Publication]:
        """The accepted frame of an epoch, for its slot (18.4)."""
        return [self.put("e", self.view.accepted[epoch], epoch % 64)]

    def receive(self, topic: str, frame: bytes) -> list[Publication]:
        """Take what the broker delivers on the group's streams. What
        somebody else says under our own tag is dropped (18.2).
        """
        if frame[1] == CONTROL and frame[2:18] == self.peer.name[:16] and frame[:-16] not in self.asked:
            return []
        own = self._own_row(frame)
        try:
            self.last = self.view.receive(topic, frame)
        except Reject as refused:
            if refused.reason == "package" and own and self.next_package <= own.package < self.next_package + FAR:
                # So a lie about our numbers does not keep our true ones out (16.1).
                self.next_package, self.own = own.package + 1, []
                return self.packages()
            raise
        return self._answer(self.last)

    def _own_row(self, payload: bytes) -> ag.Row | None:
        """Our row in an agreement. In no group we look at one that takes us in only: Reject(`outside`) (16.4)."""
        frame = unwrap(self.peer.keys.msgkey, self.name, payload)
        if frame[1] != AGREEMENT or frame in self.view.accepted.values():
            return None
        a = ag.parse_agreement(frame)
        own = next((row for row in a.rows if row.tag == self.peer.name[:16]), None)
        if self.view.state is None and a.organizer != self.peer.name[:16] and not (own and own.enters):
            raise Reject("outside")
        return own

    def _answer(self, seen: GroupSeen) -> list[Publication]:
        match seen.what:
            case Founded(agreement=agreement):
                return self._founded(agreement)
            case Spoken(sender=sender, m=m, private=private):
                if sender != self.peer.uid:
                    if self.peer.name[:16] in seen.owed:
                        self.peer.owed.append((PAIRED, seen.owed[self.peer.name[:16]]))
                    stream, body = (
                        ("private", private.body) if private and private.receiver == self.peer.uid else ("g", m.text)
                    )
                    if m.type in (APPLICATION, ASKING) or stream == "private":
                        self.peer.inbox.append((stream, sender, body))
                    return self.say(self.waiting) if self.waiting else []
                if m == self.waiting:
                    self.waiting = None
                return self.slot(self.state.epoch - 1)
            case Commanded() if self.view.state and self.view.state.epoch >= MAX_EPOCH:
                return []
            case Commanded(sender=sender, control=Sync(nonce=nonce)) if sender != self.peer.uid and self.view.state:
                return self.control(Head(nonce, 1, self.state.epoch, self.state.head))
            case Commanded(control=Need(epoch=epoch, hash=wanted)) if epoch in self.view.accepted:
                return self.slot(epoch) if wanted in (ZERO32, frame_hash(self.view.accepted[epoch])) else []
        return []

    def _founded(self, agreement: ag.Agreement) -> list[Publication]:
        used = [row.package for row in agreement.rows if row.tag == self.peer.name[:16]]
        self.own = [p for p in self.own if not used or p.number > used[0]]
        ours = agreement.organizer == self.peer.name[:16]
        return self.packages() + (self.slot(agreement.epoch) if ours else [])
