"""A member made of the reference's pieces and moved by hand: for runs against another implementation.

It has no timers: it says what it is told to say, and answers at once what a frame calls for. It reads the channel
through a `View` that knows its own secrets, so it checks, as a View does, everything that it hears (its own echo too).
Every method returns the publications to make, in order; whoever drives it gives it everything below zp/1/<rp>/ with
`receive`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import handshake as hs
from .conversations import Said
from .cpace import scalar
from .encoding import Reject
from .frames import BARRIER, Header, associated, seal
from .joins import (
    MAX_ENDED,
    MAX_LAMPORT,
    Ask,
    Ended,
    SecretIdentity,
    Stale,
    Standing,
    build_ask,
    build_join,
    build_stale,
)
from .known import Known
from .names import RETAINED, ChannelKeys
from .notes import Note, build_note, ring_digest
from .packages import NOTICE_SLOT, NoticeKey, build_package
from .positions import Vouch
from .presence import AWAKE, LEFT, Presence, build_presence, next_conn, presence_mark
from .primitives import ed25519_public, x25519_base
from .receipts import SIGNED, Receipt, build_receipt, item_of_frame
from .zpinc import Attempt, Seen, View


@dataclass(frozen=True)
class Publication:
    topic: str
    frame: bytes
    retain: bool


class Peer:
    """`draw(n)` gives its randomness; the same draws give the same run."""

    def __init__(
        self,
        keys: ChannelKeys,
        uid: str,
        identity: bytes,
        draw: Callable[[int], bytes],
        K: int = 16,
        signed: bool = True,
    ) -> None:
        self.keys, self.uid, self.draw, self.K, self.signed = keys, uid, draw, K, signed
        self.name = keys.name(uid)
        self.secret = SecretIdentity(identity)
        self.known = Known()
        self.known.identities[uid] = self.secret
        self.notice_secret = draw(32)
        self.known.add_x25519(self.notice_secret)
        self.view = View(keys, self.known, signed, complete=False)
        self.conn = self.counter = self.seq = self.attempt = 0
        self.ended: Ended = ()
        self.sent: dict[bytes, int] = {}
        self.mine: dict[bytes, list[hs.Share | hs.Sum | hs.Confirm]] = {}
        self.inbox: list[tuple[str, str, bytes]] = []
        """(stream, uid, body) of what others said."""
        self.owed: list[tuple[int, bytes]] = []
        """(type, item) of what others said and asked a receipt for (24.1)."""
        self._begin()

    def new_session(self) -> None:
        if self.seq:
            self.ended = ((self.sid[:4], self.seq), *self.ended)[:MAX_ENDED]
        self._begin()

    def _begin(self) -> None:
        self.sid, self.seed = self.draw(16), self.draw(32)
        self.known.add_seed(self.seed)
        self.lamport = self.seq = self.connections = 0

    def put(self, stream: str, frame: bytes, slot: int | None = None) -> Publication:
        return Publication(self.keys.topic(self.name, stream, slot), frame, stream in RETAINED)

    # Sections 6 to 8.

    def barrier(self) -> list[Publication]:
        ad = associated(Header(BARRIER, self.sid, 0), self.keys.rp, self.name)
        return [self.put("s", seal(self.keys.msgkey, ad, self.draw(24), self.draw(16)))]

    def join(self) -> list[Publication]:
        """Take a place above everything read so far (or the same again), with a first keepalive of a new connection.

        In its first three connections a session publishes its notice key as well (22).
        """
        self.connections += 1
        if not self.lamport:
            largest = max((m.current.lamport for m in self.view.members.values() if m.sessions), default=0)
            self.lamport = min(1 + largest, MAX_LAMPORT)
        return [
            *self._join(),
            *self.connect(),
            *(self.notice_key() if self.connections <= 3 else []),
        ]

    def _join(self) -> list[Publication]:
        """Our join, at first, or for who is not shown it (6.5)."""
        session = (self.sid, ed25519_public(self.seed), self.lamport, self.K)
        frame = build_join(self.keys, self.uid, self.secret, *session, self.draw(24), ended=self.ended)
        return [self.put("j", frame, self.lamport % 4)]

    def connect(self) -> list[Publication]:
        """The first keepalive of a new connection."""
        self.conn, self.counter = next_conn(self.conn, self.draw(2)), 0
        return self.presence()

    def notice_key(self) -> list[Publication]:
        key = NoticeKey(self.sid, x25519_base(self.notice_secret))
        return [self.put("k", build_package(self.keys, self.uid, key, self.draw(24), self.seed), NOTICE_SLOT)]

    def presence(
        self, status: int = AWAKE, sleep: int = 0, keepalive: int = 30, place: tuple[int, bytes] = (0, bytes(16)),
        vouch: Vouch | None = None,
    ) -> list[Publication]:
        """place: of its group, epoch and the first 16 bytes of the head; vouch: for those who are to believe it."""
        self.counter += 1
        ring = self.view.member(self.name).ring
        digest = ring_digest([ring[self.sid, i] for i in range(self.seq)], self.K)
        epoch = self.epoch.computation.hid[:16] if self.epoch else bytes(16)
        said = self.sent.get(self.epoch.computation.hid, 0) if self.epoch else 0
        how = (status, self.conn, keepalive, sleep, self.seq, digest, self.attempt)
        p = Presence(
            self.sid, self.counter, *how, epoch=epoch, said=said, place=place[0], place_head=place[1],
            heard=self.view.heard.marks,
        )  # fmt: skip
        frame = build_presence(self.keys, self.uid, p, self.draw(24), self.seed, self.signed, vouch)
        self.view.heard.presence(self.sid, presence_mark(self.keys, self.name, frame), p.heard)
        return [self.put("p", frame)]

    def goodbye(self) -> list[Publication]:
        return self.presence(LEFT)

    def note(self, body: bytes, time: int = 0, asks: bool = False) -> list[Publication]:
        note = Note(self.sid, self.seq, time, body, asks, self.view.heard.named(self.sid))
        frame = build_note(self.keys, self.uid, note, self.draw(24), self.seed if self.signed else None)
        self.view.member(self.name).ring[self.sid, self.seq] = frame
        self.seq += 1
        return [self.put("n", frame, note.seq % self.K)]

    def ask(self, sids: list[bytes]) -> list[Publication]:
        """For the joins of these sessions, which the broker does not show (6.5)."""
        return [self.put("h", build_ask(self.keys, self.uid, self.sid, Ask(tuple(sids)), self.draw(24)))]

    def stale(self, answer: Stale) -> list[Publication]:
        """Tell a session what it should know (6.4)."""
        return [self.put("h", build_stale(self.keys, self.uid, self.sid, answer, self.draw(24)))]

    @property
    def standing(self) -> Standing:
        hid = self.epoch.computation.hid if self.epoch else b""
        return Standing(self.sid, self.lamport, self.conn, self.seq, hid[:16], self.sent.get(hid, 0))

    # Sections 9 and 10.

    def propose(self, uids: list[str]) -> list[Publication]:
        """A handshake among these members and ourselves, above every attempt heard of."""
        heard = [m.presence.attempt for m in self.view.members.values() if m.presence]
        self.attempt = 1 + max([self.attempt, *heard, *(a.number for a in self.view.attempts.values())])
        members = [self.view.by_uid(uid) for uid in {*uids, self.uid}]
        parties = sorted((m.tag, m.current.sid) for m in members)
        current = self.epoch
        proposal = hs.Propose(self.draw(16), current.computation.hid if current else hs.NO_EPOCH, tuple(parties))
        return [self._handshake(self.attempt, proposal)]

    def _handshake(
        self, attempt: int, body: hs.Propose | hs.Share | hs.Sum | hs.Confirm, transcript: bytes = b""
    ) -> Publication:
        frame = hs.build(self.keys, self.uid, self.sid, attempt, body, self.draw(24), False, self.seed, transcript)
        return self.put("h", frame)

    @property
    def epoch(self) -> Attempt | None:
        """The newest attempt that all its parties confirmed."""
        done = [a for a in self.view.attempts.values() if len(a.confirmed) == a.computation.n]
        return max(done, key=lambda a: (a.number, a.proposer), default=None)

    def say(self, body: bytes, time: int = 0, asks: bool = False) -> list[Publication]:
        """A message of the present conversation."""
        epoch = self.epoch
        if epoch is None or epoch.epoch is None:
            raise ValueError("there is no epoch")
        conversation = self.view.conversations[epoch.computation.hid[:16]]
        seq = self.sent.get(epoch.computation.hid, 0)
        self.sent[epoch.computation.hid] = seq + 1
        said = Said(seq, time, body, asks, self.view.heard.named(self.sid))
        frame = conversation.build(conversation.parties[self.name], said, self.draw(24), self.seed)
        return [self.put("c", frame)]

    def receive(self, topic: str, frame: bytes) -> list[Publication]:
        """Take what the broker delivers. Raises Reject for what nobody may accept."""
        seen = self.view.receive(topic, frame)
        if isinstance(seen.what, Note | Said) and seen.what.asks and seen.uid != self.uid:
            self.owed.append((SIGNED, item_of_frame(self.keys.name(seen.uid)[:16], frame)))
        return self._answer(seen)

    def receipts(self) -> list[Publication]:
        """Say all that is owed, a frame a type (24.1)."""
        owed, self.owed = self.owed, []
        said = [
            Receipt(self.sid, kind, tuple(item for of, item in owed if of == kind))
            for kind in sorted({kind for kind, _ in owed})
        ]
        return [self.put("r", build_receipt(self.keys, self.uid, r, self.draw(24), self.seed)) for r in said]

    def _answer(self, seen: Seen) -> list[Publication]:
        what: Any = seen.what
        if isinstance(what, Note | Said) and seen.uid != self.uid:
            self.inbox.append((seen.topic.stream, seen.uid, what.body))
        if isinstance(what, hs.Message) and isinstance(what.body, Ask):
            return self._join() if self.sid in what.body.sids and seen.uid != self.uid else []
        if isinstance(what, hs.Message) and not isinstance(what.body, Stale):
            for attempt in self.view.attempts.values():
                if attempt.number == what.attempt and self.name in (p.name for p in attempt.computation.parties):
                    return self._step(attempt, what.again and seen.uid != self.uid)
        return []

    def _step(self, attempt: Attempt, again: bool) -> list[Publication]:
        """Say what is due in an attempt; all that was said, if somebody still waits."""
        c = attempt.computation
        i = c.index(self.name)
        if c.parties[i].sid != self.sid:
            raise Reject("members", "another session of ours")
        self.attempt = max(self.attempt, attempt.number)
        said = self.mine.setdefault(c.hid, [])
        due: list[hs.Share | hs.Sum | hs.Confirm] = []
        kinds = {type(body) for body in said}
        if hs.Share not in kinds:
            self.known.scalars.append(scalar(self.draw(64)))
            due.append(hs.Share(c.hid, c.share(self.known.scalars[-1])))
        elif hs.Sum not in kinds and c.n > 2 and None not in c.Z:
            y = self.known.scalar_of(c.Z[i] or b"", c.G)
            if y is not None:
                due.append(hs.Sum(c.hid, c.sum(i, y)))
        elif hs.Confirm not in kinds and attempt.epoch:
            due.append(hs.Confirm(c.hid, attempt.epoch.proof(c.parties[i])))
        said += due
        transcript = attempt.epoch.transcript if attempt.epoch else b""
        return [self._handshake(attempt.number, body, transcript) for body in (said if again else due)]
