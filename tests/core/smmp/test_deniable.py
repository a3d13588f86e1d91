"""What a member said in the group is shown to nobody: positions and places carry MACs of pairs, and no signature covers
them. PROTOCOL.md 7.5, 7.6, 8 and 18.2."""

from insider import control_of, macs, refuses, three
from room import Room
from sealcast.crypto.signing import SIG
from sealcast.crypto.signing import mac as pair_mac
from sealcast.errors import Reject
from sealcast.smmp import heads
from sealcast.smmp.group import LIVE, static
from sealcast.smmp.heads import ASK, HEAD, NEED, WANT
from sealcast.smmp.outgoing import wrapped
from sealcast.smmp.ratchet import frame_hash
from sealcast.wire import AGREEMENT, CONTROL, HEADER, NONCE, PRESENCE, RATCHET, TAG, header, u32
from sealcast.zpinc.presence import open_presence
from solo import hardware, suite

HEAP = "heapsize=900k"  # for four members, their broker and the cases in one
INVENTED = b"never said by anybody".join((b"??", b"?????????"))
BODIES = {ASK: 52, HEAD: 53, NEED: 36, WANT: 4}


def on_group(ch, frame):
    return ch.me.topics.make(ch.group.name, "g"), wrapped(ch.me, ch.group, frame)


def believes(ch, frame):
    """-> the Control frame as this member takes it, or the reason why it does not."""
    try:
        return heads.Control(ch.me, ch.others, ch.group, frame)
    except Reject as e:
        return e.reason


def next_presence(room, uid):
    """(topic, frame) that this member publishes next; nobody has it yet."""
    ch = room.members[uid]
    room.run(uid, [e for e in ch.tick(ch.keepalive.due) if e[0] != "publish" or found(room, e)])
    return room.found


def found(room, effect):
    room.found = (effect[1], effect[2])


def by(ch, topic, frame, change):
    """The presence in this frame with another tail, sealed again by `ch`: under the same nonce."""
    tag = ch.me.topics.parse(topic)[0][:16]
    head, nonce = frame[:HEADER], frame[HEADER : HEADER + NONCE]
    pt = ch.me.keys.open(frame, PRESENCE, tag)[3]
    signed = pt[: 65 + 8 * pt[64] + SIG]
    return suite.seal_frame(ch.me.keys.msgkey, head, ch.me.keys.place(tag), nonce, change(tag, head, signed))


def test_who_shows_a_position_could_have_made_it():
    """With nothing but its own state cem makes bob name a head that never was. cem's own member believes it, and ann's
    does not: so what cem shows of bob proves nothing, and an insider gains nothing."""
    room = three()
    ann, bob, cem = [room.members[uid] for uid in ("ann", "bob", "cem")]
    for kind in (ASK, HEAD):
        body = bytes(16) + b"\x01" * (kind == HEAD) + u32(7) + INVENTED
        head, said = header(CONTROL, bob.me.tag, cem.others.by_tag[bob.me.tag].current.lamport), bytes((kind,)) + body
        key = static(cem.me, cem.others, cem.group, bob.me.tag)
        mac = pair_mac(suite, key, cem.me.keys.ad(head, cem.group.id), cem.group.id, bob.me.tag, cem.me.tag, said)
        made = cem.me.keys.seal(cem.me.rng, head, cem.group.id, said + mac)
        taken = believes(cem, made)
        assert taken.tag == bob.me.tag and taken.position == (7, INVENTED)
        assert believes(ann, made) == "bad_hmac"
        true = control_of(bob, kind, body)  # what bob would have said: as good to each of them
        assert believes(ann, true).position == believes(cem, true).position == taken.position


def test_who_shows_a_place_could_have_made_it():
    """The same of a presence: cem keeps what bob signed, and puts another place behind it. Not even the mark, which
    later presences name under their signatures, tells the two apart."""
    room = three()
    ann, bob, cem = [room.members[uid] for uid in ("ann", "bob", "cem")]
    topic, frame = next_presence(room, "bob")

    def invented(tag, head, signed):
        said = signed + u32(7) + INVENTED[:16]
        key = static(cem.me, cem.others, cem.group, tag)
        return said + pair_mac(suite, key, cem.me.keys.ad(head, tag), cem.group.id, tag, cem.me.tag, said)

    forged = by(cem, topic, frame, invented)
    ours, ours_too = [ch.others.by_tag[bob.me.tag] for ch in (ann, cem)]
    _, p, signed = open_presence(ann.me, ann.others, ann.group, frame, ours)
    assert p.place == (bob.group.state.epoch, bob.group.state.head[:16])
    _, lie, signed_too = open_presence(cem.me, cem.others, cem.group, forged, ours_too)
    assert lie.place == (7, INVENTED[:16]) and signed == signed_too
    room.run("cem", cem.receive(topic, forged, room.now))
    room.run("ann", ann.receive(topic, forged, room.now))
    assert ours_too.place == (7, INVENTED[:16]) and ours_too.mark == cem.others.heard.marks[-1]
    assert ours.place is None and ours.mark == ours_too.mark


