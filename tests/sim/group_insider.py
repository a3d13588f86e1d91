"""One member of the group turns on the others: everything it can make
with its own keys, sent in the middle of a story.
"""

from sealcast.crypto.signing import mac, seal_signed
from sealcast.smmp import agreement, membership
from sealcast.smmp import ratchet as smmp
from sealcast.smmp.group import static, statics
from sealcast.smmp.heads import HEAD, NEED, WANT
from sealcast.smmp.outgoing import wrapped
from sealcast.smmp.ratchet import derive
from sealcast.wire import CONTROL, PACKAGE, RATCHET, TAG, header, u32

KINDS = (
    "spoil", "spoil", "pose", "swap", "position", "as another", "want", "need", "agreement", "future", "low",
    "false key", "package",
)  # fmt: skip


def attack(world, client):
    """One attempt of a random kind by this member."""
    r, g = world.random, client.channel.group
    if g.state is None or g.state.v == bytes(32) or not client.connected:
        return
    kind = r.choice(KINDS)
    world.trace("INSIDER " + kind, client.uid)
    frame = globals()["_" + kind.replace(" ", "_")](world, client, g)
    if frame is not None:
        payload = wrapped(client.channel.me, g, frame)
        world.broker.publish(
            client.connection, client.channel.me.topics.make(g.name, "g"), payload, False, None, lambda *_: None
        )


def _statics(client):
    return statics(client.channel.me, client.channel.others, client.channel.group)


def _sealed(world, client, g):
    """A right frame of ours, to be damaged: nobody may deliver what it says."""
    body = b"never to be delivered"
    g.outgoing.count += 1
    lead = b"\xff" + u32(client.channel.me.session.lamport) + u32(g.outgoing.count) + bytes(5)
    return smmp.seal(
        world.suite, g.state, _statics(client), world.random.randbytes(24), world.random.randbytes(32), lead + body
    )[0]


def _close(world, g, unsigned):
    """The tag under v that every member can make."""
    return unsigned + derive(world.suite, g.state.v, b"sc/fm", unsigned)[:TAG]


def _spoil(world, client, g):
    """Some cannot open their header: they reject what the others
    accept. The check under the new root is right for all.
    """
    st, suite, r = g.state, world.suite, world.random
    body = ("%s>/evil %d" % (client.uid, len(world.checks.bodies))).encode()
    world.checks.bodies[body] = (client.uid, "ratchet", None, None)
    world.checks.made[body] = world.now
    g.outgoing.count += 1
    message = b"\xff" + u32(client.channel.me.session.lamport) + u32(g.outgoing.count) + body
    nonce, r_new = r.randbytes(24), r.randbytes(32)
    R_new = suite.x25519_base(r_new)
    statics = b"".join([bytes(32) if i == st.index else _statics(client)(st.tags[i]) for i in range(st.N)])
    lead, z = header(RATCHET, st.group, st.epoch) + st.head, suite.x25519_column(st.r, st.R.data, st.index)
    unsigned = suite.ratchet_frame(z, statics, st.HK, st.digest, st.mk, lead, nonce, R_new, message, st.index)
    for at in range(56, 56 + 48 * (st.N - 1), 48):
        if r.random() >= 0.5:
            unsigned = unsigned[:at] + r.randbytes(48) + unsigned[at + 48 :]
    _, keys = smmp._moved(suite, st, st.index, R_new, message)
    return _close(world, g, unsigned + derive(suite, keys[:32], b"sc/ck", unsigned)[:TAG])


def _pose(world, client, g):
    """Our message under another's number j."""
    frame = bytearray(_sealed(world, client, g)[:-TAG])
    frame[54] = world.random.randrange(g.state.N)
    return _close(world, g, bytes(frame)) if frame[54] != g.state.index else None


def _swap(world, client, g):
    """Another's frame that is on its way, with a body of ours under its headers."""
    for topic, payload in reversed(world.broker.seen[-30:]):
        frame = payload[:-TAG]
        if topic.endswith("/g") and frame[1] == 8 and frame[18:54] == u32(g.state.epoch) + g.state.head:
            ours = _sealed(world, client, g)
            at = 56 + 48 * (g.state.N - 1)
            return _close(world, g, frame[:at] + ours[at:-TAG])
    return None


def _control(world, client, g, tag, pt):
    """With the MACs that we can make, whoever it names."""
    ch = client.channel
    m = ch.others.by_tag.get(tag)
    lamport = m.current.lamport if m and m.current else ch.me.session.lamport
    head = header(CONTROL, tag, lamport)
    ad = ch.me.keys.ad(head, g.id)
    to_all = [to for to in ch.others.by_tag if ch.others.pinned(to)]
    macs = [mac(world.suite, static(ch.me, ch.others, g, to), ad, g.id, tag, to, pt) for to in to_all]
    return ch.me.keys.seal(ch.me.rng, head, g.id, pt + b"".join(macs))


