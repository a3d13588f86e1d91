"""What both implementations must refuse, and under which name
(PROTOCOL.md sections 3, 6 to 10, 13): a list of wrong frames.

Each entry is (what is wrong, reason, topic, frame), made by a guest
that has joined and is in a conversation with the others.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace

from guest import Guest

from reference import handshake as hs
from reference.conversations import Said
from reference.encoding import pad, u8, u16, u32
from reference.frames import HANDSHAKE, JOIN, NOTE, PRESENCE, Header, associated, seal, sign
from reference.joins import JUMP, Ended, SecretIdentity, build_join
from reference.names import ChannelKeys, base64url
from reference.presence import AWAKE, CONNECTION, Presence, build_presence
from reference.primitives import H, ed25519_public, ed25519_sign

Case = tuple[str, str, str, bytes]


def flipped(frame: bytes, at: int, bits: int = 1) -> bytes:
    return frame[:at] + bytes((frame[at] ^ bits,)) + frame[at + 1 :]


class Forge:
    """Seals what it likes under the guest's name."""

    def __init__(self, guest: Guest) -> None:
        self.peer = guest.peer
        self.keys = self.peer.keys

    def topic(self, stream: str, slot: int | None = None) -> str:
        return self.keys.topic(self.peer.name, stream, slot)

    def sealed(
        self, kind: int, seq: int, pt: bytes, signed: bool = True, extra: bytes = b"", epoch: bytes | None = None
    ) -> bytes:
        ad = associated(Header(kind, epoch or self.peer.sid, seq), self.keys.rp, self.peer.name)
        return seal(self.keys.msgkey, ad, self.peer.draw(24), sign(self.peer.seed, ad, pt, extra) if signed else pt)

    def note(self, seq: int, body: bytes = b"x", signed: bool = True, padded: bytes | None = None) -> bytes:
        return self.sealed(NOTE, seq, bytes(5) + (pad(body) if padded is None else padded), signed)


def of_frames(forge: Forge) -> Iterator[Case]:
    """Section 2 and 3: topics, lengths, versions, kinds, seals, padding, signatures."""
    good, topic = forge.note(5), forge.topic("n", 5)
    name, rp = base64url(forge.peer.name), base64url(forge.keys.rp)
    yield "no slot", "topic", forge.topic("n"), good
    yield "slot with a leading zero", "topic", forge.topic("n") + "/05", good
    yield "a level too many", "topic", topic + "/5", good
    yield "slot where there is none", "topic", forge.topic("p", 0), good
    yield "unknown stream", "topic", forge.topic("q", 5), good
    yield "padded base64", "topic", f"zp/1/{rp}/{name}=/n/5", good
    yield "base64 with stray bits", "topic", f"zp/1/{rp}/{name[:-1]}{chr(ord(name[-1]) + 1)}/n/5", good
    yield "too short", "length", topic, good[:61]
    yield "too long", "length", topic, good.ljust(2401, b"\0")
    yield "version 2", "version", topic, b"\x02" + good[1:]
    yield "a presence in the ring", "kind", topic, flipped(good, 1, NOTE ^ PRESENCE)
    yield "kind 0", "kind", topic, flipped(good, 1, NOTE)
    yield "number changed", "forged", forge.topic("n", 4), flipped(good, 21, 1)
    yield "nonce changed", "forged", topic, flipped(good, 30)
    yield "tag changed", "forged", topic, flipped(good, 46)
    yield "text changed", "forged", topic, flipped(good, len(good) - 1)
    yield "cut off", "forged", topic, good[:-1]
    yield "without a signature", "signature", topic, forge.note(5, signed=False)
    yield "shorter than a signature", "signature", topic, forge.sealed(NOTE, 5, bytes(4), signed=False)
    yield "signed with another extra", "signature", topic, forge.sealed(NOTE, 5, bytes(5) + pad(b"x"), extra=b"x")
    yield "padding of the wrong length", "padding", topic, forge.note(5, padded=pad(b"x") + bytes(4))
    yield "padding too short", "padding", topic, forge.note(5, padded=b"x\x80")
    yield "no mark in the padding", "padding", topic, forge.note(5, padded=bytes(32))
    yield "a body too long", "padding", topic, forge.note(5, padded=bytes(2111) + b"\x80")
    yield "a session that never joined", "unknown", topic, forge.sealed(NOTE, 5, bytes(5) + pad(b"x"), epoch=bytes(16))
    yield "far ahead of the window", "window", forge.topic("n", 0), forge.note(65552)


