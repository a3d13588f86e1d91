"""SMMP as the paper has it (Andersen, Andersland, Andersen 2014,
sections VI to IX), taken literally, on PyNaCl and hashlib alone.

For the attacks of test_weaknesses.py: nothing here is used by Sealcast, nothing of Sealcast is used here. Where the
paper leaves the cipher open ("tbd") this is NaCl's secretbox; its hash and HMAC are SHA-256. Names are the paper's.
"""

import hashlib
import hmac
import os

import nacl.bindings as na
from nacl.exceptions import CryptoError


class BadHMAC(Exception):
    pass


class MessageUndecryptable(Exception):
    pass


def hash_(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def kdf(key, step):
    return hmac.new(key, bytes([step]), "sha256").digest()


def key_pair():
    secret = os.urandom(32)
    return secret, na.crypto_scalarmult_base(secret)


def ecdh(secret, public):
    try:
        return na.crypto_scalarmult(secret, public)
    except Exception:
        return bytes(32)  # the paper does not look


def xor(*values):
    out = bytes(32)
    for v in values:
        out = bytes(a ^ b for a, b in zip(out, v, strict=True))
    return out


def enc(key, text):
    nonce = os.urandom(24)
    return nonce + na.crypto_secretbox(text, nonce, key)


def dec(key, box):
    try:
        return na.crypto_secretbox_open(box[24:], box[:24], key)
    except CryptoError:
        return None


# --- VI: the organizer's agreement


def organize(parties):
    """parties: [(K_i, R_i)] -> (broadcast (U, W, [G_i]), MK). Who the organizer is, nothing says."""
    (u, U), (w, W) = key_pair(), key_pair()
    L = [hash_(ecdh(u, K)) for K, _ in parties]
    G = [xor(hash_(ecdh(w, R)), *(L[:i] + L[i + 1 :])) for i, (_, R) in enumerate(parties)]
    return (U, W, G), hash_(xor(*L))


def join(broadcast, i, k, r):
    U, W, G = broadcast
    return hash_(xor(hash_(ecdh(k, U)), hash_(ecdh(r, W)), G[i]))


class Member:
    """The state of section VII, and its steps VIII."""

    def __init__(self, MK, index, r, R):
        self.RK, self.HK, self.NHK, self.mk, self.v = [kdf(MK, step) for step in range(5)]
        self.conv_digest = bytes(32)
        self.index, self.r, self.R, self.N = index, r, list(R), len(R)
        self.resync_required = False
        self.got = []

    def send(self, text):
        r_new, R_new = key_pair()
        headers = [
            None if i == self.index else enc(hash_(self.HK, ecdh(self.r, self.R[i])), bytes([self.index]) + R_new)
            for i in range(self.N)
        ]
        message = [headers, enc(self.mk, text)]
        message.append(self.hmac(message))
        self.r = r_new
        self._step(self.index, R_new, text)
        return message

    def hmac(self, message):
        return hmac.new(self.v, b"".join(h or b"" for h in message[0]) + message[1], "sha256").digest()

    def receive(self, message):
        """-> (sender, text)."""
        if not hmac.compare_digest(message[2], self.hmac(message)):
            raise BadHMAC
        for j in range(self.N):
            if j == self.index or message[0][self.index] is None:
                continue
            header = dec(hash_(self.HK, ecdh(self.r, self.R[j])), message[0][self.index])
            if header is not None:
                text = dec(self.mk, message[1])
                if text is None:
                    break
                self._step(j, header[1:], text)
                self.got.append((j, text))
                return j, text
        self.resync_required = True
        raise MessageUndecryptable

    def _step(self, j, R_new, text):
        self.R[j] = R_new
        self.conv_digest = xor(self.conv_digest, hash_(text))
        self.RK = hmac.new(self.RK, ecdh(self.v, xor(*self.R)) + b"".join(self.R) + self.conv_digest, "sha256").digest()
        self.HK, self.NHK, self.mk = self.NHK, kdf(self.RK, 2), kdf(self.RK, 3)

    def resync(self):
        """X, 0x00: all go on from what nobody can have lost: v and the public keys last agreed."""
        self.RK = hash_(self.v, xor(*self.R))
        self.HK, self.NHK, self.mk = kdf(self.RK, 1), kdf(self.RK, 2), kdf(self.RK, 3)
        self.conv_digest = bytes(32)
        self.resync_required = False


def private_keys(R_i, R_j):
    """IX: the first pair's key is seeded from what both know: public values."""
    return hash_(min(R_i, R_j), max(R_i, R_j))


def group(n):
    """n members after a set-up, and the secrets of their packages."""
    secrets = [(key_pair(), key_pair()) for _ in range(n)]
    broadcast, MK = organize([(k[1], r[1]) for k, r in secrets])
    R = [r[1] for _, r in secrets]
    members = [Member(join(broadcast, i, k[0], r[0]), i, r[0], R) for i, (k, r) in enumerate(secrets)]
    assert all(m.RK == kdf(MK, 0) for m in members)
    return members, secrets
