"""Frames that nobody with the key has made: cut, lengthened, flipped,
of another version, kind, topic or sender. PROTOCOL.md 13.
"""

from sealcast.errors import Reject, TooLong
from sealcast.zpinc.epochs import SHARE
from solo import Peer, Solo, agree, talk

REASONS = ("length", "version", "kind", "forged", "unknown", "epoch", "duplicate", "stale", "format", "window")


def setup():
    """-> (member, peer, [a proper frame of every kind, not yet delivered])"""
    peer = Peer("anna")
    solo = Solo().connect(peer.join())
    solo.give(*peer.presence())
    _, epoch, _ = agree(solo, peer)
    other = Peer("bert", 5)
    frames = [
        other.join(),
        peer.note(0),
        peer.presence(head=0),
        peer.handshake(9, bytes((SHARE,)) + bytes(64)),
        talk(peer, epoch, b"hi"),
    ]
    return solo, peer, frames


def test_cut_anywhere():
    solo, _, frames = setup()
    for topic, payload in frames:
        for n in list(range(0, len(payload), 7)) + [21, 22, 46, 61, 62, len(payload) - 1]:
            solo.refuses(topic, payload[:n], *REASONS)


def test_longer_than_it_was():
    solo, _, frames = setup()
    for topic, payload in frames:
        solo.refuses(topic, payload + b"\x00", *REASONS)
        solo.refuses(topic, payload + bytes(3000), "length")


def test_one_bit_wrong():
    solo, _, frames = setup()
    for topic, payload in frames:
        for at in list(range(22)) + [22, 45, 46, 61, 62, len(payload) - 17, len(payload) - 1]:
            wrong = payload[:at] + bytes((payload[at] ^ 1 << at % 8,)) + payload[at + 1 :]
            solo.refuses(topic, wrong, *REASONS)


def test_another_version_and_another_kind():
    solo, _, frames = setup()
    for topic, payload in frames:
        for version in (0, 2, 255):
            solo.refuses(topic, bytes((version,)) + payload[1:], "version", "epoch", "unknown")
        for kind in range(12):
            if kind != payload[1]:
                solo.refuses(topic, payload[:1] + bytes((kind,)) + payload[2:], *REASONS)


def test_under_another_stream():
    solo, peer, frames = setup()
    for topic, payload in frames:
        for stream, slot in (("j", 0), ("n", 0), ("p", None), ("h", None), ("c", None)):
            if "/" + stream not in topic[-4:]:
                solo.refuses(peer.topic(stream, slot), payload, *REASONS)


def test_under_another_sender():
    solo, _, frames = setup()
    other = Peer("cleo", 7)
    solo.give(*other.join())
    solo.barrier()
    for topic, payload in frames[1:]:
        stream = topic.split("/")[4]
        solo.refuses(other.topic(stream, 0 if stream == "n" else None), payload, *(REASONS + ("members",)))


def test_topics_that_are_not_ours():
    solo, peer, frames = setup()
    good = peer.topic("p")
    base = good[:-2]
    name = base.split("/")[3]
    bad = [
        "", "zp", "zp/2/" + good[5:], "x" + good, good + "/0", good + "/", base, base + "/", base + "/z",
        base + "/pp", base + "/n", base + "/n/", base + "/n/01", base + "/n/-1", base + "/n/1000", base + "/n/1/1",
        base + "/n/1a", base + "/j/+", base + "/n/٣", good.replace(name, name[:-1]), good.replace(name, name + "="),
        good.replace(name, name + "A"), good.replace(name, "*" + name[1:]), good.replace(name, ""),
        good.replace(name, "é" + name[1:]),
    ]  # fmt: skip
    for topic in bad:
        solo.refuses(topic, frames[2][1], "topic", "unknown", "name")


def test_of_another_channel_with_the_same_name():
    solo, _, _ = setup()
    stranger = Peer("anna", key=b"z" * 32)
    for topic, payload in (stranger.join(), stranger.presence(), stranger.note(0)):
        solo.refuses(topic, payload, "topic")


def test_sealed_under_another_key():
    solo, peer, _ = setup()
    stranger = Peer("anna", key=b"z" * 32)
    solo.refuses(peer.topic("j", 1), stranger.join()[1], "forged")
    solo.refuses(peer.topic("p"), stranger.presence()[1], "forged")
    solo.refuses(peer.topic("n", 0), stranger.note(0)[1], "forged")


def test_a_stream_is_one_letter():
    """Parts of "jnphcsgekx" are no streams: the empty one, neighbours, all of them."""
    topics = setup()[0].ch.me.topics
    front = topics.make(bytes(32), "")
    for n in range(9):
        for k in (0, 2, 10):
            for end in ("", "/0", "/1"):
                try:
                    found = topics.parse(front + "jnphcsgekx"[n : n + k] + end)
                except Reject:
                    continue
                raise AssertionError(found)


def test_nobody_sleeps_for_ever():
    solo, _, _ = setup()
    for seconds in (5000000000, 0xFFFFFFFF, -1):
        try:
            solo.ch.sleep(seconds, solo.now)
        except TooLong:
            continue
        raise AssertionError(seconds)
