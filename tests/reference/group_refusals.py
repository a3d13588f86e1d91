"""What a member of a group must refuse, and under which name (PROTOCOL.md sections 16 to 18): a list of wrong frames.

Each entry is (what is wrong, reason, topic, payload), made by a guest that is in a group with anna and boris; clara is
in the channel only. The guest knows the group's v, so every mac is right unless it says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from guest import Guest
from refusals import Case, Forge, flipped

from reference import agreement as ag
from reference import ratchet
from reference.control import Control, Head, Need, Rejoin, Sync, build_control
from reference.encoding import u8, u32
from reference.frames import CONTROL, PACKAGE, Header, associated, seal
from reference.known import Known
from reference.packages import NoticeKey, Package, build_package
from reference.positions import Vouch, vouch
from reference.primitives import ZERO32, H, ed25519_sign, x25519_base
from reference.ratchet import APPLICATION, Message

LOW = (ZERO32, b"\x01" + bytes(31), bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"))
ROW = 84
ROWS = 22 + 32 + 1 + 1 + 16 + 32  # where they begin in an agreement


class GroupForge(Forge):
    """Makes what it likes as the guest; `known` are the secrets of all."""

    def __init__(self, guest: Guest, known: Known) -> None:
        super().__init__(guest)
        self.group, self.known = guest.group, known
        self.tag = self.peer.name[:16]

    @property
    def state(self) -> ag.Group:
        return self.group.state

    def live(self, frame: bytes) -> tuple[str, bytes]:
        return self.keys.topic(self.group.name, "g"), self.group.view.wrap(frame)

    def package(
        self, number: int, K: bytes, R: bytes, seed: bytes | None = None, sid: bytes | None = None
    ) -> tuple[str, bytes]:
        package = Package(sid or self.peer.sid, number, K, R)
        frame = build_package(
            self.keys, self.peer.uid, package, self.peer.draw(24), self.peer.seed if seed is None else seed
        )
        return self.topic("k", number % 2), frame

    def vouch(self, by: str = "guest", as_tag: bytes | None = None, group: bytes | None = None) -> Vouch:
        """What this member's identity can vouch for to all others, in whosever name."""
        pins = {m.tag: m.pinned.B for m in self.peer.view.members.values() if m.pinned}
        secret, own = self.known.identities[by], self.keys.name(by)[:16]
        statics = {tag: ratchet.shared(secret.b, B) for tag, B in pins.items() if tag != own}
        return vouch(group or self.group.name, as_tag or own, statics)

    def control(
        self, control: Control, lamport: int | None = None, vouched: Vouch | None = None, tag: bytes | None = None
    ) -> tuple[str, bytes]:
        own, tag = self.peer.lamport if lamport is None else lamport, tag or self.tag
        vouched = vouched or self.vouch(as_tag=tag)
        return self.live(build_control(self.keys, self.group.name, tag, own, vouched, control, self.peer.draw(24)))

    def raw_control(self, said: bytes, vouched_as: bytes | None = None, tail: bytes = b"") -> tuple[str, bytes]:
        """Whatever is said, with MACs for it, or as if something else had been said."""
        ad = associated(Header(CONTROL, self.tag, self.peer.lamport), self.keys.rp, self.group.name)
        macs = b"".join(self.vouch()(ad, said if vouched_as is None else vouched_as))
        return self.live(seal(self.keys.msgkey, ad, self.peer.draw(24), said + macs + tail))

    def parties(self, uids: tuple[str, ...]) -> dict[bytes, ag.Party]:
        return {m.tag: self.group._party(m) for m in map(self.peer.view.by_uid, uids)}

    def agreement(self, reason: int, parties: dict[bytes, ag.Party], organizer: str = "guest") -> bytes:
        secret = self.known.identities[organizer]
        pins = {m.tag: m.pinned.B for m in self.peer.view.members.values() if m.pinned}
        w, r, tag = self.group.secret(), self.group.secret(), self.keys.name(organizer)[:16]
        return ag.build_agreement(self.group.name[:16], self.state, reason, tag, secret.b, w, r, parties, pins)[0]

    def message(
        self, b: bytes | None = None, R_new: bytes | None = None, m: bytes | None = None, nonce: bytes | None = None
    ) -> bytes:
        """A message of the guest's: made with another identity, or
        this for the public half of the next r, or saying this.
        """
        m = Message(APPLICATION, self.peer.lamport, self.group.count + 1, b"x").pack() if m is None else m
        pins = {m.tag: m.pinned.B for m in self.peer.view.members.values() if m.pinned}
        state, r = self.state, self.peer.known.x[self.state.R[self.group.index()]]
        with_R = ratchet.x25519_base
        try:
            if R_new is not None:
                ratchet.x25519_base = lambda secret: R_new
            return state.build(
                self.group.index(),
                r,
                b or self.peer.secret.b,
                pins,
                self.group.secret(),
                nonce or self.peer.draw(24),
                m,
            )[0]
        finally:
            ratchet.x25519_base = with_R

    def again(self, frame: bytes, at: int, new: bytes) -> tuple[str, bytes]:
        """Another content in a frame, with a right mac."""
        changed = frame[:at] + new + frame[at + len(new) : -16]
        return self.live(changed + self.state.frame_mac(changed))


