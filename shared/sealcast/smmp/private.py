"""Private messages between two members inside the group's ordered stream. PROTOCOL.md section 20. Rare code.

Both ends see the same messages in the same order, so one pair of keys a side is enough: each message is sealed under
PR mixed with X25519(s, S), carries the sender's next public key T inside, and moves PR on. Nothing is skipped, ever.

A pair is our end of it: the root PR (32 bytes), alone until one of the two has spoken; then || our secret s || the
peer's public key S (zeros: none yet). Most never do, and a group of twenty has nineteen of them.
"""

from ..crypto.keys import ZERO, dh, high_order
from ..errors import Reject
from ..wire import NONCE, TAG, lv, pad, u32, unpad
from .ratchet import HEADER_BOX, HEADERS, HINT, hint


def begin(suite, group, my_tag, peer_tag, static, r, R_peer):
    """The pair's first state after an agreement: from both the one-time keys and the pinned identities.

    static: X25519 of the two identities. Without it an organizer could name keys of its own and sit in the middle. r
    is used here, and not kept. Raises Reject("neutral")."""
    names = lv(group, min(my_tag, peer_tag), max(my_tag, peer_tag))
    return suite.h(32, dh(suite, r, R_peer) + static, b"", b"sc/p0", names)


def _shared(suite, pair):
    """X25519(s, S), 32 zero bytes until both ends have said something."""
    s, S = pair[32:64] or ZERO, pair[64:] or ZERO
    return ZERO if ZERO in (s, S) else dh(suite, s, S)


def _key(suite, pair, z, epoch, sender):
    """Moves with every accepted message. One sealed again for an epoch, after a roll-back, has a fresh nonce."""
    return suite.h(32, pair[:32], b"", b"sc/pm", z, u32(epoch), sender)


def seal(suite, pair, epoch, sender, nonce, t, message):
    """-> payload. nonce: of the frame's body; t: a fresh secret. When the frame is accepted, `moved` moves the pair."""
    key = _key(suite, pair, _shared(suite, pair), epoch, sender)
    return hint(suite, pair, epoch, sender) + suite.secretbox(key, nonce, suite.x25519_base(t) + pad(message))


def open_payload(suite, pair, epoch, sender, nonce, payload):
    """Payload from the peer -> (message, pair after). Raises Reject("undecryptable" | "padding" | "neutral")."""
    if len(payload) < HINT + TAG:
        raise Reject("undecryptable")
    z = _shared(suite, pair)
    pt = suite.secretbox_open(_key(suite, pair, z, epoch, sender), nonce, payload[HINT:])
    if pt is None or len(pt) < 32:
        raise Reject("undecryptable")
    T = high_order(pt[:32])  # else no answer could be sealed any more
    return unpad(pt[32:]), _move(suite, pair, z, T) + (pair[32:64] or ZERO) + T


def take(me, members, group, sender, st, frame, payload, out):
    """The message of a payload that is for us; None when it cannot be read."""
    try:
        at = HEADERS + HEADER_BOX * (st.N - 1)
        nonce = frame[at : at + NONCE]  # the frame's fresh one
        text, group.pairs[sender] = open_payload(me.suite, group.pairs[sender], st.epoch, sender, nonce, payload)
        return text
    except Reject:
        out.lost("message_undecryptable", {"uid": members.uid_of(sender), "private": True})


def moved(suite, pair, t):
    """Our own message with the secret t was accepted: -> pair after; the old s is gone."""
    z = _shared(suite, pair)
    return _move(suite, pair, z, suite.x25519_base(t)) + t + (pair[64:] or ZERO)


def _move(suite, pair, z, T):
    return suite.h(32, pair[:32], b"", b"sc/pr", z, T)
