"""The same steps with Sealcast's own formulas (shared/sealcast/smmp), for the attacks that work on the paper's."""

import os

from sealcast.crypto import host as suite
from sealcast.errors import Reject
from sealcast.smmp import agreement, private
from sealcast.smmp import ratchet as smmp

GROUP = b"the group's name"


class Package:
    """{K, R} is what others know of it."""

    def __init__(self):
        self.k, self.r = os.urandom(32), os.urandom(32)
        self.K, self.R = suite.x25519_base(self.k), suite.x25519_base(self.r)


class Member:
    def __init__(self, tag):
        self.tag = tag
        self.b = os.urandom(32)
        self.B = suite.x25519_base(self.b)
        self.package = Package()
        self.state = None
        self.pairs = {}
        self.pins = {}

    def party(self, staying):
        """As an organizer sees it. staying: its present R counts, not the package's."""
        number = 1 if staying else 1 | smmp.ENTERS
        return agreement.Party(
            self.tag, self.B, number, self.package.K, self.state.R[self.state.index] if staying else self.package.R
        )

    def static(self, tag):
        return suite.x25519(self.b, self.pins[tag])

    def send(self, text):
        """-> (frame, state after)."""
        r_new = os.urandom(32)
        frame = smmp.seal(suite, self.state, self.static, os.urandom(24), r_new, text)[0]
        return frame, r_new

    def receive(self, frame, r_new=None):
        j, text, self.state = smmp.open_frame(suite, self.state, self.static, frame, r_new)
        return j, text


def organize(organizer, members, epoch=0, head=bytes(32), v=None, reason=1):
    """Everyone in `members` has the agreement afterwards. -> frame"""
    r, parties = os.urandom(32), []
    for m in members:
        staying = m.state is not None
        parties.append(
            agreement.Party(m.tag, m.B, 0, None, suite.x25519_base(r)) if m is organizer else m.party(staying)
        )
    frame, after = agreement.agree(
        suite, GROUP, epoch, head, reason, organizer.tag, organizer.b, r, os.urandom(32), parties, v
    )
    for m in members:
        m.pins = {o.tag: o.B for o in members}
    for m in members:
        m.state = after if m is organizer else accept(m, frame, members)
    for m in members:
        m.package = Package()
    return frame


def accept(m, frame, members):
    secret = m.state.r if m.state is not None else m.package.r
    return agreement.Agreement(frame).accept(suite, m.tag, m.b, m.package.k, m.package.K, secret, m.pins.get)


def group(n):
    members = [Member(bytes([i + 1]) * 16) for i in range(n)]
    organize(members[0], members)
    for m in members:
        for o in members:
            if o is not m:
                m.pairs[o.tag] = private.begin(
                    suite, GROUP, m.tag, o.tag, m.static(o.tag), m.state.r, m.state.R[o.state.index]
                )
    return members


def talk(members, sender, text):
    """One accepted message. -> frame"""
    frame, r_new = sender.send(text)
    for m in members:
        m.receive(frame, r_new if m is sender else None)
    return frame


def close(state, unsigned):
    """What every member can do: the tag under v for any bytes."""
    return unsigned + smmp.derive(suite, state.v, b"sc/fm", unsigned)[:16]


__all__ = ["Reject", "accept", "agreement", "close", "group", "organize", "private", "smmp", "suite", "talk"]