def of_packages(forge: GroupForge) -> Iterator[Case]:
    """Section 16.1, and the notice key of 22."""
    peer = forge.peer
    K, R = x25519_base(peer.draw(32)), x25519_base(peer.draw(32))
    known = forge.group.own[-1]
    following = known.number + 1
    yield "of a session that never joined", "unknown", *forge.package(following, K, R, sid=bytes(16))
    yield "signed by nobody", "signature", *forge.package(following, K, R, seed=bytes(32))
    yield "a number known with other keys", "duplicate", *forge.package(known.number, K, R)
    yield "the number 2^31", "format", *forge.package(2**31, K, R)
    for u in LOW:
        yield "K of low order", "neutral", *forge.package(following, u, R)
        yield "R of low order", "neutral", *forge.package(following, K, u)
    topic = forge.topic("k", following % 2)
    ad = associated(Header(PACKAGE, peer.sid, following), forge.keys.rp, peer.name)
    unbound = ed25519_sign(peer.seed, H(b"", K, R, person=b"sc/package"))
    yield "signed without its place", "signature", topic, seal(forge.keys.msgkey, ad, peer.draw(24), K + R + unbound)
    yield "not signed", "format", topic, forge.sealed(PACKAGE, following, K + R, signed=False)
    yield "one byte more", "format", topic, forge.sealed(PACKAGE, following, K + R + b"\0")
    slot = forge.topic("k", 2)

    def notice_key(K: bytes, seed: bytes = peer.seed, sid: bytes = peer.sid) -> bytes:
        return build_package(forge.keys, peer.uid, NoticeKey(sid, K), peer.draw(24), seed)

    yield "notice key of low order", "neutral", slot, notice_key(LOW[0])
    yield "notice key signed by nobody", "signature", slot, notice_key(K, bytes(32))
    yield "notice key of a session that never joined", "unknown", slot, notice_key(K, sid=bytes(16))
    yield "a package as number 0", "format", slot, forge.sealed(PACKAGE, 0, K + R)


