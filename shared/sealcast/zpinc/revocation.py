"""A lost board: the channel moves to a key it never had. PROTOCOL.md section 22.

The admin signs a notice that carries the new root key, sealed to each remaining member. What stays is in places.py.
"""

from ..compat import const
from ..crypto.keys import ZERO, dh, high_order
from ..crypto.signing import NOTICE_LABEL, PACKAGE_LABEL, SIG, sign_as, verify_signed
from ..errors import NoGroup, Reject
from ..wire import JOIN, NONCE, NOTICE, PACKAGE, PRESENCE, Reader, header, lv, u32
from .notes import frame_digest
from .places import ANSWER_MS, BY_HAND, INSTEAD, WAITS, Old, notice_topic

MAX_PARTIES = const(31)
MAX_OLD = const(4)


def _share(suite, rp, generation, W, tag, B, K, z1, z2):
    """The key that seals the new root to one member: used once."""
    return suite.h(32, b"", b"", b"sc/share", lv(rp, W, tag, B, K), u32(generation), z1, z2)


# --- the admin


def declare(me, members, places, uid, admin_seed, keep, now, out):
    """Make, publish and follow a notice that leaves `uid` behind, and whoever is not in `keep` (uids; None: all but
    `uid` stay) -> the new root key. Raises NoGroup when it cannot be made."""
    suite, rp = me.suite, me.keys.rp
    admin = suite.ed25519_public(admin_seed)
    if admin != me.config.get("admin"):
        raise NoGroup("this channel has another admin, or none: change the password instead")
    removed = me.keys.name(uid.encode())[:16]
    if removed not in others(me, members, None):
        raise NoGroup("no other member of that name is known here")
    stay = others(me, members, uid)
    if keep is not None:
        stay = {tag: stay[tag] for tag in stay if stay[tag][0] in keep}
        if len(stay) < len(set(keep)):
            raise NoGroup("not all who are to stay are known here, or one is lost: name members that have joined")
    if len(stay) + 1 > MAX_PARTIES:
        raise NoGroup("a notice reaches at most %d members: name those who stay" % (MAX_PARTIES - 1))
    generation = places.generation + 1
    root, w = me.rng.bytes(32), me.rng.bytes(32)
    W = suite.x25519_base(w)
    parts = [W, removed, bytes((len(stay),))]
    for tag in sorted(stay):
        B = stay[tag][1][:32]
        K = places.theirs.get(tag, ZERO)
        keyed = K != ZERO
        key = _share(suite, rp, generation, W, tag, B, K, dh(suite, w, B), dh(suite, w, K) if keyed else ZERO)
        parts.append(tag + bytes((keyed,)) + suite.secretbox(key, bytes(NONCE), root))
    body = b"".join(parts)
    head = header(NOTICE, rp[:16], generation)
    sig = sign_as(suite, NOTICE_LABEL, admin_seed, admin, me.keys.ad(head, rp[:16]), body)
    frame = me.keys.seal(me.rng, head, rp[:16], body + sig)
    out.publish(notice_topic(me.keys, me.topics, me.channel), frame, True)
    return move(me, members, places, root, generation, frame, uid, [other for other, _ in stay.values()], out)


def others(me, members, uid):
    """Who gets the new key when `uid` is left behind: {tag: (uid, B || E)}. All that have joined, or stand in
    our roster."""
    found = {}
    for other, public in me.roster.items():
        found[me.keys.name(other.encode())[:16]] = (other, public)
    for m in members.by_tag.values():
        if m.public:
            found[m.tag] = (m.uid, m.public)
    return {tag: found[tag] for tag in found if found[tag][0] not in (uid, me.uid)}


# --- everyone


def receive_key(me, places, member, frame):
    """The notice key of another member. Raises Reject."""
    ad, sid, _, pt = me.keys.open(frame, PACKAGE, member.tag)
    if member.session(sid) is not member.current:
        raise Reject("stale")
    r = Reader(pt)
    K = high_order(r.take(32))
    r.take(SIG)
    r.end()
    verify_signed(me.suite, member.current.S, PACKAGE_LABEL, ad, pt)
    places.theirs[member.tag] = K


