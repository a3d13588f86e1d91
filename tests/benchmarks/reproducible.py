"""Reproducible bytes in the place of hardware randomness, the same here and on a board, and as quick as that there:
what is counted is the protocol's work. Runs on both Pythons.
"""

from hashlib import sha256


def hardware(seed):
    count = [seed << 32]

    def draw(n):
        out = b""
        while len(out) < n:
            count[0] += 1
            out += sha256(count[0].to_bytes(8, "big")).digest()
        return out[:n]

    return draw
