"""Everything that is signed, and the checks; MACs where a pair is enough. PROTOCOL.md 3.3, 6.2, 6.6, 16.1, 18.2, 22.

The channel's key alone makes nobody believe what a frame says about its sender. A signer is anything with
`seed` and `S`: a session of ours. What a session says in its own order (notes, presence, conversations,
confirmations) is signed under sc/sign, all else under a label of its own. The check comes last: it is dear, and
what is cheap to refuse never gets here.
"""

from ..compat import const
from ..errors import Reject

SIG = const(64)

JOIN_LABEL = b"sc/join"  # by the long-term identity
PACKAGE_LABEL = b"sc/package"
NOTICE_LABEL = b"sc/notice"  # by the admin


def _labelled(suite, label, ad, body):
    return suite.h(32, b"", b"", label, ad, body)


def sign(suite, session, ad, body, extra=b""):
    """64 bytes by our session. extra: what the frame is bound to beyond its header, or nothing."""
    return suite.ed25519_sign(session.seed, session.S, suite.signable(ad, extra, body))


def check(suite, S, ad, pt, extra=b""):
    """An opened body that ends in its session's signature -> the body without it. Raises Reject("signature")."""
    body = pt[:-SIG]
    if len(pt) < SIG or not suite.ed25519_verify(S, pt[-SIG:], suite.signable(ad, extra, body)):
        raise Reject("signature")
    return body


def sign_as(suite, label, seed, public, ad, body):
    """64 bytes by any key, under a label."""
    return suite.ed25519_sign(seed, public, _labelled(suite, label, ad, body))


def verify_signed(suite, public, label, ad, pt):
    """As `check`, under a label: -> the body."""
    body = pt[:-SIG]
    if len(pt) < SIG or not suite.ed25519_verify(public, pt[-SIG:], _labelled(suite, label, ad, body)):
        raise Reject("signature")
    return body


def mac(suite, static, ad, group, sender, tag, said):
    """16 bytes that convince the member with this tag, who could have made them, and nobody else. static: X25519 of the
    pair's identities; group: its id; sender: a tag. PROTOCOL.md 18.2."""
    return suite.h(32, static, b"", b"sc/position", ad, group, sender, tag, said)[:16]


def received(suite, tag, frame):
    """16 bytes by which a note or conversation message of the member with this tag is confirmed. PROTOCOL.md 24.2."""
    return suite.h(32, b"", b"", b"sc/received", tag, frame)[:16]


def seal_signed(me, head, place, label, body):
    """-> frame of our present session. head: 22 bytes; place: 16 bytes that stand for P_i in ad; label: of at
    most 16 bytes."""
    sig = sign_as(me.suite, label, me.session.seed, me.session.S, me.keys.ad(head, place), body)
    return me.keys.seal(me.rng, head, place, body + sig)