def of_joins(forge: Forge) -> Iterator[Case]:
    """Section 6.3."""
    peer, keys = forge.peer, forge.keys
    S, sid, nonce = ed25519_public(bytes(32)), bytes(range(16)), peer.draw(24)
    largest = max(m.current.lamport for m in peer.view.members.values())

    def join(
        lamport: int, secret: SecretIdentity = peer.secret, K: int = 16, data: bytes = b"", ended: Ended | None = ()
    ) -> tuple[str, bytes]:
        frame = build_join(keys, peer.uid, secret, sid, S, lamport, K, nonce, data, ended)
        return forge.topic("j", lamport % 4), frame

    yield "far above all", "jump", *join(largest + JUMP + 1)
    yield "twice as far, which is too far again", "jump", *join(largest + 2 * JUMP + 1)
    yield "above 2^31 - 1", "jump", *join(2**31)
    yield "another identity", "identity", *join(largest + 1, SecretIdentity(b"?" * 32))
    yield "K = 0", "format", *join(largest + 1, K=0)
    yield "K = 65", "format", *join(largest + 1, K=65)
    yield "data of 65 bytes", "format", *join(largest + 1, data=b"x" * 65)
    yield "data that is no UTF-8", "format", *join(largest + 1, data=b"roof \xff")
    former = peer.sid[:4]
    yield "four former sessions", "format", *join(largest + 1, ended=((former, 1),) * 4)
    yield "2^31 notes of a former session", "format", *join(largest + 1, ended=((former, 1), (former, 2**31)))
    three = ((former, 1),) * 3
    yield "data of 65 bytes behind former sessions", "format", *join(largest + 1, data=b"x" * 65, ended=three)
    yield "0.1's form, K = 0", "format", *join(largest + 1, K=0, ended=None)
    yield "0.1's form, another identity", "identity", *join(largest + 1, SecretIdentity(b"?" * 32), ended=None)
    yield "data of another channel's identity", "identity", *join(largest + 1, SecretIdentity(b"?" * 32), data=b"x")
    ad = associated(Header(JOIN, sid, largest + 1), keys.rp, peer.name)
    first = u32(largest + 1) + peer.secret.public.B + peer.secret.public.E + S + u8(16)
    body = first + u8(0)

    def signature(secret: bytes, text: bytes) -> bytes:
        return ed25519_sign(secret, H(b"", ad, text, person=b"sc/join"))

    by_session = body + signature(peer.seed, body)
    yield (
        "signed by the session",
        "signature",
        forge.topic("j", (largest + 1) % 4),
        seal(keys.msgkey, ad, nonce, by_session),
    )
    yield (
        "lamport is not seq",
        "format",
        forge.topic("j", (largest + 1) % 4),
        seal(keys.msgkey, ad, nonce, u32(largest + 5) + by_session[4:]),
    )
    for what, pt in (
        ("data after the signature", by_session + b"x"),
        ("data before it", body + b"x" + by_session[-64:]),
    ):
        yield what, "signature", forge.topic("j", (largest + 1) % 4), seal(keys.msgkey, ad, nonce, pt)
    for what, reason, pt in (
        ("too short", "format", first + by_session[-63:]),
        ("0.1's form, signed by the session", "signature", first + signature(peer.seed, first)),
        ("0.1's form, signed with an n", "signature", first + signature(peer.secret.e, body)),
        ("more former sessions than there are", "format", first + u8(3) + bytes(16) + by_session[-64:]),
        ("fewer former sessions than there are", "signature", first + u8(1) + bytes(16) + by_session[-64:]),
        ("255 former sessions", "format", first + u8(255) + by_session[-64:]),
    ):
        yield what, reason, forge.topic("j", (largest + 1) % 4), seal(keys.msgkey, ad, nonce, pt)
    other = ChannelKeys(bytes(32), keys.channel).name(peer.uid)
    for what, reason, name in (
        ("a name that is none", "name", flipped(peer.name, 20)),
        ("too short", "topic", peer.name[:16]),
        ("empty", "topic", b""),
        ("of another channel", "name", other),
    ):
        ad = associated(Header(JOIN, sid, largest + 1), keys.rp, name)
        signed = body + ed25519_sign(peer.secret.e, H(b"", ad, body, person=b"sc/join"))
        topic = f"zp/1/{base64url(keys.rp)}/{base64url(name)}/j/{(largest + 1) % 4}"
        yield what, reason, topic, seal(keys.msgkey, ad, nonce, signed)
    now = peer.view.members[peer.name].current
    yield (
        "the same again",
        "duplicate",
        forge.topic("j", now.lamport % 4),
        build_join(keys, peer.uid, peer.secret, now.sid, now.S, now.lamport, 16, nonce),
    )


