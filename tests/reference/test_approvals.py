"""The admin's list: what the core says the reference reads, and the core takes what that builds. PROTOCOL.md 6.6."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "support/core"))

from reference.approvals import Approvals, build_approvals, parse_approvals
from reference.encoding import Reject
from reference.joins import SecretIdentity
from reference.names import ChannelKeys
from reference.primitives import ed25519_public
from sealcast.zpinc.places import WAITS
from solo import KEY, Peer, Solo

ADMIN = b"\x07" * 32
PUBLIC = ed25519_public(ADMIN)
KEYS = ChannelKeys(KEY, "greenhouse")
TEXT = SecretIdentity(b"\x77" * 32).public.fingerprint()


def member():
    """Of the core, with anna pinned by her first identity."""
    anna = Peer("anna")
    return Solo(admin=PUBLIC).connect(anna.join()), anna


def test_what_the_core_says():
    solo, anna = member()
    solo.run(solo.ch.approve("anna", TEXT, solo.now, ADMIN, 1795666957))
    topic, frame = solo.published[-1]
    assert topic == anna.topics.make(KEYS.siv(b"notice", "greenhouse"), "a")
    assert parse_approvals(KEYS, PUBLIC, frame, 1795666957) == Approvals(1795666957, ((anna.tag, TEXT),))
    with pytest.raises(Reject, match="stale"):
        parse_approvals(KEYS, PUBLIC, frame, 1795666958)


def test_what_the_reference_says():
    solo, anna = member()
    frame = build_approvals(KEYS, ADMIN, Approvals(5, ((b"\x01" * 16, TEXT), (anna.tag, TEXT))), bytes(24))
    topic = anna.topics.make(KEYS.siv(b"notice", "greenhouse"), "a")
    solo.give(topic, frame)
    assert solo.ch.places.pins[WAITS + "anna"] == anna.identity.public + TEXT.encode()
    assert solo.ch.others.approvals[0] == 5


@pytest.mark.parametrize(
    ("listed", "seed", "reason"),
    [
        ((), ADMIN, "format"),
        (((bytes(16), TEXT),) * 32, ADMIN, "format"),
        (((bytes(16), TEXT),), bytes(32), "signature"),
        (((bytes(16), TEXT[:-1]),), ADMIN, "format"),
    ],
)
def test_both_refuse(listed, seed, reason):
    solo, anna = member()
    frame = build_approvals(KEYS, seed, Approvals(5, listed), bytes(24))
    with pytest.raises(Reject, match=reason):
        parse_approvals(KEYS, PUBLIC, frame, 0)
    solo.refuses(anna.topics.make(KEYS.siv(b"notice", "greenhouse"), "a"), frame, reason)
