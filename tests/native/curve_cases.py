"""Field elements at the edges of what each representation allows:
every limb as large as its weight permits, all carries at once.
"""

import random

from curve_reference import P

A24 = 121665
# op: (name, what it computes)
OPS = [
    ("mul", lambda f, g: f * g), ("sqr", lambda f, g: f * f), ("add", lambda f, g: f + g), ("sub", lambda f, g: f - g),
    ("addmul_a24", lambda f, g: f + A24 * g), ("carry", lambda f, g: f), ("invert", lambda f, g: pow(f, P - 2, P)),
    ("abs", lambda f, g: f % P if f % P % 2 == 0 else -f),
    ("addsub+", lambda f, g: f + g), ("addsub-", lambda f, g: f - g),
    ("sqr_select f", lambda f, g: f * f), ("sqr_select g", lambda f, g: g * g),
]  # fmt: skip
# Weights (of f, of g) that the callers use at most: see fe.h and edwards.c.
WEIGHTS = {
    "wide": {
        "mul": (5, 4), "sqr": (4, 1), "add": (2, 3), "sub": (3, 1), "addmul_a24": (1, 3), "carry": (5, 1),
        "invert": (3, 1), "abs": (1, 1), "addsub+": (2, 1), "addsub-": (2, 1), "sqr_select f": (4, 4),
        "sqr_select g": (4, 4),
    },
    # 13-bit limbs: a difference weighs as much as a sum, and fe_mul takes products of weights up to 6.
    "13": {
        "mul": (3, 2), "sqr": (2, 1), "add": (2, 2), "sub": (2, 2), "addmul_a24": (1, 2), "carry": (5, 1),
        "invert": (2, 1), "abs": (1, 1), "addsub+": (2, 2), "addsub-": (2, 2), "sqr_select f": (2, 2),
        "sqr_select g": (2, 2),
    },
}  # fmt: skip


class Radix:
    """limbs, their bit positions, and the bounds of a weight-w element: low <= limb <= high."""

    def __init__(self, name, limbs, bits, bounds):
        self.name, self.limbs, self.bits, self.bounds = name, limbs, bits, bounds
        self.weights = WEIGHTS["13" if limbs == 20 else "wide"]

    def value(self, limbs):
        return sum(x << (self.bits * i) for i, x in enumerate(limbs))

    def reduced(self, limbs):
        return all(low <= x <= high for x, (low, high) in zip(limbs, self.bounds(1), strict=True))


RADIX = {
    51: Radix(51, 5, 51, lambda w: [(0, w * (2**51 + 2**15))] * 5),
    29: Radix(29, 9, 29, lambda w: [(0, 2**29 - 1)] * 8 + [(0, w * (2**23 + 2**17))]),
    32: Radix(32, 8, 32, lambda w: [(0, 2**32 - 1)] * 8),
    13: Radix(13, 20, 13, lambda w: [(-w * 4099, w * 4099)] * 19 + [(-w * 131, w * 131)]),
}


def spread(radix, n):
    """n as limbs, each in its place (the canonical form, and what lies just above and below multiples of p)."""
    mask = (1 << radix.bits) - 1
    return [n >> (radix.bits * i) & mask for i in range(radix.limbs)]


def element(radix, weight, rng):
    """Limbs of one element: all at one end, one limb at an end, edges of the number range, or anything in between."""
    bounds = radix.bounds(weight)
    kind = rng.randrange(6)
    if kind == 0:
        return [high for low, high in bounds]
    if kind == 1:
        return [low for low, high in bounds]
    if kind == 2:
        return [rng.choice(b) for b in bounds]
    if kind == 3:
        at = rng.randrange(radix.limbs)
        return [b[1] if i == at else max(b[0], 0) for i, b in enumerate(bounds)]
    if kind == 4 and radix.limbs != 20:
        k, off = rng.choice([0, 1, 2] if radix.limbs == 8 else [0, 1]), rng.randrange(-20, 21)
        n = (k * P + off) % 2**256 if radix.limbs == 8 else max(0, k * P + off)
        return spread(radix, n)
    return [rng.randrange(low, high + 1) for low, high in bounds]


def cases(radix, count, seed):
    """(number of the operation, f, g, expected value mod p) for count operations."""
    rng = random.Random(seed)
    for n in range(count):
        op = n % len(OPS)
        name, compute = OPS[op]
        weight_f, weight_g = radix.weights[name]
        f, g = element(radix, weight_f, rng), element(radix, weight_g, rng)
        yield op, f, g, compute(radix.value(f), radix.value(g)) % P
