"""Receipts: who has a message of ours, and what we have of others'. PROTOCOL.md section 24. Rare code; what is owed and
waited for is in `out` (effects.py).
"""

from ..compat import const
from ..crypto.signing import SIG, check, received, sign
from ..effects import SUBSCRIBE, Wanted
from ..errors import Reject
from ..wire import RECEIPT, header

ITEM = const(16)
MAX_ITEMS = const(64)
SIGNED = const(1)  # types: of notes and conversation messages
PAIRED = const(2)  # of ratchet messages


# --- what we have


def pair_item(suite, static, after, tag, sender):
    """By which `tag` confirms a ratchet message to `sender`, and nobody else can. static: X25519 of their identities.
    after: the State that its frame made."""
    return suite.h(32, static, b"", b"sc/confirmed", after.v, after.head, tag, sender)[:ITEM]


def say(me, out):
    """All that is owed: a frame a type."""
    owed, out.owed = out.owed, []
    for kind in (SIGNED, PAIRED):
        items = [item for signed, item in owed if signed == (kind == SIGNED)]
        if items:
            head, body = header(RECEIPT, me.session.sid, 0), bytes((kind,)) + b"".join(items)
            if kind == SIGNED:
                body += sign(me.suite, me.session, me.keys.ad(head, me.tag), body)
            out.publish(me.topic("r"), me.seal(head, body))


# --- what we want to know


def want(me, waiting, frame, lead, out):
    """Our message has been sealed, or waits for its turn in the group -> its Wanted. waiting: {tag: uid}. frame: of a
    note or conversation message; lead: of a ratchet message."""
    _done(out)
    wanted = Wanted(waiting, {} if frame is None else {received(me.suite, me.tag, frame): None}, lead)
    if waiting and not out.wanted:
        out.effects.insert(0, (SUBSCRIBE, me.topics.everyone("r"), 1))  # before the message goes
    if waiting:
        out.wanted.append(wanted)
    return wanted


def placed(suite, lead, statics, after, tag, out):
    """Our ratchet message was accepted in its place: now it is known what confirms it."""
    for wanted in out.wanted:
        if wanted.lead == lead:
            for member in wanted.waiting:
                wanted.items[pair_item(suite, statics(member), after, member, tag)] = member
            for member, item in wanted.early:
                if wanted.items.get(item) == member:
                    _confirmed(wanted, member)
    _done(out)


def receive(me, member, frame, out):
    """What another member confirms. Raises Reject."""
    ad, sid, seq, pt = me.keys.open(frame, RECEIPT, member.tag)
    if sid != member.current.sid:
        raise Reject("stale")
    kind = pt[0] if pt else 0
    end = len(pt) - SIG * (kind == SIGNED)
    if seq or kind not in (SIGNED, PAIRED) or end % ITEM != 1 or not 1 < end <= 1 + ITEM * MAX_ITEMS:
        raise Reject("format")
    found = []
    for at in range(1, end, ITEM):
        item = pt[at : at + ITEM]
        for wanted in out.wanted:
            if member.tag in wanted.waiting and (wanted.lead is None) == (kind == SIGNED):
                if item in wanted.items and wanted.items[item] in (None, member.tag):
                    found.append(wanted)
                elif kind == PAIRED:
                    wanted.early = (wanted.early + [(member.tag, item)])[-MAX_ITEMS:]
    if found and kind == SIGNED:
        check(me.suite, member.current.S, ad, pt)
    for wanted in found:
        _confirmed(wanted, member.tag)
    _done(out)


def _confirmed(wanted, tag):
    uid = wanted.waiting.pop(tag, None)
    if uid is not None:
        wanted.confirmed.append(uid)


def _done(out):
    """All have confirmed it, or nobody waits any more."""
    out.wanted = [wanted for wanted in out.wanted if wanted.waiting]