def of_controls(forge: GroupForge) -> Iterator[Case]:
    """Section 18.2."""
    state, lamport, nonce = forge.state, forge.peer.lamport, bytes(16)
    clara = forge.peer.view.by_uid("clara")
    as_clara = {"lamport": clara.current.lamport, "vouched": forge.vouch("clara"), "tag": clara.tag}
    sync = Sync(nonce, state.epoch, state.head)
    ahead = Head(nonce, 1, state.epoch + 1, b"h" * 32)
    yield "seq 0", "stale", *forge.control(sync, lamport=0)
    yield "another session's lamport", "stale", *forge.control(sync, lamport=lamport + 1)
    yield "who never joined", "unknown", *forge.control(sync, tag=b"nobody".ljust(16))
    yield "vouched to nobody", "bad_hmac", *forge.control(sync, vouched=lambda ad, said: ())
    yield "MACs that are none", "bad_hmac", *forge.control(sync, vouched=lambda ad, said: (bytes(16),) * 3)
    yield "vouched by another member", "bad_hmac", *forge.control(ahead, vouched=forge.vouch("clara", forge.tag))
    boris = forge.peer.view.by_uid("boris")
    yield "made by another member", "bad_hmac", *forge.control(ahead, lamport=boris.current.lamport, tag=boris.tag)
    yield "vouched in another's name", "bad_hmac", *forge.control(ahead, vouched=forge.vouch(as_tag=boris.tag))
    yield "of another group", "bad_hmac", *forge.control(ahead, vouched=forge.vouch(group=b"g" * 16))
    right, more = forge.vouch(), (bytes(16),) * 32
    yield "32 MACs", "format", *forge.control(ahead, vouched=lambda ad, said: (*right(ad, said), *more)[:32])
    said = u8(2) + nonce + u8(1) + u32(state.epoch) + state.head
    yield "vouched without its type", "bad_hmac", *forge.raw_control(said, vouched_as=said[1:])
    yield "one byte more", "format", *forge.raw_control(said + b"\0")
    yield "a piece of a MAC more", "format", *forge.raw_control(said, tail=bytes(15))
    yield "a need with half a hash", "format", *forge.raw_control(u8(3) + u32(0) + bytes(15))
    for kind in (0, 5, 0x82):
        yield f"type {kind}", "format", *forge.raw_control(u8(kind) + said[1:])
    yield "live is 2", "format", *forge.control(Head(nonce, 2, state.epoch, state.head))
    for wrong in (Sync(nonce, 2**31, ZERO32), Head(nonce, 1, 2**31, state.head), Need(2**31), Rejoin(2**31), Rejoin(0)):
        yield f"out of range: {wrong}", "format", *forge.control(wrong)
    yield "a position of who is not in the group", "members", *forge.control(ahead, **as_clara)
    yield "a rejoin of who is not in the group", "members", *forge.control(Rejoin(1), **as_clara)
    used = forge.peer.view.by_uid("guest").shelf.used
    assert used
    yield "a rejoin with what is used", "stale", *forge.control(Rejoin(used))
    topic, payload = forge.control(sync)
    yield "the outer tag changed", "forged", topic, flipped(payload, len(payload) - 1)
    yield "the frame changed", "forged", topic, flipped(payload, 60)


