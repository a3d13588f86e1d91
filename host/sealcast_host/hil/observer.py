"""Who reads everything that passes the broker, and knows what the board must have said: the judge of protocol runs."""

from collections import Counter
from dataclasses import replace
from typing import Any

from reference import handshake as hs
from reference.conversations import message_key
from reference.encoding import Reject, lv
from reference.frames import CONTROL, HEADER, Header, associated, nonce_of, open_sealed
from reference.joins import Join
from reference.known import expect
from reference.names import GROUP_STREAMS, ChannelKeys, unbase64url
from reference.primitives import derive
from reference.ratchet import parse_ratchet
from reference.smmp import GroupView, Spoken
from reference.zpinc import View
from sealcast_host.hil.foresight import Foreseen
from sealcast_host.hil.results import Refused

TAG = 16


class Observer:
    """One channel. `seen` counts what the board said, by kind; `bytes` what it sent."""

    def __init__(
        self,
        keys: ChannelKeys,
        uid: str,
        foreseen: Foreseen,
        groups: tuple[str, ...] = ("main",),
        complete: bool = True,
    ) -> None:
        self.keys, self.uid, self.foreseen = keys, uid, foreseen
        self.name = keys.name(uid)
        self.view = View(keys, foreseen, True, complete)
        self.groups = {keys.group_name(group): GroupView(self.view, keys.group_name(group)) for group in groups}
        self.seen: Counter[str] = Counter()
        self.bytes = 0

    def frame(self, topic: str, frame: bytes, board: bool) -> Any:
        """Check one frame. board: the board said it. Raises Deviation and Refused."""
        if board:
            self._names(topic)
            self.bytes += len(frame)
        stream = topic.split("/")[4] if topic.count("/") >= 4 else "?"
        group = next(iter(self.groups.values()))
        head = group.state.head if group.state else b""
        try:
            t = self.keys.parse_topic(topic)
            what: Any = (
                self.groups[t.name].receive(topic, frame).what
                if stream in GROUP_STREAMS
                else self.view.receive(topic, frame).what
            )
        except Reject as e:
            if not board:
                raise
            raise Refused(f"what the board said on {stream}", stream, e, frame) from None
        if board:
            kind = type(what.body if isinstance(what, hs.Message) else what).__name__
            self.seen["Barrier" if kind == "bytes" else kind] += 1
            self._secrets(what)
            if isinstance(what, Spoken):
                # The text of a private m is sealed under the nonce itself: what is bound is the text before.
                m = replace(what.m, text=what.private.body) if what.private else what.m
                self.foreseen.expect_nonce(head, m.pack(), parse_ratchet(frame[:-TAG]).nonce)
            else:
                self._nonce(t.name, stream, frame)
        return what

    def _names(self, topic: str) -> None:
        """The hidden names in a topic, byte by byte, before anything is opened (4.3)."""
        parts = topic.split("/")
        if len(parts) < 5:
            return
        try:
            expect("4.3", "rp, the channel's hidden name", self.keys.rp, unbase64url(parts[2]))
            if parts[4] in GROUP_STREAMS:
                expect("2", "the group's hidden name", next(iter(self.groups)), unbase64url(parts[3]))
            else:
                expect("4.3", "P_i, the board's hidden name", self.name, unbase64url(parts[3]))
        except Reject as e:
            raise Refused("the board's topic", "?", e, topic.encode()) from None

    def _secrets(self, what: Any) -> None:
        """What must have been drawn, was (5)."""
        if isinstance(what, Join):
            self.foreseen.expect_drawn("5", "a session's id that section 5 foretells", what.sid)
        if isinstance(what, hs.Message) and isinstance(what.body, hs.Propose):
            self.foreseen.expect_drawn("5", "a proposal's nonce that section 5 foretells", what.body.nonce)
        if isinstance(what, hs.Message) and isinstance(what.body, hs.Share):
            attempt = self.view.attempts.get(what.body.hid)
            if attempt is not None:
                self.foreseen.expect_share(what.body.Z, attempt.computation.G)

    def _nonce(self, name: bytes, stream: str, frame: bytes) -> None:
        """The nonce of a sealed frame: bound to what it seals (5). An agreement has none."""
        header = Header(frame[1], frame[2:18], int.from_bytes(frame[18:HEADER], "big"))
        ad = associated(header, self.keys.rp, name)
        if stream in "jnpskh":
            pt = open_sealed(self.keys.msgkey, ad, frame)
        elif stream in GROUP_STREAMS and frame[1] == CONTROL:
            pt = open_sealed(self.keys.msgkey, ad, frame[:-TAG])
        elif stream == "c":
            conversation = self.view.conversations.get(header.epoch)
            if conversation is None:
                return
            chain = derive(conversation.epoch.ISK, b"sc/chain", lv(name, conversation.parties[name].sid))
            pt = open_sealed(message_key(chain, header.seq), ad, frame[:-TAG])
        else:
            return
        self.foreseen.expect_nonce(ad, pt, nonce_of(frame))
