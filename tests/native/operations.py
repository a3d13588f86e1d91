"""The operations of the native modules in C: how bench and constant-time tests call each, and which bytes are secret in it.

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
        sys.path.insert(0, folder)      # what it imports stands beside it
    spec = importlib.util.spec_from_file_location("sealcast_" + name, os.path.join(folder, name + ".py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


natmod = load(SOURCE, "build")
INCLUDES = [os.path.join(SOURCE, "curve25519.h"), os.path.join(SOURCE, "symmetric.h")]


class Operation:
    """One call. secret: [(C expression, bytes)], what must influence neither branches nor addresses; () if all is public."""

    def __init__(self, name, module, run, prepare="", secret=()):
        self.name, self.module, self.run, self.prepare, self.secret = name, module, run, prepare, secret


_POINT = "sc_ristretto_map(c, d)"
# X_1, X_2 and what makes the sum zero; then bd_key succeeds and every step of it runs.
_SUM = _POINT + "; sc_ristretto_map(e, d + 64); sc_ristretto_map(e + 32, d + 128); memset(e + 64, 0, 32);" \
    " sc_ristretto_sub(e + 64, e + 64, e); sc_ristretto_sub(e + 64, e + 64, e + 32)"
_BLAKE2B = "sc_blake2b state; sc_blake2b_init(&state, 32, b, %d, c, 16, (const uint8_t *)\"sc/test\", 7);" \
    " sc_blake2b_update(&state, d, %d); sc_blake2b_final(&state, a)"
_SCRYPT = "size_t n = 1200 << 10; sc_scrypt_begin(f, n, 1024, 8, 1, b, 20, c, 16);" \
    " while (sc_scrypt_step(f, n, 64) == 0) { } sc_scrypt_end(f, n, a, 32)"

OPERATIONS = [
    Operation("x25519", "curve25519", "sc_x25519(a, b, c)", secret=[("b", 32), ("c", 32)]),
    Operation("x25519_base", "curve25519", "sc_x25519_base(a, b)", secret=[("b", 32)]),
    Operation("ristretto_mul", "curve25519", "sc_ristretto_mul(a, b, c)", _POINT, [("b", 32), ("c", 32)]),
    Operation("ristretto_add", "curve25519", "sc_ristretto_add(a, c, e)", _POINT + "; sc_ristretto_map(e, d + 64)", [("c", 32), ("e", 32)]),
    Operation("ristretto_sub", "curve25519", "sc_ristretto_sub(a, c, e)", _POINT + "; sc_ristretto_map(e, d + 64)", [("c", 32), ("e", 32)]),
    Operation("ristretto_valid", "curve25519", "a[0] = sc_ristretto_valid(c)", _POINT, [("c", 32)]),
    Operation("ristretto_map", "curve25519", "sc_ristretto_map(a, d)", secret=[("d", 64)]),
    Operation("scalar_reduce", "curve25519", "sc_scalar_reduce(a, d)", secret=[("d", 64)]),
    Operation("scalar_nonzero", "curve25519", "a[0] = sc_scalar_nonzero(b)", secret=[("b", 32)]),
    Operation("bd_key_3", "curve25519", "sc_bd_key(a, c, e, 3)", _SUM, [("c", 32)]),
    Operation("ed25519_public", "curve25519", "sc_ed25519_public(a, b)", secret=[("b", 32)]),
    Operation("ed25519_sign", "curve25519", "sc_ed25519_sign(a, b, c, d, 100)", "sc_ed25519_public(c, b)", [("b", 32), ("d", 100)]),
    Operation("ed25519_verify", "curve25519", "a[0] = sc_ed25519_verify(c, e, d, 100)",
              "sc_ed25519_public(c, b); sc_ed25519_sign(e, b, c, d, 100)"),
    Operation("blake2b_64", "symcrypto", _BLAKE2B % (0, 64), secret=[("c", 16), ("d", 64)]),
    Operation("blake2b_64_keyed", "symcrypto", _BLAKE2B % (32, 64), secret=[("b", 32), ("c", 16), ("d", 64)]),
    Operation("blake2b_1024_keyed", "symcrypto", _BLAKE2B % (32, 1024), secret=[("b", 32), ("c", 16), ("d", 1024)]),
    Operation("xsalsa20_256", "symcrypto", "sc_xsalsa20 state; sc_xsalsa20_init(&state, b, c); sc_xsalsa20_xor(&state, e, d, 256)",
              secret=[("b", 32), ("c", 24), ("d", 256)]),
    Operation("secretbox_256", "symcrypto", "sc_secretbox_seal(e, b, c, d, 256)", secret=[("b", 32), ("c", 24), ("d", 256)]),
    Operation("secretbox_open_256", "symcrypto", "sc_secretbox_open(a, b, c, e, 272)", "sc_secretbox_seal(e, b, c, d, 256)",
              [("b", 32), ("c", 24)]),
    Operation("equal_32", "symcrypto", "a[0] = sc_equal(b, c, 32)", "memcpy(c, b, 32 * (d[0] & 1))", [("b", 32), ("c", 32)]),
    # Its second loop reads memory at places that the password decides: by design, so it stands in no constant-time test.
    Operation("scrypt_n1024_r8", "symcrypto", _SCRYPT),
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
