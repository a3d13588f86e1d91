"""Builds the curve code as shared libraries for this machine, one for each field representation, and calls them."""

import ctypes
import os
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.join(HERE, "..", "..", "firmware", "curve25519")
# Every representation compiles here, because the C of each is
# portable; the assembly of fe_29 and fe_32 runs in QEMU only.
VARIANTS = {
    "51": ["-DSC_FE=51"],
    "29": ["-DSC_FE=29"],
    "29wide": ["-DSC_FE=29", "-DFE_WIDE"],
    "32": ["-DSC_FE=32"],
    "13": ["-DSC_FE=13"],
}
FLAGS = ["-O2", "-fPIC", "-shared", "-std=gnu11", "-Wall", "-Wextra", "-Wno-unused-function", "-Werror"]


def build(folder, name, flags):
    """The shared library of one representation (SANITIZE in the environment adds UBSan), with fe_probe.c around it."""
    path = os.path.join(str(folder), "curve_%s.so" % name)
    sanitize = ["-fsanitize=undefined", "-fno-sanitize-recover=all"] if os.environ.get("SANITIZE") else []
    subprocess.check_call(
        [
            os.environ.get("CC", "cc"),
            *FLAGS,
            *sanitize,
            *flags,
            "-I",
            SOURCE,
            os.path.join(HERE, "fe_probe.c"),
            os.path.join(SOURCE, "sha512.c"),
            os.path.join(SOURCE, "memory.c"),
            "-o",
            path,
        ]
    )
    return Curve(path)


class Curve:
    """The functions of curve25519.h, with bytes in and bytes out."""

    def __init__(self, path):
        self.c = ctypes.CDLL(path)
        self.limbs = self.c.probe_limbs()
        self.limb_bytes = self.c.probe_limb_bytes()

    def _out(self, name, size, *args):
        out = ctypes.create_string_buffer(size)
        result = getattr(self.c, "sc_" + name)(out, *args)
        return result, out.raw

    def x25519(self, k, u):
        return self._out("x25519", 32, k, u)[1]

    def x25519_base(self, k):
        return self._out("x25519_base", 32, k)[1]

    def ristretto_mul(self, s, p):
        result, out = self._out("ristretto_mul", 32, s, p)
        return None if result else out

    def ristretto_add(self, p, q):
        result, out = self._out("ristretto_add", 32, p, q)
        return None if result else out

    def ristretto_sub(self, p, q):
        result, out = self._out("ristretto_sub", 32, p, q)
        return None if result else out

    def ristretto_valid(self, p):
        return bool(self.c.sc_ristretto_valid(p))

    def ristretto_map(self, b):
        return self._out("ristretto_map", 32, b)[1]

    def scalar_reduce(self, b):
        return self._out("scalar_reduce", 32, b)[1]

    def scalar_nonzero(self, s):
        return self.c.sc_scalar_nonzero(s)

    def bd_key(self, a, xs):
        """(code, key)"""
        return self._out("bd_key", 32, a, xs, ctypes.c_size_t(len(xs) // 32))

    def ed25519_public(self, seed):
        return self._out("ed25519_public", 32, seed)[1]

    def ed25519_sign(self, seed, public, msg):
        return self._out("ed25519_sign", 64, seed, public, msg, ctypes.c_size_t(len(msg)))[1]

    def ed25519_verify(self, public, sig, msg):
        return bool(self.c.sc_ed25519_verify(public, sig, msg, ctypes.c_size_t(len(msg))))
