"""Conversations: PROTOCOL.md section 10."""

from dataclasses import dataclass, field

from .cpace import Epoch
from .encoding import Reader, Reject, lv, pad, u32, unpad_asking
from .frames import CONVERSATION, Header, associated, open_sealed, parse_header, seal, sign, verify
from .heard import Marks, pack_heard, read_heard
from .joins import Join
from .names import ChannelKeys
from .primitives import derive

JUMP, SKIPPED = 1024, 64


@dataclass(frozen=True)
class Said:
    seq: int
    time: int
    body: bytes
    asks: bool = False
    heard: Marks = ()


def message_key(chain: bytes, steps: int) -> bytes:
    """The key of the message that many steps down a chain."""
    for _ in range(steps):
        chain = derive(chain, b"sc/next")
    return derive(chain, b"sc/msg")


@dataclass
class Chain:
    """One party's chain as a receiver keeps it: `next` is the lowest number never seen, `skipped` the keys below it."""

    key: bytes
    next: int = 0
    skipped: dict[int, bytes] = field(default_factory=dict)

    def key_for(self, seq: int) -> bytes:
        if seq < self.next:
            if seq not in self.skipped:
                raise Reject("duplicate")
            return self.skipped[seq]
        if seq - self.next > JUMP or seq == 2**32 - 1:
            raise Reject("window")
        return message_key(self.key, seq - self.next)

    def used(self, seq: int) -> None:
        if seq < self.next:
            del self.skipped[seq]
            return
        while self.next <= seq:
            if self.next < seq:
                self.skipped[self.next] = derive(self.key, b"sc/msg")
            self.key = derive(self.key, b"sc/next")
            self.next += 1


class Conversation:
    """One epoch, as each of its parties (or who knows its ISK) sees it."""

    def __init__(self, keys: ChannelKeys, epoch: Epoch, signed: bool = True) -> None:
        self.keys, self.epoch, self.signed = keys, epoch, signed
        self.hk = derive(epoch.ISK, b"sc/hk")
        self.parties = {p.name: p for p in epoch.parties}
        self.chains = {p.name: Chain(derive(epoch.ISK, b"sc/chain", lv(p.name, p.sid))) for p in epoch.parties}

    def _mac(self, ad: bytes, sealed: bytes) -> bytes:
        return derive(self.hk, b"sc/hmac", ad, sealed[22:])[:16]

    def build(self, party: Join, said: Said, nonce: bytes, session_seed: bytes) -> bytes:
        """The message as `party` sends it; the chains here are not moved."""
        ad = associated(Header(CONVERSATION, self.epoch.hid[:16], said.seq), self.keys.rp, party.name)
        pt = u32(said.time) + pack_heard(said.heard) + pad(said.body, said.asks)
        if self.signed:
            pt = sign(session_seed, ad, pt, self.epoch.hid)
        sealed = seal(self.chains[party.name].key_for(said.seq), ad, nonce, pt)
        return sealed + self._mac(ad, sealed)

    def receive(self, name: bytes, frame: bytes) -> Said:
        """Section 10.3; the chain moves only when everything was right."""
        header = parse_header("c", frame)
        if header.epoch != self.epoch.hid[:16]:
            raise Reject("epoch")
        ad = associated(header, self.keys.rp, name)
        sealed, mac = frame[:-16], frame[-16:]
        if self._mac(ad, sealed) != mac:
            raise Reject("forged", "mac")
        if name not in self.chains:
            raise Reject("members")
        chain = self.chains[name]
        pt = open_sealed(chain.key_for(header.seq), ad, sealed)
        if self.signed and len(pt) < 5 + 64:
            raise Reject("signature", "too short for one")
        reader = Reader(pt[:-64] if self.signed else pt)
        time, heard = reader.number(4), read_heard(reader)
        said = Said(header.seq, time, *unpad_asking(reader.rest()), heard)
        if self.signed:
            verify(self.parties[name].S, ad, pt, self.epoch.hid)
        chain.used(header.seq)
        while sum(len(c.skipped) for c in self.chains.values()) > SKIPPED:
            longest = max(self.chains.values(), key=lambda c: len(c.skipped))
            del longest.skipped[min(longest.skipped)]
        return said
