"""The operations of the native modules in C: how bench and
constant-time tests call each, and which bytes are secret in it.

Buffers a, b, c (256 bytes), d, e (4 KB) and f (2 MB); a to d hold fresh pseudo-random bytes before `prepare` runs.
"""

import importlib.util
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.join(HERE, "..", "..", "firmware", "curve25519")
QEMU = os.path.join(HERE, "..", "..", "firmware", "qemu")


def load(folder, name):
    """A script of the firmware as a module: they are programs, not packages."""
    if folder not in sys.path:
        sys.path.insert(0, folder)  # what it imports stands beside it
    spec = importlib.util.spec_from_file_location("sealcast_" + name, os.path.join(folder, name + ".py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


natmod = load(SOURCE, "build")
INCLUDES = [os.path.join(SOURCE, name) for name in ("curve25519.h", "symmetric.h", "frames.h")]


class Operation:
    """One call. secret: [(C expression, bytes)], what must influence
    neither branches nor addresses; () if all is public.
    """

    def __init__(self, name, module, run, prepare="", secret=()):
        self.name, self.module, self.run, self.prepare, self.secret = name, module, run, prepare, secret


_POINT = "sc_ristretto_map(c, d)"
# X_1, X_2 and what makes the sum zero; then bd_key succeeds and every step of it runs.
_SUM = (
    _POINT + "; sc_ristretto_map(e, d + 64); sc_ristretto_map(e + 32, d + 128); memset(e + 64, 0, 32);"
    " sc_ristretto_sub(e + 64, e + 64, e); sc_ristretto_sub(e + 64, e + 64, e + 32)"
)
_BLAKE2B = (
    'sc_blake2b state; sc_blake2b_init(&state, 32, b, %d, c, 16, (const uint8_t *)"sc/test", 7);'
    " sc_blake2b_update(&state, d, %d); sc_blake2b_final(&state, a)"
)
_SCRYPT = (
    "size_t n = 1200 << 10; sc_scrypt_begin(f, n, 1024, 8, 1, b, 20, c, 16);"
    " while (sc_scrypt_step(f, n, 64) == 0) { } sc_scrypt_end(f, n, a, 32)"
)

# Frames: what a binding passes. `b` and `c` hold keys, `d` what is sealed, `e` what comes out.
_SEAL = "sc_frame_seal(e, &(sc_seal_in) { {b, 32}, {c, 22}, {c + 32, 32}, {c + 64, 24}, {d, 100} }, b + 32)"
_SEALED = _SEAL + "; memcpy(d, e, 178)"
_OPEN = "&(sc_open_in) { {%s, 32}, {e, %d}, {c + 32, 32} })"
_NONCE = "sc_frame_nonce(a, &(sc_nonce_in) { {b, 32}, {c, 8}, {c + 16, 16}, {c + 32, 54}, {d, 100} })"
_SIGNABLE = "sc_signable(a, &(sc_signable_in) { {c, 54}, {c + 64, 32}, {d, 100} })"
# A group of four, member 1 speaks: z and statics in d, the message behind them; HK, digest, mk and R_new in b.
_RATCHET = (
    "sc_ratchet_seal(e, &(sc_ratchet_in) { {d, 96}, {d + 96, 128}, {b, 32}, {b + 32, 32}, {b + 64, 32}, {c, 54},"
    " {c + 64, 24}, {b + 96, 32}, {d + 256, 40} }, 1)"
)
_FRAME = "SC_RATCHET(4, 40) + 32"
_HEADER = (
    "a[0] = sc_ratchet_header(a + 32, &(sc_header_in) { {d + 32, 32}, {d + 96 + 64, 32}, {b, 32}, {b + 32, 32},"
    " {e, %s} }, sc_ratchet_box(e, %s), 2)" % (_FRAME, _FRAME)
)
_BODY = "a[0] = sc_ratchet_body(a + 32, &(sc_body_in) { {b + 64, 32}, {e, %s} }, sc_ratchet_box(e, %s))" % (
    _FRAME,
    _FRAME,
)
_STEP = "sc_ratchet_step(a, &(sc_step_in) { {b, 32}, {b + 32, 32}, {b + 64, 32}, {d, 128}, {c, 4}, {d + 256, 40} }, 1)"
# Length and text of what unpad looks at differ with the run: neither may show.
_PADDED = "memset(e, 0, 64); sc_pad(e, d, 33 + (d[0] & 7))"

OPERATIONS = [
    Operation("x25519", "curve25519", "sc_x25519(a, b, c)", secret=[("b", 32), ("c", 32)]),
    Operation("x25519_base", "curve25519", "sc_x25519_base(a, b)", secret=[("b", 32)]),
    Operation("ristretto_mul", "curve25519", "sc_ristretto_mul(a, b, c)", _POINT, [("b", 32), ("c", 32)]),
    Operation(
        "ristretto_add",
        "curve25519",
        "sc_ristretto_add(a, c, e)",
        _POINT + "; sc_ristretto_map(e, d + 64)",
        [("c", 32), ("e", 32)],
    ),
    Operation(
        "ristretto_sub",
        "curve25519",
        "sc_ristretto_sub(a, c, e)",
        _POINT + "; sc_ristretto_map(e, d + 64)",
        [("c", 32), ("e", 32)],
    ),
    Operation("ristretto_valid", "curve25519", "a[0] = sc_ristretto_valid(c)", _POINT, [("c", 32)]),
    Operation("ristretto_map", "curve25519", "sc_ristretto_map(a, d)", secret=[("d", 64)]),
    Operation("scalar_reduce", "curve25519", "sc_scalar_reduce(a, d)", secret=[("d", 64)]),
    Operation("scalar_nonzero", "curve25519", "a[0] = sc_scalar_nonzero(b)", secret=[("b", 32)]),
    Operation("bd_key_3", "curve25519", "sc_bd_key(a, c, e, 3)", _SUM, [("c", 32)]),
    Operation("ed25519_public", "curve25519", "sc_ed25519_public(a, b)", secret=[("b", 32)]),
    Operation(
        "ed25519_sign",
        "curve25519",
        "sc_ed25519_sign(a, b, c, d, 100)",
        "sc_ed25519_public(c, b)",
        [("b", 32), ("d", 100)],
    ),
    Operation(
        "ed25519_verify",
        "curve25519",
        "a[0] = sc_ed25519_verify(c, e, d, 100)",
        "sc_ed25519_public(c, b); sc_ed25519_sign(e, b, c, d, 100)",
    ),
    Operation("blake2b_64", "symcrypto", _BLAKE2B % (0, 64), secret=[("c", 16), ("d", 64)]),
    Operation("blake2b_64_keyed", "symcrypto", _BLAKE2B % (32, 64), secret=[("b", 32), ("c", 16), ("d", 64)]),
    Operation("blake2b_1024_keyed", "symcrypto", _BLAKE2B % (32, 1024), secret=[("b", 32), ("c", 16), ("d", 1024)]),
    Operation(
        "xsalsa20_256",
        "symcrypto",
        "sc_xsalsa20 state; sc_xsalsa20_init(&state, b, c); sc_xsalsa20_xor(&state, e, d, 256)",
        secret=[("b", 32), ("c", 24), ("d", 256)],
    ),
    Operation(
        "secretbox_256", "symcrypto", "sc_secretbox_seal(e, b, c, d, 256)", secret=[("b", 32), ("c", 24), ("d", 256)]
    ),
    Operation(
        "secretbox_open_256",
        "symcrypto",
        "sc_secretbox_open(a, b, c, e, 272)",
        "sc_secretbox_seal(e, b, c, d, 256)",
        [("b", 32), ("c", 24)],
    ),
    Operation(
        "equal_32", "symcrypto", "a[0] = sc_equal(b, c, 32)", "memcpy(c, b, 32 * (d[0] & 1))", [("b", 32), ("c", 32)]
    ),
    Operation("seal_frame_100", "symcrypto", _SEAL, secret=[("b", 64), ("d", 100)]),
    Operation(
        "open_frame_100", "symcrypto", "a[0] = sc_frame_open(a + 32, " + _OPEN % ("b", 162), _SEALED, [("b", 32)]
    ),
    Operation(
        "genuine_frame_100",
        "symcrypto",
        "a[0] = sc_frame_genuine(" + _OPEN % ("b + 32", 178),
        _SEALED,
        [("b + 32", 32)],
    ),
    Operation("frame_nonce_100", "symcrypto", _NONCE, secret=[("b", 32), ("c + 16", 16), ("d", 100)]),
    Operation("signable_100", "symcrypto", _SIGNABLE, secret=[("c + 64", 32), ("d", 100)]),
    Operation("chain_1", "symcrypto", "sc_chain(a, b, 0, 1)", secret=[("b", 32)]),
    Operation("chain_skip_16", "symcrypto", "sc_chain(a, b, 16, 1)", secret=[("b", 32)]),
    Operation("pad_40", "symcrypto", "sc_pad(a, d, 40)", secret=[("d", 40)]),
    Operation("unpad_64", "symcrypto", "a[0] = (uint8_t)sc_unpad(e, 64)", _PADDED, [("e", 33), ("e + 33", 31)]),
    Operation("ratchet_frame_4", "symcrypto", _RATCHET, secret=[("b", 128), ("d", 296)]),
    Operation("ratchet_header_4", "symcrypto", _HEADER, _RATCHET, [("b", 64), ("d", 224)]),
    Operation("ratchet_body_4", "symcrypto", _BODY, _RATCHET, [("b + 64", 32)]),
    Operation("ratchet_keys_4", "symcrypto", _STEP, secret=[("b", 96), ("d + 256", 40)]),
    Operation(
        "x25519_column_4", "curve25519", "a[0] = sc_x25519_column(e, b, d, 4, 1)", secret=[("b", 32), ("d", 128)]
    ),
    # Its second loop reads memory at places that the password
    # decides: by design, so it stands in no constant-time test.
    Operation("scrypt_n1024_r8", "scrypt", _SCRYPT),
]


def c_sources(module):
    """[(path, flags of the shipped build without the architecture's)] of a module, its binding left out."""
    found = []
    for source in natmod.MODULES[module]:
        if not source.endswith("_module.c"):
            level = "-O2" if source in natmod._FAST else "-Os"
            found.append((os.path.join(SOURCE, source), [level, "-DSC_BURN_BYTES=%d" % natmod.BURN[module]]))
    return found


def count(arch, operations, runs=1):
    """{name: [instructions, ...]} of the operations on an emulated core, compiled as the shipped module is."""
    baremetal = load(QEMU, "baremetal")
    flags = [flag for flag in natmod._COMMON if not flag.startswith(("-W", "-DMICROPY"))]
    counts = {}
    for module in natmod.MODULES:
        mine = [(op.name, op.prepare, op.run) for op in operations if op.module == module]
        if mine:
            counts.update(baremetal.count(arch, c_sources(module), mine, flags, INCLUDES, runs)[0])
    return counts
