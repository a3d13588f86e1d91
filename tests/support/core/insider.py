"""What a member that has turned against its group makes: frames that are sealed and signed as they should be, and lie.

PROTOCOL.md 16 to 22, on CPython and on MicroPython; used by the attacks in tests/core/smmp and tests/core/zpinc.
"""

from room import Room, packed
from sealcast.crypto.signing import PACKAGE_LABEL, mac, seal_signed
from sealcast.smmp import agreement as formulas
from sealcast.smmp import membership
from sealcast.smmp.group import LIVE, static
from sealcast.smmp.outgoing import wrapped
from sealcast.wire import CONTROL, PACKAGE, header
from solo import hardware, suite

LOW = (
    bytes(32),
    b"\x01" + bytes(31),
    b"\xec" + b"\xff" * 30 + b"\x7f",
    b"\xed" + b"\xff" * 31,
    b"\xee" + b"\xff" * 30 + b"\x7f",
)


def three():
    """ann, bob and cem, live in a group that ann has made."""
    room = Room(("ann", "bob", "cem"))
    room.do("ann", "change_group", "create", ["bob", "cem"])
    assert [room.members[uid].group.phase for uid in room.members] == [LIVE] * 3
    return room


def publish(room, uid, stream, frame, slot=None):
    """What a member that has turned puts on the group's topics."""
    ch = room.members[uid]
    topic = ch.me.topics.make(ch.group.name, stream, slot)
    room.run(uid, [("publish", topic, wrapped(ch.me, ch.group, frame), slot is not None, 1, 0)])


def drops(room, uid):
    return room.members[uid].out.drops


def same(room, *uids):
    heads = [room.members[uid].group.state.head for uid in uids]
    return all(room.members[uid].group.phase == LIVE for uid in uids) and heads == heads[:1] * len(heads)


def control_of(ch, kind, body, tag=None, lamport=None):
    """A control frame with the MACs that `ch` can make for all whom it knows, whoever it names."""
    tag = tag or ch.me.tag
    head, said = header(CONTROL, tag, ch.me.session.lamport if lamport is None else lamport), bytes((kind,)) + body
    return ch.me.keys.seal(ch.me.rng, head, ch.group.id, said + macs(ch, head, tag, ch.group.id, said))


def macs(ch, head, tag, place, said):
    """Joined, by which those whom `ch` knows believe it as far as they believe its identity. tag: whom it names."""
    ad, group = ch.me.keys.ad(head, place), ch.group
    each = [mac(suite, static(ch.me, ch.others, group, to), ad, group.id, tag, to, said) for to in ch.others.by_tag]
    return b"".join(each)


def agreement(room, uid, change, reason=0, epoch=None):
    """A resync by this member in which change(parties) has been made. -> (frame, State)"""
    ch = room.members[uid]
    g, st, r = ch.group, ch.group.state, hardware(32)
    parties = [membership.party(ch.me, ch.others, g, tag, False, r) for tag in st.tags]
    change(parties)
    return formulas.agree(
        suite,
        g.id,
        st.epoch if epoch is None else epoch,
        st.head,
        reason,
        ch.me.tag,
        ch.me.identity.b,
        r,
        hardware(32),
        parties,
        st.v,
    )


def party(room, parties, uid):
    return [p for p in parties if p.tag == room.members[uid].me.tag][0]


def package(ch, number, body=None, tag=None, sid=None):
    head = header(PACKAGE, sid or ch.me.session.sid, number)
    body = suite.x25519_base(hardware(32)) + suite.x25519_base(hardware(32)) if body is None else body
    return seal_signed(ch.me, head, tag or ch.me.tag, PACKAGE_LABEL, body)


def refuses(room, uid, stream, payload, reason, slot=None):
    """This member counts the group's payload under this reason; what it would store, and its phase, are as before."""
    ch = room.members[uid]
    before, phase, count = packed(ch.group), ch.group.phase, ch.out.drops.get(reason, 0)
    effects = ch.receive(ch.me.topics.make(ch.group.name, stream, slot), payload, room.now)
    assert ch.out.drops.get(reason, 0) == count + 1, ch.out.drops
    assert packed(ch.group) == before and ch.group.phase == phase
    assert not [e for e in effects if e[0] in ("store", "append", "message")]
    room.run(uid, effects)
