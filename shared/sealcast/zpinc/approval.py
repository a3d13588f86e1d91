"""A changed identity is approved: by a person who compared its fingerprint here, or by the admin's signed list.
PROTOCOL.md sections 6.1 and 6.6. Rare code."""

from ..compat import const
from ..crypto.signing import SIG, sign_as, verify_signed
from ..errors import NoGroup, Reject
from ..rare import load
from ..wire import U32, Reader, header, u32
from .places import BY_HAND, WAITS, notice_topic

KIND = const(13)  # of frame
LABEL = b"sc/approvals"
MOST = const(31)
_PRINT = const(24)  # letters of a fingerprint, hyphens included


def approve(me, members, places, uid, text, admin_seed, time, online, out):
    """A person has checked this fingerprint: that identity is pinned, now or when its join is read again, and none that
    came meanwhile. admin_seed: 32 bytes or None; with it the others are told. time: Unix s, or 0. Raises NoGroup."""
    found = [m for m in members.by_tag.values() if m.uid == uid]
    if not found:
        raise NoGroup("nobody of this name has joined this channel: look at the list of members")
    if len(text.encode()) != _PRINT:
        raise NoGroup("this is no fingerprint: it has 24 characters, hyphens included")
    member = found[0]
    if admin_seed:
        _tell(me, members, member.tag, text, admin_seed, time, online, out)
    if members.approvals[0]:  # this list says nothing of it any more, nor a later one that says the same
        said = [letters for tag, letters in members.approvals[1] if tag == member.tag]
        places.pins[BY_HAND + uid] = u32(members.approvals[0]) + "".join(said).encode()
    if not _believe(me, places, member, text, online, out):
        out.event("approval_waits", {"uid": uid, "fingerprint": text})


def _believe(me, places, member, text, online, out):
    """-> is the identity with this fingerprint pinned by now?"""
    joins, out.dirty = load("zpinc.joins"), True
    if joins.fingerprint(me.suite, member.public) == text:
        places.pins.pop(WAITS + member.uid, None)
        out.event("approved", {"uid": member.uid})
        return True
    places.pins[WAITS + member.uid] = member.public + text.encode()
    shown = member.refused and joins.fingerprint(me.suite, member.refused) == text
    if shown:
        joins.pin(me, places, member, member.refused, out)
    if online:
        out.subscribe(me.topics.make(member.name, "j", "+"))
    return bool(shown)


def _tell(me, members, tag, text, admin_seed, time, online, out):
    admin = me.suite.ed25519_public(admin_seed)
    if admin != me.config.get("admin"):
        raise NoGroup("this channel has another admin, or none: approve it at each member")
    out.outbox.room()
    number, listed = members.approvals
    number = min(max(number + 1, time), U32)
    listed = ([entry for entry in listed if entry[0] != tag] + [(tag, text)])[-MOST:]
    members.approvals = (number, listed)
    body = bytes((len(listed),)) + b"".join([known + letters.encode() for known, letters in listed])
    head, place = header(KIND, me.keys.rp[:16], number), me.keys.rp[:16]
    sig = sign_as(me.suite, LABEL, admin_seed, admin, me.keys.ad(head, place), body)
    frame, where = me.keys.seal(me.rng, head, place, body + sig), notice_topic(me.keys, me.topics, me.channel, "a")
    token = out.outbox.add(where, frame, True, None)
    out.dirty = True
    if online:
        out.publish(where, frame, True, token)
    else:
        out.queued(token)


def receive(me, members, places, frame, online, out):
    """The admin's list. Raises Reject; then nothing has changed."""
    ad, place, number, pt = me.keys.open(frame, KIND, me.keys.rp[:16])
    if number < members.approvals[0] or place != me.keys.rp[:16]:
        raise Reject("stale")
    admin = me.config.get("admin")
    if admin is None:
        raise Reject("signature")
    r = Reader(pt)
    try:
        listed = [(r.take(16), r.take(_PRINT).decode()) for _ in range(r.uint(1))]
    except UnicodeError:
        raise Reject("format")
    r.take(SIG)
    r.end()
    if not 1 <= len(listed) <= MOST:
        raise Reject("format")
    verify_signed(me.suite, admin, LABEL, ad, pt)
    out.dirty = out.dirty or number > members.approvals[0]
    members.approvals = (number, listed)
    for tag, letters in listed:
        m = members.by_tag.get(tag)
        by_hand = places.pins.get(BY_HAND + m.uid, b"") if m else b""
        if not m or not m.public or u32(number) == by_hand[:4] or letters.encode() == by_hand[4:]:
            continue
        asked = places.pins.get(WAITS + m.uid) == m.public + letters.encode()
        if not asked and letters != load("zpinc.joins").fingerprint(me.suite, m.public):
            places.pins.pop(BY_HAND + m.uid, None)
            _believe(me, places, m, letters, online, out)
