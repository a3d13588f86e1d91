"""The libsodium suite with a memory: fails when a (key, nonce) pair seals two plaintexts (invariant 1) or when a
secret y meets a second set of Z; counts calls, so that a test can bound the work a frame may cause (invariant 7)."""

from sealcast.crypto import soft_frames
from sim import sodium


class Broken(AssertionError):
    """An invariant does not hold. The text names it."""


class Recorder:
    """One for all members of a world, across all their crashes. `calls` counts by operation since the last reset."""

    def __init__(self):
        for name in dir(sodium):
            if not name.startswith("_") and not hasattr(type(self), name):
                setattr(self, name, getattr(sodium, name))
        soft_frames.install(self)  # the higher calls, composed of what is recorded here
        self.sealed = {}
        self.met = {}
        self.calls = {}
        self._names = {}

    def count(self, name):
        self.calls[name] = self.calls.get(name, 0) + 1

    def h(self, size, key, salt, person, *parts):
        self.count("h")
        return sodium.h(size, key, salt, person, *parts)

    def secretbox(self, key, nonce, pt):
        self.count("secretbox")
        pt = bytes(pt)
        if self.sealed.setdefault((key, nonce), pt) != pt:
            raise Broken("invariant 1: a key and nonce sealed two plaintexts")
        return sodium.secretbox(key, nonce, pt)

    def secretbox_open(self, key, nonce, box):
        self.count("secretbox_open")
        return sodium.secretbox_open(key, nonce, box)

    def xsalsa20_xor(self, key, nonce, data):
        """Names only (siv), and the same few again and again: remembered, because libsodium's binding lacks it."""
        self.count("xsalsa20_xor")
        where = (key, nonce, data)
        if where not in self._names:
            self._names[where] = sodium.xsalsa20_xor(key, nonce, data)
        return self._names[where]

    def ed25519_verify(self, public, sig, msg):
        self.count("ed25519_verify")
        return sodium.ed25519_verify(public, sig, msg)

    def ed25519_sign(self, seed, public, msg):
        self.count("ed25519_sign")
        return sodium.ed25519_sign(seed, public, msg)

    def ristretto_map(self, uniform):
        self.count("ristretto_map")
        return sodium.ristretto_map(uniform)

    def ristretto_mul(self, s, P):
        self.count("ristretto_mul")
        points = self.met.setdefault(bytes(s), set())
        points.add(bytes(P))
        if len(points) > 3:
            raise Broken("a secret y met more than the generator and two neighbours")
        return sodium.ristretto_mul(s, P)

    def ristretto_add(self, P, Q):
        self.count("ristretto_add")
        return sodium.ristretto_add(P, Q)

    def ristretto_sub(self, P, Q):
        self.count("ristretto_add")
        return sodium.ristretto_sub(P, Q)

    def bd_key(self, A, xs):
        for _ in range(2 * (len(xs) // 32 - 1)):
            self.count("ristretto_add")
        return sodium.bd_key(A, xs)
