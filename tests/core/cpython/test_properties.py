"""Properties of the parsers and of a whole channel, for any bytes that hypothesis can think of."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from packed import pack_state
from sealcast import wire
from sealcast.channel import Channel
from sealcast.crypto.keys import Keys
from sealcast.effects import FORMAT, Outbox
from sealcast.errors import BadState, Reject
from sealcast.state import pack_epoch, pack_outbox, pack_ring
from sealcast.stored import unpack_epoch, unpack_outbox, unpack_ring
from sealcast.wire import Reader, Topics
from sealcast.zpinc.conversation import Epoch
from sealcast.zpinc.cpace import proposal_body, read_proposal
from sealcast.zpinc.epochs import Proposal
from sealcast.zpinc.notes import Ring
from sim import sodium
from sim.world import World
from solo import KEY, Peer, config

KEYS = Keys(sodium, KEY, b"greenhouse")
names = st.text(min_size=1, max_size=48).map(lambda t: t.encode()).filter(lambda b: 0 < len(b) <= 48 and 0 not in b)
b16, b32 = st.binary(min_size=16, max_size=16), st.binary(min_size=32, max_size=32)
u32 = st.integers(0, 0xFFFFFFFF)


@given(st.binary(max_size=wire.MAX_BODY))
def test_padding_round_trips_and_hides_the_length(body):
    padded = wire.pad(body)
    assert wire.unpad(padded) == body
    assert len(padded) >= 32 and len(padded) <= max(32, (len(body) + 1) * 1.12 + 1)


@given(st.binary(max_size=200))
def test_what_unpads_is_what_pad_writes(data):
    try:
        body = wire.unpad(data)
    except Reject as e:
        assert e.reason == "padding"
    else:
        assert wire.pad(body) == data


@given(st.binary(max_size=80))
def test_base64_round_trips(data):
    assert wire.unb64(wire.b64(data)) == data


@given(st.text(max_size=30))
def test_what_reads_as_base64_is_what_we_write(text):
    try:
        data = wire.unb64(text)
    except Reject as e:
        assert e.reason == "topic"
    else:
        assert wire.b64(data) == text


@given(names)
def test_names_round_trip(name):
    siv = KEYS.name(name)
    assert len(siv) in (32, 48, 64) and siv == KEYS.name(name)
    assert KEYS.uid(siv).encode() == name


@given(st.binary(max_size=70))
def test_no_other_bytes_are_a_name(data):
    with pytest.raises(Reject):
        KEYS.uid(data)


@given(names, st.sampled_from("jnphcs"), st.integers(0, 999))
def test_topics_round_trip(name, stream, slot):
    topics = Topics(KEYS.rp)
    siv = KEYS.name(name)
    topic = topics.make(siv, stream, slot if stream in wire.RETAINED_SLOTS else None)
    assert topics.parse(topic) == (siv, stream)


@given(st.text(max_size=100), st.booleans())
def test_any_text_is_a_topic_or_refused(text, ours):
    topics = Topics(KEYS.rp)
    with pytest.raises(Reject, match="topic"):
        topics.parse((topics.prefix if ours else "") + text)


@given(st.lists(st.binary(max_size=40), max_size=6), st.lists(st.binary(max_size=40), max_size=6))
def test_length_prefixes_tell_all_lists_apart(a, b):
    assert (wire.lv(*a) == wire.lv(*b)) == (a == b)


@given(st.binary(max_size=2500), st.integers(1, 6))
def test_any_bytes_are_a_frame_or_refused(frame, kind):
    try:
        wire.check(frame, kind)
    except Reject as e:
        assert e.reason in ("length", "version", "kind")
    else:
        assert wire.header(kind, frame[2:18], int.from_bytes(frame[18:22], "big")) == frame[:22]


@given(
    st.lists(st.tuples(b16, b16), min_size=2, max_size=32, unique_by=lambda p: p[0]),
    st.integers(1, 0x7FFFFFFF),
    b16,
    b32,
)
def test_proposals_round_trip(parties, attempt, nonce, previous):
    parties = sorted(parties)
    p = read_proposal(
        parties[0][0], attempt, Reader(proposal_body(Proposal(parties[0][0], attempt, nonce, previous, parties)))
    )
    assert (p.parties, p.nonce, p.previous, p.attempt) == (parties, nonce, previous, attempt)


@given(st.binary(max_size=300), b16)
def test_any_bytes_are_a_proposal_or_refused(data, tag):
    with pytest.raises(Reject):
        read_proposal(tag, 1, Reader(data))


@given(
    b32, b32, u32, st.lists(st.tuples(b16, b16, names, b32, u32), min_size=2, max_size=32),
    st.dictionaries(st.tuples(st.integers(0, 31), u32), b32, max_size=64),
    st.dictionaries(st.just(0), u32.filter(bool)),
)  # fmt: skip
def test_epochs_round_trip(hid, hk, messages, parties, skipped, doubt):
    e = Epoch(hid, hk, [(t, s, n.decode()) for t, s, n, _, _ in parties], [[k, at] for *_, k, at in parties], skipped)
    e.messages, e.doubt = messages, doubt
    pack_epoch(pieces := [], e, {})
    r = Reader(b"".join(pieces))
    f = unpack_epoch(r, FORMAT)
    r.end()
    assert (f.hid, f.hk, f.parties, f.chains) == (hid, hk, e.parties, e.chains)
    assert (f.skipped, f.messages, f.doubt) == (skipped, messages, doubt)


@given(
    st.lists(st.tuples(st.text(max_size=90), st.binary(max_size=300), st.booleans(), st.none() | u32), max_size=16), u32
)
def test_the_outbox_round_trips(entries, unsent):
    box, again = Outbox(16), Outbox(16)
    ring, ring_again = Ring(16), Ring(16)
    for entry in entries:
        box.add(*entry)
    ring.unsent, ring_again.unsent = unsent, 1 << 32
    pack_outbox(pieces := [], box, ring)
    r = Reader(b"".join(pieces))
    unpack_outbox(r, again, ring_again)
    r.end()
    assert again.entries == box.entries
    assert ring_again.unsent == min([e[3] for e in entries if e[3] is not None and e[3] >= unsent], default=1 << 32)


@given(u32, st.lists(st.binary(min_size=8, max_size=8), max_size=32))
def test_the_ring_round_trips(next_seq, digests):
    ring, again = Ring(16), Ring(16)
    ring.next, ring.digests = next_seq, b"".join(digests)
    pack_ring(pieces := [], ring)
    r = Reader(b"".join(pieces))
    unpack_ring(r, again)
    r.end()
    assert (again.next, again.digests) == (next_seq, b"".join(digests))


# --- a channel in the middle of things


@pytest.fixture(scope="module")
def party():
    """Three members in one epoch with notes and messages between
    them. -> (a member's channel, its stored state, frames seen)
    """
    w = World(7)
    for uid in ("anna", "bert", "cleo"):
        w.restart(w.add(uid))
    assert w.run_until(w.now + 60000, lambda: len(w.live()) == 3 and w.agreed())
    for c in w.clients.values():
        w.send(c, "note")
        w.send(c, "conversation")
    w.run_until(w.now + 3000)
    client = w.clients["bert"]
    client.perform(client.channel.snapshot())
    return client, w.broker.seen, w.now


def test_the_state_round_trips(party):
    client, _, _ = party
    ch = Channel(sodium, client.config, client.stored[-1], client.hardware)
    ch.me.rng.next_seed = client.stored[-1][1:33]
    ch.journal.key = client.channel.journal.key
    assert pack_state(ch) == client.stored[-1]


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_nothing_received_ever_raises_and_what_was_changed_changes_nothing(party, data):
    client, seen, now = party
    topic, payload = data.draw(st.sampled_from(seen))
    ch = client.channel
    before = pack_state(ch)
    kind = data.draw(st.sampled_from(("bytes", "flip", "cut", "topic", "text", "splice")))
    if kind == "bytes":
        payload = data.draw(st.binary(max_size=400))
    elif kind == "flip":
        at = data.draw(st.integers(0, len(payload) - 1))
        payload = payload[:at] + bytes((payload[at] ^ data.draw(st.integers(1, 255)),)) + payload[at + 1 :]
    elif kind == "cut":
        payload = payload[: data.draw(st.integers(0, len(payload) - 1))]
    elif kind == "topic":
        other = data.draw(st.sampled_from(seen))[0]
        topic = topic if other == topic else other
        payload = payload[:-1] + bytes((payload[-1] ^ 1,)) if other == topic else payload
    elif kind == "text":
        topic = data.draw(st.text(max_size=120))
    else:
        payload = payload[: data.draw(st.integers(0, len(payload)))] + data.draw(st.binary(min_size=1, max_size=60))
    effects = ch.receive(topic, payload, now)
    true = (topic, payload) in seen
    assert true or all(e[0] in ("event", "wake") for e in effects)
    assert true or pack_state(ch) == before


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_stored_state_loads_or_is_refused(party, data):
    client, _, _ = party
    blob = client.stored[-1]
    if data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(blob) - 1))
        blob = blob[:at] + data.draw(st.binary(max_size=4)) + blob[at + 1 :]
    else:
        blob = data.draw(st.binary(min_size=1, max_size=200))
    try:
        Channel(sodium, client.config, blob, client.hardware)
    except BadState:
        pass


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pt=st.binary(max_size=300), kind=st.integers(1, 11), stream=st.sampled_from("jnphcsgekx"), seq=u32)
def test_whatever_an_insider_seals_never_raises(party, pt, kind, stream, seq):
    client, _, now = party
    ch = client.channel
    anna = Peer("anna", key=client.config["key"])
    sid = [m for m in ch.others.by_tag.values() if m.uid == "anna"][0].current.sid
    frame = ch.me.keys.seal(anna.rng, wire.header(kind, sid, seq), anna.tag, pt)
    ch.receive(ch.me.topics.make(anna.name, stream, 0 if stream in wire.RETAINED_SLOTS else None), frame, now)
    own = ch.me.keys.seal(anna.rng, wire.header(kind, ch.me.session.sid, seq), ch.me.tag, pt)
    ch.receive(ch.me.topics.make(ch.me.name, stream, 0 if stream in wire.RETAINED_SLOTS else None), own, now)


@given(st.dictionaries(st.sampled_from(["ring", "sign"]), st.integers(1, 64)))
def test_a_new_member_has_a_state_that_loads(changes):
    ch = Channel(sodium, config("new", **changes), None, lambda n: b"\x05" * n)
    effects = ch.start(0) + ch.connecting(0)
    blobs = [b"".join(e[1]) for e in effects if e[0] == "store"]
    Channel(sodium, config("new", **changes), blobs[-1], None).start(0)
