"""Calls of crypto suite functions in bulk: random and edge inputs,
the expected answers, and the native modules' answers.
"""

import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
sys.path.insert(0, HERE)
from agreement_functions import FUNCTIONS  # noqa: E402
from operations import natmod  # noqa: E402

import frame_cases  # noqa: E402

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493


def built_for_this_machine(folder):
    """The x64 modules, built into the folder: what the tests here load."""
    natmod.build("x64", folder)
    return folder


def micropython(binary, modules, script, *arguments, heap="16m"):
    """Runs a script of this folder under MicroPython with the modules, the core and this folder on the path."""
    path = ":".join([str(modules), os.path.join(ROOT, "shared"), HERE, ".frozen"])
    command = [str(binary), "-X", "heapsize=" + heap, os.path.join(HERE, script), *map(str, arguments)]
    # Not in firmware/: there `import curve25519` would find the folder of the sources.
    return subprocess.run(
        command, cwd=modules, env={**os.environ, "MICROPYPATH": path}, capture_output=True, text=True, timeout=500
    )


def pack(calls):
    out = bytearray()
    for name, arguments in calls:
        out += bytes([FUNCTIONS.index(name), len(arguments)])
        for value in arguments:
            if isinstance(value, int):
                out += b"i" + value.to_bytes(4, "little", signed=value < 0)
            elif isinstance(value, str):
                out += b"s" + len(value).to_bytes(4, "little") + value.encode()
            else:
                out += b"b" + len(value).to_bytes(4, "little") + bytes(value)
    return bytes(out)


def unpack(data):
    position, answers = 0, []
    while position < len(data):
        kind = data[position : position + 1]
        position += 1
        if kind in b"ntf":
            answers.append({b"n": None, b"t": True, b"f": False}[kind])
            continue
        if kind == b"i":
            answers.append(int.from_bytes(data[position : position + 4], "little", signed=True))
            position += 4
            continue
        size = int.from_bytes(data[position : position + 4], "little")
        value = data[position + 4 : position + 4 + size]
        position += 4 + size
        answers.append(value if kind == b"b" else "error " + value.decode())
    return answers


def native(binary, modules, folder, calls, heap="16m"):
    """The answers of the native modules under MicroPython."""
    source, target = folder / "calls", folder / "answers"
    source.write_bytes(pack(calls))
    done = micropython(binary, modules, "on_module.py", source, target, heap=heap)
    assert done.returncode == 0, done.stdout + done.stderr
    return unpack(target.read_bytes())


def expected(suite, calls):
    """The answers of a suite on this Python, errors as "error Name: text"."""
    answers = []
    for name, arguments in calls:
        try:
            answers.append(getattr(suite, name)(*arguments))
        except (ValueError, TypeError) as e:
            answers.append(f"error {type(e).__name__}: {e}")
    return answers


def compare(seed, calls, answers, expected):
    assert len(answers) == len(calls)
    for (name, arguments), got, wanted in zip(calls, answers, expected, strict=True):
        if got != wanted:
            shown = [a.hex() if isinstance(a, bytes) else a for a in arguments]
            raise AssertionError(f"{name}{tuple(shown)} gives {got!r}, not {wanted!r} (seed {seed})")


# --- inputs


def edge(r, size):
    """`size` bytes: random, or of the kind that carries and reductions trip over."""
    kind = r.randrange(10)
    if kind < 6:
        return r.randbytes(size)
    if kind == 6:  # runs of the same byte
        out = b""
        while len(out) < size:
            out += r.choice([b"\0", b"\xff", b"\x01", b"\x80", b"\x7f", b"\xed", r.randbytes(1)]) * r.choice(
                [1, 2, 4, 8, 16]
            )
        return out[:size]
    if kind == 7:  # near a modulus, a power of two, or zero
        near = r.choice([0, P, 2 * P, L, 8 * L, 1 << r.randrange(8 * size or 1), 1 << (8 * size)])
        return ((near + r.randrange(-20, 21)) % (1 << (8 * size))).to_bytes(size, "little")
    if kind == 8:  # one bit in many
        return (1 << r.randrange(8 * size or 1)).to_bytes(size, "little") if size else b""
    return bytes([r.choice([0, 255])]) * size