def test_a_place_without_our_mac_is_none():
    """An insider vouches for bob's place by its own identity, or for another presence; a stranger leaves the MACs out:
    bob is there, and not live in the group as far as we know."""
    for change in ("insider", "another", "none"):
        room = three()
        ann, bob, cem = [room.members[uid] for uid in ("ann", "bob", "cem")]
        _, former = next_presence(room, "bob")
        topic, frame = next_presence(room, "bob")
        assert former != frame

        def tail(tag, head, signed, change=change, cem=cem, bob=bob, former=former):
            place = u32(bob.group.state.epoch) + bob.group.state.head[:16]
            if change == "insider":
                return signed + place + macs(cem, head, tag, tag, signed + place)
            if change == "another":
                old = cem.me.keys.open(former, PRESENCE, tag)[3]
                return signed + old[65 + 8 * old[64] + SIG :]
            return signed + place

        ann.others.by_tag[bob.me.tag].place = (1, bytes(16))
        room.run("ann", ann.receive(topic, by(cem, topic, frame, tail), room.now))
        seen = ann.others.by_tag[bob.me.tag]
        assert seen.place is None and seen.counter == bob.keepalive.counter
        room.run("ann", ann.send(b"x", None, room.now))
        assert ann.sent.mode != "ratchet" and "bob" in ann.sent.audience


def test_a_tail_that_is_none_is_refused():
    room = three()
    ann, bob, cem = [room.members[uid] for uid in ("ann", "bob", "cem")]
    topic, frame = next_presence(room, "bob")
    place = u32(3) + bytes(16)
    before = ann.others.by_tag[bob.me.tag].counter
    tails = (b"\x00", place[:-1], place + bytes(15), place + bytes(17), bytes(20), u32(0x80000000) + bytes(16))
    for tail in tails + (place + bytes(16 * 20),):
        count = ann.out.drops.get("format", 0)
        forged = by(cem, topic, frame, lambda tag, head, signed, t=tail: signed + t)
        room.run("ann", ann.receive(topic, forged, room.now))
        assert ann.out.drops["format"] == count + 1 and ann.others.by_tag[bob.me.tag].counter == before
    room.run("ann", ann.receive(topic, by(cem, topic, frame, lambda tag, head, signed: signed + place), room.now))
    assert ann.others.by_tag[bob.me.tag].counter == bob.keepalive.counter


def test_a_control_frame_without_our_mac_moves_nothing():
    """Of every type: made by another's identity in bob's name, by bob for the others alone, for nobody."""
    room = three()
    ann, bob, cem = [room.members[uid] for uid in ("ann", "bob", "cem")]
    room.say("bob", b"a frame to be asked for")
    lamport = bob.me.session.lamport
    where = bytes(16) + b"\x01" + u32(ann.group.state.epoch + 5) + INVENTED
    number = ann.group.packages.theirs[bob.me.tag][:4]
    before = u32(ann.group.state.epoch - 1)
    bodies = ((ASK, hardware(16) + where[17:]), (HEAD, where), (NEED, before + bytes(32)), (WANT, number))
    for kind, body in bodies:
        right = control_of(bob, kind, body)
        pt = bob.me.keys.open(right, CONTROL, bob.group.id)[3]
        head, said = right[:HEADER], pt[: -2 * TAG]
        for each in (pt[-2 * TAG : -TAG], pt[-TAG:], b"", bytes(16 * 31)):
            frame = bob.me.keys.seal(bob.me.rng, head, bob.group.id, said + each)
            for ch, uid in ((ann, "ann"), (cem, "cem")):
                if believes(ch, frame) == "bad_hmac":
                    refuses(room, uid, "g", on_group(bob, frame)[1], "bad_hmac")
        refuses(room, "ann", "g", on_group(cem, control_of(cem, kind, body, bob.me.tag, lamport))[1], "bad_hmac")
        assert ann.group.phase == LIVE and not room.queue and ann.group.search.cause is None
        assert believes(ann, right).tag == bob.me.tag  # and the right one is believed by both
        assert believes(cem, right).tag == bob.me.tag