def receive(me, members, places, frame, now, out):
    """A notice for the place where we are -> the root key of where to move, or None. Raises Reject; then
    nothing has changed."""
    ad, place, generation, pt = me.keys.open(frame, NOTICE, me.keys.rp[:16])
    if generation <= places.generation or place != me.keys.rp[:16]:
        raise Reject("stale")
    admin = me.config.get("admin")
    if admin is None:
        raise Reject("signature")
    r = Reader(pt)
    W, removed, n = r.take(32), r.take(16), r.uint(1)
    shares = [(r.take(16), r.uint(1), r.take(48)) for _ in range(n)]
    r.take(SIG)
    r.end()
    if n > MAX_PARTIES:
        raise Reject("format")
    verify_signed(me.suite, admin, NOTICE_LABEL, ad, pt)
    mine = [s for s in shares if s[0] == me.tag]
    if removed == me.tag or not mine:
        if out.may_report("expelled", now):
            out.event("expelled", {"generation": generation})
        return None
    root = _open(me, places, mine[0], generation, W)
    if root is None:
        if out.may_report("notice_unreadable", now):
            out.event("notice_unreadable", {"generation": generation})
        return None
    known = others(me, members, None)
    gone = known[removed][0] if removed in known else None
    waiting = [known[s[0]][0] for s in shares if s[0] in known]
    return move(me, members, places, root, generation, frame, gone, waiting, out)


def _open(me, places, share, generation, W):
    """The new root in our share of a right notice; None when it was sealed to a notice key that we have no
    more. Raises Reject."""
    suite, k, K, z2 = me.suite, places.k, ZERO, ZERO
    _, keyed, box = share
    if keyed > 1:
        raise Reject("format")
    if keyed:
        if k is None:
            return None
        K, z2 = suite.x25519_base(k), dh(suite, k, W)
    key = _share(suite, me.keys.rp, generation, W, me.tag, me.identity.B, K, dh(suite, me.identity.b, W), z2)
    return suite.secretbox_open(key, bytes(NONCE), box)


def move(me, members, places, root, generation, frame, removed, waiting, out):
    """Remember the place we leave, and whom we know there -> root, where the channel is to begin."""
    pin(members, places, removed)
    places.pins.pop(removed, None)
    places.pins.pop(WAITS + (removed or ""), None)
    for old in places.old:
        old.waiting.discard(removed)
    here = Old(me.suite, me.root, me.channel, frame, set(waiting))
    places.old = [o for o in places.old if o.waiting][-(MAX_OLD - 1) :] + [here]
    settle(places, generation)
    out.event("moved", {"generation": generation, "removed": removed, "waiting": sorted(waiting)})
    return root


def pin(members, places, but=None):
    """Whom we have pinned is taken along."""
    for m in members.by_tag.values():
        if m.public and m.uid != but:
            places.pins[m.uid] = m.public


def settle(places, generation):
    """Another place: its notice keys are yet to be made, and its lists of approvals."""
    places.pins = {uid: places.pins[uid] for uid in places.pins if uid[0] != BY_HAND or uid[:2] == INSTEAD}
    places.generation = generation
    places.k = None
    places.theirs = {}


def at_old_place(places, topic, frame, now, out):
    """Something at a place we left: whoever is still there is told. True when the topic was one of those.
    Raises Reject."""
    for old in places.old:
        if topic.startswith(old.topics.prefix):
            name, stream = old.topics.parse(topic)
            if stream not in "jp":
                return True
            uid, digest = old.keys.uid(name), frame_digest(old.keys.suite, frame)
            if uid in old.waiting and now >= old.answer_at and old.answered.get(uid) != digest:
                old.keys.open(frame, JOIN if stream == "j" else PRESENCE, name[:16])
                old.answered[uid] = digest
                old.answer_at = now + ANSWER_MS
                out.publish(old.topic, old.notice, True)
            return True
    return False
