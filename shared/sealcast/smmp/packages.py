"""One-time key packages: ours, and what we know of the others'. PROTOCOL.md section 16.1.

Signed by their maker's session: nobody else adds to a member's packages or displaces one, whatever is published under its name.
"""

from ..compat import const
from ..crypto.keys import high_order
from ..crypto.signing import PACKAGE_LABEL, SIG, seal_signed, verify_signed
from ..errors import Reject
from ..wire import PACKAGE, Reader, header, u32
from .ratchet import MAX_NUMBER, Package

PACKAGES = const(2)  # published ahead, so that a sleeping member survives two agreements
MAX_MEMBERS = const(31)  # whose packages we keep
AHEAD = const(64)  # how far beyond what we know of a number is believed
LABEL = PACKAGE_LABEL
_RECORD = const(68)


class Packages:
    """`group`: see group.Group."""

    def __init__(self, group):
        self.group = group
        self.ch = group.ch
        self.mine = {}  # number -> Package
        self.counter = 0
        self.fresh = 0  # number of the first package that we made to be taken in again
        self.theirs = {}  # tag -> number u32 || K || R, again and again: see known()
        self.floor = {}  # tag -> numbers up to here are used

    # --- ours

    def publish(self):
        ch = self.ch
        while len(self.mine) < PACKAGES and self._new():
            pass
        for number in sorted(self.mine)[-PACKAGES:]:
            p = self.mine[number]
            head = header(PACKAGE, ch.session.sid, number)
            ch.publish("k", seal_signed(ch, head, ch.tag, LABEL, p.K + p.R), True, number % PACKAGES)

    def renew(self):
        """New ones. The newest of the old are kept a while: an agreement on its way, or one that we missed, may name them."""
        for number in sorted(self.mine)[:-PACKAGES]:
            del self.mine[number]
        self.fresh = self.counter + 1
        for _ in range(PACKAGES):
            self._new()
        self.publish()

    def _new(self):
        """False when there are no numbers left."""
        ch = self.ch
        if self.counter >= MAX_NUMBER:
            return False
        self.counter += 1
        self.mine[self.counter] = Package(ch.suite, ch.rng.bytes(32), ch.rng.bytes(32))
        ch.dirty = True
        return True

    def fits(self, number, R):
        """Is this our unused package?"""
        return number in self.mine and self.mine[number].R == R

    def get(self, number):
        """Ours of that number. Raises Reject("package")."""
        if number not in self.mine:
            raise Reject("package")
        return self.mine[number]

    def spend(self, number):
        """An agreement used ours up to that number. -> {number: Package}: kept for one epoch."""
        return {n: self.mine.pop(n) for n in list(self.mine) if n <= number}

    def behind(self, number, now):
        """An agreement names a package of ours that we never made: the others take ours for used up to it. Go on above it."""
        if self.counter < number <= min(self.counter + AHEAD, MAX_NUMBER) and self.ch.may_report("numbers", now):
            self.counter = number
            self.renew()

    # --- the others'

    def package(self, member, frame):
        """A package of another member. Raises Reject."""
        ch = self.ch
        ad, sid, number, pt = ch.keys.open(frame, PACKAGE, member.tag)
        if member.session(sid) is not member.current:
            raise Reject("stale")
        r = Reader(pt)
        K, R = r.take(32), r.take(32)
        r.take(SIG)
        r.end()
        if number > MAX_NUMBER:
            raise Reject("format")
        known = self.known(member.tag)
        if number in known or number <= self.floor.get(member.tag, 0):
            raise Reject("duplicate")
        high_order(K), high_order(R)
        verify_signed(ch.suite, member.current.S, LABEL, ad, pt)
        self._room(member.tag)
        known[number] = (K, R)
        self._keep(member.tag, known)  # not worth a store: it is retained, and read again

    def _room(self, tag):
        """Packages of a member more: who is not in our group makes room for who is. Raises Reject("full")."""
        if tag in self.theirs or len(self.theirs) < MAX_MEMBERS:
            return
        inside = self.group.state.tags if self.group.state else ()
        strangers = [t for t in self.theirs if t not in inside]
        if tag not in inside or not strangers:
            raise Reject("full")
        self.forget(min(strangers))

    def known(self, tag):
        """A member's packages that we know: {number: (K, R)}."""
        data, out = self.theirs.get(tag, b""), {}
        for at in range(0, len(data), _RECORD):
            out[int.from_bytes(data[at : at + 4], "big")] = (data[at + 4 : at + 36], data[at + 36 : at + 68])
        return out

    def _keep(self, tag, known):
        out = b""
        for number in sorted(known)[-PACKAGES:]:
            out += u32(number) + known[number][0] + known[number][1]
        self.theirs[tag] = out

    def forget(self, tag):
        """A member began a new session: what it said before is void."""
        self.theirs.pop(tag, None)
        self.floor.pop(tag, None)

    def used(self, tag, number):
        """An accepted agreement names another member's package, one that we know or not."""
        known = self.known(tag)
        if number <= max(list(known) + [self.floor.get(tag, 0)]) + AHEAD:
            self._spent(tag, known, max(number, self.floor.get(tag, 0)))

    def asked(self, tag, number):
        """A member says itself that all below `number` is void. Raises Reject("stale") for what it said in the past."""
        if number <= self.floor.get(tag, 0):
            raise Reject("stale")
        self._spent(tag, self.known(tag), number - 1)

    def _spent(self, tag, known, number):
        self.floor[tag] = number
        if tag in self.theirs:
            self._keep(tag, {n: known[n] for n in known if n > number})
        self.ch.dirty = True