class Watch:
    """A suite that remembers what is signed."""

    def __init__(self, seen):
        self.seen = seen
        self.last = None  # what was hashed, and the text

    def __getattr__(self, name):
        return getattr(suite, name)

    def signable(self, ad, extra, body):
        digest = suite.signable(ad, extra, body)
        self.last = (digest, ad + extra + body)
        return digest

    def h(self, size, key, salt, person, *parts):
        digest = suite.h(size, key, salt, person, *parts)
        self.last = (digest, b"".join([bytes(part) for part in parts]))
        return digest

    def ed25519_sign(self, seed, public, message):
        assert message == self.last[0]  # nothing is signed but what has gone through one of these two
        self.seen.append(self.last[1])
        return suite.ed25519_sign(seed, public, message)


def story(sign):
    """A group is made, speaks, loses and takes in again a member, and changes; -> (frames, what was signed)."""
    frames, signed = [], []
    room = Room((), sign=sign)
    publish = room.publish
    room.publish = lambda topic, payload, retain: (frames.append((topic, payload)), publish(topic, payload, retain))
    for uid in ("ann", "bob", "cem"):
        room.switch_on(uid)
        me = room.members[uid].me
        me.suite = me.keys.suite = Watch(signed)
    room.advance(3000)
    room.do("ann", "change_group", "create", ["bob", "cem"])
    for uid in ("ann", "bob", "cem"):
        room.say(uid, b"said by " + uid.encode())
        room.run(uid, room.members[uid].send(b"note", "note", room.now))
    room.do("cem", "change_group", "rejoin", [])
    room.do("bob", "change_group", "remove", ["cem"])
    room.advance(31000)
    return room, frames, signed


def test_no_signature_covers_a_head_or_an_unsigned_channels_notes():
    """Every text that was signed, in channels that sign and that do not; and every byte of a control frame is its body
    or a MAC of somebody."""
    for sign in (True, False):
        room, frames, signed = story(sign)
        ann = room.members["ann"]
        me, group = ann.me, ann.group
        heads_of, digests, controls = [], [], 0
        for topic, payload in frames:
            name, stream = me.topics.parse(topic)
            frame = payload[:-TAG]
            if stream in ("g", "e") and frame[1] in (AGREEMENT, RATCHET):
                heads_of.append(frame_hash(suite, frame))
            elif stream == "g":
                controls += frame[1] == CONTROL
                pt, maker = me.keys.open(frame, CONTROL, group.id)[3], frame[2:18]
                ad, said = me.keys.ad(frame[:HEADER], group.id), pt[: 1 + BODIES[pt[0]]]
                left = pt[len(said) :]
                for ch in room.members.values():
                    if ch.me.tag != maker:
                        key = static(ch.me, ch.others, ch.group, maker)
                        left = left.replace(pair_mac(suite, key, ad, group.id, maker, ch.me.tag, said), b"")
                assert left == b""
            elif stream == "p":
                digests.append(me.keys.open(payload, PRESENCE, name[:16])[3][15:31])
        assert len(heads_of) >= 7 and controls >= 6 and len(digests) >= 9 and len(signed) >= 20
        assert not [text for text in signed for head in heads_of if head[:8] in text]
        covered = [text for text in signed for digest in digests if digest in text]
        assert bool(covered) == sign


def test_who_comes_in_is_told_at_once_where_the_others_are():
    """They name their place to it by a presence of its own: no presence from before has a MAC for it."""
    room = three()
    room.switch_on("dan")
    room.advance(31000)
    ann, dan = room.members["ann"], room.members["dan"]
    tag = ann.me.tag
    assert dan.others.by_tag[tag].place is None and ann.group.phase == LIVE
    for ch in room.members.values():
        ch.keepalive.due = room.now + 60000  # none comes for another reason
    epoch = ann.epochs.current
    room.run("ann", ann.change_group("add", ["dan"], room.now))
    room.advance(2000)
    assert ann.epochs.current is epoch
    assert dan.others.by_tag[tag].place == (ann.group.state.epoch, ann.group.state.head[:16])
    room.run("dan", dan.send(b"all of you", None, room.now))
    assert dan.sent.mode == "ratchet" and dan.sent.audience == ["ann", "bob", "cem"]
