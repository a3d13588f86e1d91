"""Reproducible bytes in the place of hardware randomness, the same here and on a board. Runs on both Pythons."""


def hardware(seed):
    state = [seed * 2654435761 + 1 & 0x3FFFFFFF]

    def draw(n):
        out = bytearray(n)
        for i in range(n):
            state[0] = state[0] * 1103515 + 12345 & 0x3FFFFFF
            out[i] = state[0] >> 9 & 255
        return bytes(out)

    return draw
