"""Arguments for the higher calls of a suite (crypto/soft_frames.py): what is right, and what was changed on the way.

make(random, suite) gives {function: a maker of its arguments}; the suite seals what is to be opened. Lengths are those
that the protocol allows, so that the independent implementation of it can be asked as well.
"""

from frame_reference import x25519_column

LENGTHS = [0, 1, 15, 16, 17, 22, 31, 32, 33, 55, 56, 63, 64, 65, 127, 128, 129, 255, 300, 1157]
# u-coordinates for which every result is zero: 0, 1, p - 1 and a point of order 8.
LOW_ORDER = [bytes(32), b"\x01" + bytes(31), b"\xec" + b"\xff" * 30 + b"\x7f",
             bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800")]  # fmt: skip
MEMBERS = [1, 2, 3, 5, 8, 20]
MAC = 16


def damaged(r, data):
    """One bit changed."""
    at = r.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << r.randrange(8)]) + data[at + 1 :]


def text(r):
    return r.randbytes(r.choice(LENGTHS))


def head(r, kind=2):
    return bytes([1, kind]) + r.randbytes(20)


def column(r, members):
    return r.randbytes(32 * members)


def ratchet(r, suite, members=None):
    """(arguments of ratchet_frame, a whole frame): what follows the check and mac is never looked at."""
    members = members or r.choice(MEMBERS)
    args = (
        column(r, members - 1), column(r, members), r.randbytes(32), r.randbytes(32), r.randbytes(32),
        head(r, 8) + r.randbytes(32), r.randbytes(24), r.randbytes(32),
        text(r) if members < 20 else r.randbytes(40), r.randrange(members),
    )  # fmt: skip
    return args, suite.ratchet_frame(*args) + r.randbytes(2 * MAC)


def make(r, suite):
    def opened():
        key, place, pt = r.randbytes(32), r.randbytes(32), text(r)
        frame = suite.seal_frame(key, head(r), place, r.randbytes(24), pt)
        changed = r.randrange(6)
        if changed == 0:
            frame = damaged(r, frame)
        elif changed == 1:
            place = damaged(r, place)
        return key, frame, place

    def genuine():
        hk, place = r.randbytes(32), r.randbytes(32)
        frame = suite.seal_frame(r.randbytes(32), head(r, 5), place, r.randbytes(24), text(r), hk)
        changed = r.randrange(6)
        if changed == 0:
            frame = damaged(r, frame)
        elif changed == 1:
            place = damaged(r, place)
        return hk, frame, place

    def seal():
        args = (r.randbytes(32), head(r), r.randbytes(32), r.randbytes(24), text(r))
        return args if r.randrange(2) else (*args, r.randbytes(32))

    def unpad():
        data = suite.pad(b"", text(r))
        changed = r.randrange(6)
        if changed == 0:
            data = damaged(r, data)
        elif changed == 1:
            data += bytes(r.choice((1, 2, 4, 8)))
        elif changed == 2:
            data = bytes(r.choice(LENGTHS))
        elif changed == 3:
            data = data[: -r.randrange(1, 9)]
        return data, r.choice((0, 16, 100, 2000, 2400))

    def multiples():
        R, members = bytearray(), r.choice((1, 2, 3, 5))
        for _ in range(members):
            R += r.choice(LOW_ORDER) if not r.randrange(12) else r.randbytes(32)
        return r.randbytes(32), bytes(R), r.randrange(members)

    def opened_header():
        (z, statics, HK, digest, _, _, _, _, _, j), frame = ratchet(r, suite, r.choice(MEMBERS[1:]))
        i = r.choice([i for i in range(len(statics) // 32) if i != j])
        at = i if i < j else i - 1
        z, common = z[32 * at : 32 * at + 32], statics[32 * i : 32 * i + 32]
        changed = r.randrange(8)
        if changed == 0:
            z = damaged(r, z)
        elif changed == 1:
            end = 56 + 48 * (frame[55] - 1)
            frame = frame[:56] + damaged(r, frame[56:end]) + frame[end:]
        elif changed == 2:
            digest = damaged(r, digest)
        return z, common, HK, digest, frame, i

    def opened_body():
        args, frame = ratchet(r, suite)
        changed = r.randrange(5)
        box = len(frame) - 2 * MAC - 16  # somewhere in it, whatever its length
        return damaged(r, args[4]) if changed == 0 else args[4], frame[:box] + damaged(
            r, frame[box:]
        ) if changed == 1 else frame

    def step():
        members = r.choice(MEMBERS)
        return (
            r.randbytes(32),
            r.randbytes(32),
            r.randbytes(32),
            column(r, members),
            r.randbytes(4),
            text(r),
            r.randrange(members),
        )

    return {
        "seal_frame": seal,
        "open_frame": opened,
        "genuine_frame": genuine,
        "frame_nonce": lambda: (
            r.randbytes(32), r.randbytes(8), r.choice((b"", r.randbytes(16))), r.randbytes(r.choice((32, 54))), text(r)
        ),
        "signable": lambda: (r.randbytes(54), r.choice((b"", r.randbytes(32), r.randbytes(1000))), text(r)),
        "chain": lambda: (r.randbytes(32), r.choice((0, 0, 0, 1, 2, 30, 960)), r.choice((0, 1, 1, 2, 65))),
        "pad": lambda: (r.randbytes(r.choice((0, 4, 24))), text(r)),
        "unpad": unpad,
        "x25519_xor": lambda: (
            r.randbytes(32), r.choice(LOW_ORDER) if not r.randrange(8) else column(r, r.choice(MEMBERS))
        ),
        "x25519_column": multiples,
        "ratchet_frame": lambda: ratchet(r, suite)[0],
        "ratchet_header": opened_header,
        "ratchet_body": opened_body,
        "ratchet_keys": step,
    }  # fmt: skip


def cases(r, suite, count):
    """(function, arguments), `count` of each."""
    for name, arguments in make(r, suite).items():
        for _ in range(count):
            yield name, arguments()


assert all(x25519_column(bytes(32), u + u, 0) is None for u in LOW_ORDER)
