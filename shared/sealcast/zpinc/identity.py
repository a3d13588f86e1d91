"""Who a member is: long-term keys, and a session of it. PROTOCOL.md section 6; joins.py has the frames."""

from ..crypto.keys import derive


class Identity:
    """A member's long-term keys, from one 32-byte secret: b/B on X25519 (SMMP) and e/E on Ed25519 (signs joins)."""

    def __init__(self, suite, secret):
        self.b = derive(suite, secret, b"sc/id-x25519")
        self.B = suite.x25519_base(self.b)
        self.e = derive(suite, secret, b"sc/id-ed25519")
        self.E = suite.ed25519_public(self.e)

    @property
    def public(self):
        """B(32) || E(32): what is pinned."""
        return self.B + self.E


class Join:
    """One session of a member: (lamport, sid) orders sessions; S verifies what the session signs; ended: its former
    sessions, joined: the sid's beginning (4) and the number of notes; data is what the member says of itself, UTF-8."""

    def __init__(self, lamport, sid, public, S, ring, data=b"", ended=b""):
        self.lamport, self.sid, self.public, self.S = lamport, sid, public, S
        self.ring, self.ended, self.data = ring, ended, data

    @property
    def order(self):
        return (self.lamport, self.sid)
