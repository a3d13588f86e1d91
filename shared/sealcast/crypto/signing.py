"""Frames under msgkey that the sender's session signs: packages, notice keys, control. PROTOCOL.md 16.1, 18.2, 22.

The channel's key alone makes nobody believe what a frame says about its sender.
"""

from ..errors import Reject
from ..zpinc.identity import SIG


def _signable(suite, label, ad, body):
    return suite.h(32, b"", b"", label, ad, body)


def seal_signed(ch, head, place, label, body):
    """-> frame of our present session. head: 22 bytes; place: 16 bytes that stand for P_i in ad; label: of at most 16 bytes."""
    s, ad = ch.session, ch.keys.ad(head, place)
    sig = ch.suite.ed25519_sign(s.seed, s.S, _signable(ch.suite, label, ad, body))
    return ch.keys.seal(ch.rng, head, place, body + sig)


def verify_signed(suite, S, label, ad, pt):
    """The check that comes last. pt: an opened body with its signature. Raises Reject("signature")."""
    body = pt[:-SIG]
    if len(pt) < SIG or not suite.ed25519_verify(S, pt[-SIG:], _signable(suite, label, ad, body)):
        raise Reject("signature")