def length(r):
    """Mostly short, around block sizes, at times long."""
    return r.choice(
        [0, 1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 256, 257, r.randrange(64), r.randrange(400)]
    )


def calls(r, suite, counts):
    """Calls by {function: how many}. `suite` makes the points, boxes and signatures that are to be accepted."""
    points = [suite.ristretto_map(edge(r, 64)) for _ in range(40)] + [bytes(32)]

    def point():
        return r.choice(points) if r.randrange(8) else edge(r, 32)

    def box():
        key, nonce = edge(r, 32), edge(r, 24)
        sealed = bytearray(suite.secretbox(key, nonce, edge(r, length(r))))
        if not r.randrange(3):
            sealed[r.randrange(len(sealed))] ^= 1 << r.randrange(8)
        return key, nonce, bytes(sealed)

    def signature():
        seed, msg = edge(r, 32), edge(r, length(r))
        public = suite.ed25519_public(seed)
        sig = suite.ed25519_sign(seed, public, msg)
        forge = r.randrange(8)
        if forge == 0:
            sig = sig[:32] + edge(r, 32)
        elif forge == 1:
            sig = edge(r, 32) + sig[32:]
        elif forge == 2:  # the same S mod l
            sig = sig[:32] + ((int.from_bytes(sig[32:], "little") + L) % 2**256).to_bytes(32, "little")
        elif forge == 3:
            public = edge(r, 32)
        return public, sig, msg

    def sums():
        n = r.randrange(2, 6)
        xs = [r.choice(points) for _ in range(n - 1)]
        total = bytes(32)
        for x in xs:
            total = suite.ristretto_add(total, x)
        last = suite.ristretto_sub(bytes(32), total) if r.randrange(4) else point()
        return point(), b"".join(xs) + last

    def twice():
        a = edge(r, length(r))
        b = bytearray(a)
        if a and r.randrange(2):
            b[r.randrange(len(b))] ^= 1 << r.randrange(8)
        return a, (bytes(b) if r.randrange(8) else edge(r, length(r)))

    def parts():
        return [edge(r, length(r)) for _ in range(r.choice([0, 1, 1, 1, 2, 3, 5]))]

    make = {
        "h": lambda: (
            r.randint(1, 64),
            *(edge(r, r.choice(sizes)) for sizes in ([0, 0, 1, 16, 32, 64], [0, 8, 16], [0, 7, 16])),
            *parts(),
        ),
        "secretbox": lambda: (edge(r, 32), edge(r, 24), edge(r, length(r))),
        "secretbox_open": box,
        "xsalsa20_xor": lambda: (edge(r, 32), edge(r, 24), edge(r, length(r))),
        "equal": twice,
        "scalar_reduce": lambda: (edge(r, 64),),
        "x25519": lambda: (edge(r, 32), edge(r, 32)),
        "x25519_base": lambda: (edge(r, 32),),
        "ed25519_public": lambda: (edge(r, 32),),
        "ed25519_sign": lambda: (edge(r, 32), edge(r, 32), edge(r, length(r))),
        "ed25519_verify": signature,
        "ristretto_map": lambda: (edge(r, 64),),
        "ristretto_mul": lambda: (edge(r, 32), point()),
        "ristretto_add": lambda: (point(), point()),
        "ristretto_sub": lambda: (point(), point()),
        "ristretto_valid": lambda: (point(),),
        "bd_key": sums,
        **frame_cases.make(r, suite),
    }  # fmt: skip
    return [(name, make[name]()) for name, count in counts.items() for _ in range(count)]
