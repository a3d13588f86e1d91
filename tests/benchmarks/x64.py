"""Times on this machine, in turn with libsodium's."""

import ctypes
import glob
import importlib.util
import os
import shutil
import subprocess
import tempfile
import time

from operations import c_sources, natmod

ROUNDS = 15  # each round times both sides; the best of all rounds counts, so that a busy machine does not
CALLS = 40
B = bytes(range(1, 33))


def missing():
    return [program for program in ["gcc"] if not shutil.which(program)]


def _ours(folder):
    flags = [
        flag
        for flag in natmod._COMMON + natmod.ARCHES["x64"][1]
        if not flag.startswith(("-W", "-DMICROPY", "-fvisibility"))
    ]
    objects = []
    for module in natmod.MODULES:
        for source, own in c_sources(module):
            objects.append(os.path.join(folder, os.path.basename(source) + ".o"))
            subprocess.check_call(["gcc", *flags, *own, "-c", source, "-o", objects[-1]])
    library = os.path.join(folder, "ours.so")
    subprocess.check_call(["gcc", "-shared", "-o", library, *dict.fromkeys(objects)])
    return ctypes.CDLL(library)


def _libsodium():
    """PyNaCl's libsodium, loaded without sodium_init(): it then has not yet chosen its vector code."""
    package = importlib.util.find_spec("nacl").submodule_search_locations[0]
    return ctypes.CDLL(glob.glob(os.path.join(package, "_sodium*"))[0])


def _best(calls):
    """Nanoseconds of the fastest round of each (function, arguments), the rounds taken in turn."""
    best = [float("inf")] * len(calls)
    for _ in range(ROUNDS):
        for i, (function, arguments) in enumerate(calls):
            start = time.perf_counter_ns()
            for _ in range(CALLS):
                function(*arguments)
            best[i] = min(best[i], (time.perf_counter_ns() - start) / CALLS)
    return best


def measure(put):
    out, size = ctypes.create_string_buffer(512), ctypes.c_size_t
    message = bytes(256)
    with tempfile.TemporaryDirectory() as folder:
        ours, sodium = _ours(folder), _libsodium()
        # libsodium's lengths are 64-bit even where size_t is not.
        wide = ctypes.c_ulonglong
        secret = ctypes.create_string_buffer(64)
        public = ctypes.create_string_buffer(32)
        sodium.crypto_sign_ed25519_seed_keypair(public, secret, B)
        sodium.crypto_sign_ed25519_detached(out, None, message, wide(100), secret)
        signature = out.raw[:64]
        pairs = {
            "x25519": ((ours.sc_x25519, (out, B, public)), (sodium.crypto_scalarmult_curve25519, (out, B, public))),
            "x25519_base": ((ours.sc_x25519_base, (out, B)), (sodium.crypto_scalarmult_curve25519_base, (out, B))),
            "ed25519_sign": (
                (ours.sc_ed25519_sign, (out, B, public, message, size(100))),
                (sodium.crypto_sign_ed25519_detached, (out, None, message, wide(100), secret)),
            ),
            "ed25519_verify": (
                (ours.sc_ed25519_verify, (public, signature, message, size(100))),
                (sodium.crypto_sign_ed25519_verify_detached, (signature, message, wide(100), public)),
            ),
            "secretbox_256": (
                (ours.sc_secretbox_seal, (out, B, B, message, size(256))),
                (sodium.crypto_secretbox_easy, (out, message, wide(256), B, B)),
            ),
        }
        portable = {name: _best(pair) for name, pair in pairs.items()}
        assert sodium.sodium_init() >= 0
        chosen = {name: _best(pair) for name, pair in pairs.items()}
        for name in pairs:
            put("x64.%s.nanoseconds" % name, round(min(portable[name][0], chosen[name][0])))
            put("x64.%s.ratio_to_libsodium_portable" % name, round(portable[name][0] / portable[name][1], 3))
            put("x64.%s.ratio_to_libsodium" % name, round(chosen[name][0] / chosen[name][1], 3))
        for name, function, arguments in (
            ("ristretto_mul", ours.sc_ristretto_mul, (out, B, _point(ours))),
            ("ristretto_map", ours.sc_ristretto_map, (out, message)),
        ):
            put("x64.%s.nanoseconds" % name, round(_best([(function, arguments)])[0]))


def _point(ours):
    out = ctypes.create_string_buffer(32)
    ours.sc_ristretto_map(out, bytes(64))
    return out
