"""One-time key packages: ours, and what we know of the others'. PROTOCOL.md section 16.1.

Signed by their maker's session: nobody else adds to a member's packages or displaces one, whatever is published under
its name.
"""

from ..compat import const
from ..crypto.keys import high_order
from ..crypto.signing import PACKAGE_LABEL, SIG, seal_signed, verify_signed
from ..errors import Reject
from ..wire import PACKAGE, Reader, header, u32
from .group import AHEAD
from .ratchet import MAX_NUMBER

MAX_KEPT = const(31)  # members whose packages we keep
BELIEVED = const(64)  # how far beyond what we know of a number is believed
LEAPS = const(10)  # a connection: 65,472 numbers in all, so that asking on for years uses up none that matter
_RECORD = const(68)  # number u32 || K || R


# --- ours


def publish(me, group, out):
    p = group.packages
    while len(p.mine) < AHEAD and _new(me, p, out):
        pass
    for number in sorted(p.mine)[-AHEAD:]:
        k, r = p.mine[number]
        head, base = header(PACKAGE, me.session.sid, number), me.suite.x25519_base
        frame = seal_signed(me, head, me.tag, PACKAGE_LABEL, base(k) + base(r))
        out.publish(me.topic("k", number % AHEAD), frame, True)


def renew(me, group, out):
    """New ones. The newest of the old are kept a while: an agreement on its way, or one that we missed, may name
    them."""
    p = group.packages
    for number in sorted(p.mine)[:-AHEAD]:
        del p.mine[number]
    p.fresh = p.counter + 1
    for _ in range(AHEAD):
        _new(me, p, out)
    publish(me, group, out)


def _new(me, p, out):
    """False when there are no numbers left."""
    if p.counter >= MAX_NUMBER:
        return False
    p.counter += 1
    p.mine[p.counter] = (me.rng.bytes(32), me.rng.bytes(32))
    out.dirty = True
    return True


def fits(me, group, number, R):
    """Is this our unused package?"""
    mine = group.packages.mine
    return number in mine and me.suite.x25519_base(mine[number][1]) == R


def behind(me, group, number, now, out):
    """An agreement names a package of ours that we never made: the others take ours for used up to it. Go on above
    it."""
    p = group.packages
    if p.counter < number <= min(p.counter + BELIEVED, MAX_NUMBER) and out.may_report("numbers", now):
        p.counter = number
        renew(me, group, out)


def leap(group, wants):
    """We have asked to be taken in so many times, in vain: the others may take more of ours for used than we ever
    made."""
    p = group.packages
    further = p.counter + (BELIEVED << wants - 1 if 0 < wants <= LEAPS else 0)
    if further <= MAX_NUMBER - BELIEVED:
        p.counter = further


# --- the others'


def receive(me, group, member, frame):
    """A package of another member. Raises Reject."""
    p, tag = group.packages, member.tag
    ad, sid, number, pt = me.keys.open(frame, PACKAGE, tag)
    if member.session(sid) is not member.current:
        raise Reject("stale")
    r = Reader(pt)
    K, R = r.take(32), r.take(32)
    r.take(SIG)
    r.end()
    if number > MAX_NUMBER:
        raise Reject("format")
    packages = known(group, tag)
    if number in packages or number <= p.floor.get(tag, 0):
        raise Reject("duplicate")
    high_order(K), high_order(R)
    verify_signed(me.suite, member.current.S, PACKAGE_LABEL, ad, pt)
    _room(group, tag)
    packages[number] = (K, R)
    _keep(p, tag, packages)  # not worth a store: it is retained, and read again


def _room(group, tag):
    """Packages of a member more: who is not in our group makes room for who is. Raises Reject("full")."""
    theirs, inside = group.packages.theirs, group.tags()
    if tag in theirs or len(theirs) < MAX_KEPT:
        return
    strangers = [t for t in theirs if t not in inside]
    if tag not in inside or not strangers:
        raise Reject("full")
    group.packages.forget(min(strangers))


def known(group, tag):
    """A member's packages that we know: {number: (K, R)}."""
    data, packages = group.packages.theirs.get(tag, b""), {}
    for at in range(0, len(data), _RECORD):
        packages[int.from_bytes(data[at : at + 4], "big")] = (data[at + 4 : at + 36], data[at + 36 : at + _RECORD])
    return packages


def _keep(p, tag, packages):
    p.theirs[tag] = b"".join([u32(n) + packages[n][0] + packages[n][1] for n in sorted(packages)[-AHEAD:]])


def used(group, tag, number, out):
    """An accepted agreement names another member's package, one that we know or not."""
    floor = group.packages.floor.get(tag, 0)
    if number <= max(list(known(group, tag)) + [floor]) + BELIEVED:
        _spent(group, tag, max(number, floor), out)


def asked(group, tag, number, out):
    """A member says itself that all below `number` is void. Raises Reject("stale") for what it said in the past."""
    if number <= group.packages.floor.get(tag, 0):
        raise Reject("stale")
    _spent(group, tag, number - 1, out)


def _spent(group, tag, number, out):
    p = group.packages
    p.floor[tag] = number
    if tag in p.theirs:
        packages = known(group, tag)
        _keep(p, tag, {n: packages[n] for n in packages if n > number})
    out.dirty = True