def of_presence(forge: Forge) -> Iterator[Case]:
    peer = forge.peer
    topic = forge.topic("p")
    now = Presence(peer.sid, peer.counter, AWAKE, peer.conn, 30, 0, peer.seq, bytes(16), peer.attempt)

    def build(p: Presence) -> bytes:
        return build_presence(forge.keys, peer.uid, p, peer.draw(24), peer.seed)

    yield "the same counter", "stale", topic, build(now)
    older = replace(now, conn=peer.conn - CONNECTION, counter=peer.counter + 7)
    yield "an older connection", "behind", topic, build(older)
    yield "the first number of all", "behind", topic, build(replace(older, conn=0))
    for what, bits in (("the connection's number, one off", 1), ("another rest", 0x8000)):
        yield what, "same_uid", topic, build(replace(now, conn=peer.conn ^ bits, counter=peer.counter + 7))
    wrong = replace(now, conn=peer.conn ^ 1, counter=peer.counter + 7)
    clone = build_presence(forge.keys, peer.uid, wrong, peer.draw(24), bytes(32))
    yield "another rest, signed by nobody", "signature", topic, clone
    yield "a keepalive of 4 s", "format", topic, build(replace(now, counter=peer.counter + 1, keepalive=4))
    yield "status 0", "format", topic, build(replace(now, counter=peer.counter + 1, status=0))
    yield "status 4", "format", topic, build(replace(now, counter=peer.counter + 1, status=4))
    yield "another session", "unknown", topic, build(replace(now, sid=bytes(16), counter=peer.counter + 1))
    body = u8(1) + u32(peer.conn) + u16(30) + u32(0) + u32(0) + bytes(16) + u32(0)
    yield "unsigned", "format", topic, forge.sealed(PRESENCE, peer.counter + 1, body, signed=False)
    yield "one byte more", "format", topic, forge.sealed(PRESENCE, peer.counter + 1, body + b"\0")
    wrong = replace(now, counter=peer.counter + 1)
    yield "signed by nobody", "signature", topic, build_presence(forge.keys, peer.uid, wrong, peer.draw(24), bytes(32))


def of_handshakes(forge: Forge) -> Iterator[Case]:
    peer = forge.peer
    topic = forge.topic("h")
    tags = sorted((m.tag, m.current.sid) for m in peer.view.members.values() if m.sessions)

    def propose(parties: list[tuple[bytes, bytes]], attempt: int) -> bytes:
        body = hs.Propose(peer.draw(16), hs.NO_EPOCH, tuple(parties))
        return hs.build(forge.keys, peer.uid, peer.sid, attempt, body, peer.draw(24))

    high = peer.attempt + 10
    yield "one party", "members", topic, propose([(peer.name[:16], peer.sid)], high)
    yield "tags descending", "members", topic, propose(tags[::-1], high)
    yield "a party twice", "members", topic, propose([tags[0], *tags], high)
    yield "without the proposer", "members", topic, propose([t for t in tags if t[0] != peer.name[:16]], high)
    yield "a session nobody has", "members", topic, propose([(tag, bytes(16)) for tag, _ in tags], high)
    yield "an old attempt", "stale", topic, propose(tags, 1)
    yield "far ahead", "jump", topic, propose(tags, peer.attempt + hs.MOST_AHEAD + 1)
    yield "an unknown type", "format", topic, forge.sealed(HANDSHAKE, high, u8(7) + bytes(64), signed=False)
    yield "a share cut off", "format", topic, forge.sealed(HANDSHAKE, high, u8(2) + bytes(63), signed=False)
    for other in peer.view.members.values():
        if other.uid != peer.uid:
            stale = u8(5) + other.current.sid + u32(2**31 - 1) + u32(0) + u32(2**31 - 1) + bytes(8)
            for what, pt in (
                ("a byte less", stale[:-1]),
                ("a byte more", stale + b"\0"),
                ("0.1's length", stale[:25]),
                ("that still waits", u8(0x85) + stale[1:]),
            ):
                yield f"an answer, {what}", "format", topic, forge.sealed(HANDSHAKE, 0, pt, signed=False)
    yield "an unknown hid", "stale", topic, forge.sealed(HANDSHAKE, high, u8(2) + bytes(64), signed=False)


def of_conversations(forge: Forge) -> Iterator[Case]:
    peer = forge.peer
    topic = forge.topic("c")
    epoch = peer.epoch
    assert epoch and epoch.epoch
    conversation = peer.view.conversations[epoch.computation.hid[:16]]
    seq = peer.sent.get(epoch.computation.hid, 0)

    def build(n: int, seed: bytes = peer.seed) -> bytes:
        fresh = copy.deepcopy(conversation)
        chain = fresh.chains[peer.name]
        while chain.next < n:
            chain.used(min(n - 1, chain.next + 1000))
        return fresh.build(conversation.parties[peer.name], Said(n, 0, b"x"), peer.draw(24), seed)

    good = build(seq)
    yield "another epoch", "epoch", topic, flipped(good, 5)
    yield "mac changed", "forged", topic, flipped(good, len(good) - 1)
    yield "number changed", "forged", topic, flipped(good, 21)
    yield "far ahead", "window", topic, build(seq + 1025)
    yield "signed by nobody", "signature", topic, build(seq, bytes(32))
    if seq:
        yield "a number used before", "duplicate", topic, conversation_again(forge, seq - 1)


def conversation_again(forge: Forge, seq: int) -> bytes:
    """A number that was used, with the right keys: as an insider could make it."""
    peer = forge.peer
    assert peer.epoch and peer.epoch.epoch
    fresh = type(peer.view.conversations[peer.epoch.computation.hid[:16]])(forge.keys, peer.epoch.epoch)
    return fresh.build(fresh.parties[peer.name], Said(seq, 0, b"again"), peer.draw(24), peer.seed)


ALL = (of_frames, of_joins, of_presence, of_handshakes, of_conversations)