def _position(world, client, g):
    """A lie about where the group is, to whoever asked last and to those who are live."""
    r = world.random
    epoch = g.state.epoch + r.choice((-1, 0, 0, 1, 5, 1000))
    head = r.choice((r.randbytes(32), g.state.head, g.undo.state.head if g.undo and g.undo.state else bytes(32)))
    nonces = [n for c in world.live() for n in c.channel.group.search.nonces[-1:]]
    lie = bytes((HEAD,)) + r.choice(nonces or [bytes(16)]) + b"\x01" + u32(max(0, epoch)) + head
    return _control(world, client, g, client.channel.me.tag, lie)


def _as_another(world, client, g):
    """The same under another member's tag: the seal is one that every member of the channel can make."""
    tag = world.random.choice(g.state.tags)
    return _control(
        world,
        client,
        g,
        tag,
        bytes((HEAD,)) + bytes(16) + b"\x01" + u32(g.state.epoch + 3) + world.random.randbytes(32),
    )


def _want(world, client, g):
    """Another member is to be taken in again, and its packages to be void."""
    tag = world.random.choice([t for t in g.state.tags if t != client.channel.me.tag] or [bytes(16)])
    return _control(world, client, g, tag, bytes((WANT,)) + u32(world.random.choice((1, 50, 0x7FFFFFFF))))


def _need(world, client, g):
    return _control(
        world, client, g, client.channel.me.tag, bytes((NEED,)) + u32(max(0, g.state.epoch - 1)) + bytes(32)
    )


def _agreement(world, client, g):
    """A resync in which one share is wrong: that member cannot follow."""
    st, ch = g.state, client.channel
    parties = []
    for tag in st.tags:
        R = st.R[st.tags.index(tag)]
        if tag == ch.me.tag:
            parties.append(agreement.Party(tag, ch.me.identity.B, 0, None, world.suite.x25519_base(b"\x05" * 32)))
        else:
            wrong = world.suite.x25519_base(world.random.randbytes(32))
            parties.append(agreement.Party(tag, ch.others.pinned(tag), 0, R, world.random.choice((R, R, wrong))))
    if len(parties) < 2 or None in [p.B for p in parties]:
        return None
    return agreement.agree(
        world.suite,
        g.id,
        st.epoch,
        st.head,
        0,
        ch.me.tag,
        ch.me.identity.b,
        b"\x05" * 32,
        world.random.randbytes(32),
        parties,
        st.v,
    )[0]


def _future(world, client, g):
    """A frame that does not exist yet: whoever knows the channel's key can make it."""
    r = world.random
    return header(RATCHET, g.id, g.state.epoch + r.choice((0, 1, 2, 1000))) + r.randbytes(32) + r.randbytes(60)


def _low(world, client, g):
    """A right message that moves us to a key of low order: the next message to us could not be sealed."""
    g.outgoing.count += 1
    message = b"\xff" + u32(client.channel.me.session.lamport) + u32(g.outgoing.count) + b"never to be delivered"
    u = world.random.choice((bytes(32), b"\x01" + bytes(31), b"\xec" + b"\xff" * 30 + b"\x7f"))
    return smmp.seal(
        world.suite, g.state, _statics(client), world.random.randbytes(24), world.random.randbytes(32), message, u
    )[0]


def _false_key(world, client, g):
    """A resync in which another member has a ratchet key of ours: it stays with it, or is said to come in."""
    st, ch, suite = g.state, client.channel, world.suite
    if st.N < 3 or None in [ch.others.pinned(tag) for tag in st.tags]:
        return None
    victim = world.random.choice([tag for tag in st.tags if tag != ch.me.tag])
    evil, r = world.random.randbytes(32), world.random.randbytes(32)
    parties = [membership.party(ch.me, ch.others, g, tag, False, r) for tag in st.tags]
    for p in parties:
        if p.tag == victim:
            p.R = suite.x25519_base(evil)
            if world.random.random() < 0.5:
                p.number, p.K = 3 | smmp.ENTERS, suite.x25519_base(world.random.randbytes(32))
    return agreement.agree(
        suite, g.id, st.epoch, st.head, 0, ch.me.tag, ch.me.identity.b, r, world.random.randbytes(32), parties, st.v
    )[0]


def _package(world, client, g):
    """A package under another member's name, in its session, with a number that would displace its own."""
    ch, r = client.channel, world.random
    m = ch.others.by_tag.get(r.choice([t for t in g.state.tags if t != ch.me.tag] or [bytes(16)]))
    if m is None or not m.current:
        return
    head = header(PACKAGE, m.current.sid, r.choice((1, 3, 50, 0x7FFFFFFE, 0xFFFFFFFF)))
    frame = seal_signed(ch.me, head, m.tag, b"sc/package", world.suite.x25519_base(r.randbytes(32)) * 2)
    world.broker.publish(
        client.connection, ch.me.topics.make(m.name, "k", r.randrange(2)), frame, True, None, lambda *_: None
    )