def of_agreements(forge: GroupForge) -> Iterator[Case]:
    """Section 16.2: on sight, and by a member of the group. With a
    right mac, so it is asked where the group is (18.1).
    """
    all_of = forge.parties(("anna", "boris"))
    anna, boris = (forge.keys.name(uid)[:16] for uid in ("anna", "boris"))
    (new,) = forge.parties(("clara",)).items()
    good = forge.agreement(ag.RESYNC, all_of)
    rows = {tag: ROWS + ROW * i for i, tag in enumerate(sorted((anna, boris, forge.tag)))}
    yield "an add of nobody", "members", *forge.live(forge.agreement(ag.ADD, all_of))
    yield "a removal of nobody", "members", *forge.live(forge.agreement(ag.REMOVE, all_of))
    yield "a resync that removes", "members", *forge.live(forge.agreement(ag.RESYNC, {boris: all_of[boris]}))
    yield "a resync that adds", "members", *forge.live(forge.agreement(ag.RESYNC, all_of | dict([new])))
    yield "an add that removes", "members", *forge.live(forge.agreement(ag.ADD, {anna: all_of[anna]} | dict([new])))
    staying = {new[0]: replace(new[1], number=new[1].number - ag.ENTERS)}
    yield "a new member that stays", "members", *forge.live(forge.agreement(ag.ADD, all_of | staying))
    other = replace(all_of[boris], R=x25519_base(forge.group.secret()))
    yield "another R of who stays", "members", *forge.live(forge.agreement(ag.RESYNC, all_of | {boris: other}))
    outside = all_of | {forge.tag: ag.Party(0, *[forge.state.R[forge.state.index(forge.tag)]] * 2)}
    yield "an organizer from outside", "members", *forge.live(forge.agreement(ag.ADD, outside, "clara"))
    yield "reason 4", "members", *forge.again(good, 54, u8(4))
    yield "create in a group", "members", *forge.again(good, 54, u8(ag.CREATE))
    yield "enters with number 0", "members", *forge.again(good, rows[boris] + 16, u32(ag.ENTERS))
    yield "the organizer's number", "members", *forge.again(good, rows[forge.tag] + 16, u32(1))
    yield "the organizer's G", "members", *forge.again(good, rows[forge.tag] + 52, b"G" * 32)
    yield "an organizer who is not listed", "members", *forge.again(good, 56, b"nobody".ljust(16))
    swapped = good[ROWS + ROW : ROWS + 2 * ROW] + good[ROWS : ROWS + ROW]
    yield "tags descending", "members", *forge.again(good, ROWS, swapped)
    yield "a tag twice", "members", *forge.again(good, ROWS, good[ROWS + ROW : ROWS + ROW + 16])
    yield "the last epoch", "epoch", *forge.again(good, 18, u32(2**31 - 1))
    for u in LOW:
        yield "W of low order", "neutral", *forge.again(good, 72, u)
        yield "R of low order", "neutral", *forge.again(good, rows[anna] + 20, u)
        yield "R of the organizer of low order", "neutral", *forge.again(good, rows[forge.tag] + 20, u)
    yield "one byte more", "format", *forge.again(good + b"\0", len(good) - 16, good[-16:])
    yield "fewer rows than it says", "format", *forge.again(good, 55, u8(4))
    unknown = replace(all_of[anna], number=all_of[anna].number + 9)
    yield "a package that nobody made", "package", *forge.live(forge.agreement(ag.RESYNC, all_of | {anna: unknown}))
    yield "a wrong tag", "forged", *forge.again(good, len(good) - 48, b"t" * 32)
    yield "another G of anna's", "forged", *forge.again(good, rows[anna] + 52, b"G" * 32)


def of_ratchet(forge: GroupForge) -> Iterator[Case]:
    """Section 17.3. Only what has a wrong mac or stands elsewhere is dropped without a question."""
    state, j = forge.state, forge.group.index()
    i = state.index(forge.keys.name("anna")[:16])
    good = forge.message()
    yield "a wrong mac", "bad_hmac", *forge.live(flipped(good, len(good) - 1))
    yield "text changed, the mac not", "bad_hmac", *forge.live(flipped(good, len(good) - 40))
    yield "another group's id", "epoch", *forge.again(good, 2, b"another".ljust(16))
    yield "the last epoch", "epoch", *forge.again(good, 18, u32(2**31 - 1))
    header = 22 + 34 + 48 * (i if i < j else i - 1)
    yield "another header for anna", "undecryptable", *forge.again(good, header, b"h" * 48)
    yield "another check", "undecryptable", *forge.again(good, len(good) - 32, b"c" * 16)
    yield "another body", "undecryptable", *forge.again(good, len(good) - 60, b"b" * 8)
    yield "a sender who is nobody", "members", *forge.again(good, 54, u8(3))
    yield "without the identities", "undecryptable", *forge.live(forge.message(b=bytes(range(32))))
    for u in LOW:
        yield "R of low order", "neutral", *forge.live(forge.message(R_new=u))


QUIET = (of_packages, of_controls)
ASKED = (of_agreements, of_ratchet)
