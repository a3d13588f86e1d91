"""The code that LLVM makes for the ESP32 computes what libsodium
computes: it runs on QEMU's Xtensa machine (xtensa_run.py).
"""

import os
import random
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from operations import QEMU, SOURCE, c_sources, load, natmod  # noqa: E402

from sealcast.crypto import host as host  # noqa: E402

ROUNDS = 3
PROGRAM = r"""
#include <stdint.h>
#include <stddef.h>
#include <string.h>
#include "curve25519.h"
#include "symmetric.h"
#include "frames.h"

int sim_call(int op, int file, const void *data, int size);

// What MicroPython's function table gives the module.
#define HERE __asm__ volatile ("" : : : "memory")
void *memcpy(void *to, const void *from, size_t n) {
    for (size_t i = 0; i < n; i++) { HERE; ((uint8_t *)to)[i] = ((const uint8_t *)from)[i]; }
    return to;
}
void *memmove(void *to, const void *from, size_t n) {
    if ((uintptr_t)to <= (uintptr_t)from) { return memcpy(to, from, n); }
    for (; n; n--) { HERE; ((uint8_t *)to)[n - 1] = ((const uint8_t *)from)[n - 1]; }
    return to;
}
void *memset(void *to, int value, size_t n) {
    for (size_t i = 0; i < n; i++) { HERE; ((uint8_t *)to)[i] = value; }
    return to;
}

static void show(const uint8_t *data, size_t size) {
    for (size_t i = 0; i < size; i++) {
        char text[2];
        text[0] = "0123456789abcdef"[data[i] >> 4];
        text[1] = "0123456789abcdef"[data[i] & 15];
        sim_call(4, 1, text, 2);
    }
    sim_call(4, 1, "\n", 1);
}

int xtensa_main(void) {
    uint8_t out[1024], *room = (uint8_t *)0x60200000;
    int ok;
    (void)ok;
    (void)room;
%s
    return 42;
}
"""


def _bytes(data):
    return '(const uint8_t *)"%s"' % "".join("\\x%02x" % byte for byte in data)


def _view(data):
    return "(uint8_t *)" + _bytes(data)


def curve(r):
    """[(C statements that leave a result in out, its size, what libsodium says)]"""
    k, u, wide, text = r.randbytes(32), r.randbytes(32), r.randbytes(64), r.randbytes(r.randrange(100))
    P, Q = host.ristretto_map(wide), host.ristretto_map(r.randbytes(64))
    A = host.ed25519_public(k)
    signature = host.ed25519_sign(k, A, text)
    X = [host.ristretto_map(r.randbytes(64)) for _ in range(3)]
    total = host.ristretto_add(host.ristretto_add(X[0], X[1]), X[2])
    xs = b"".join(X) + host.ristretto_sub(bytes(32), total)
    signed = "sc_ed25519_%s, " + "%s, %d)" % (_bytes(text), len(text))
    return [
        ("sc_x25519(out, %s, %s)" % (_bytes(k), _bytes(u)), host.x25519(k, u)),
        (
            "out[0] = sc_x25519_column(room, %s, %s, 3, 1); memcpy(out, room, 64)" % (_bytes(k), _bytes(u + wide)),
            host.x25519_column(k, u + wide, 1),
        ),
        ("sc_x25519_base(out, %s)" % _bytes(k), host.x25519_base(k)),
        ("sc_ristretto_map(out, %s)" % _bytes(wide), P),
        ("sc_ristretto_mul(out, %s, %s)" % (_bytes(k), _bytes(P)), host.ristretto_mul(k, P)),
        ("sc_ristretto_add(out, %s, %s)" % (_bytes(P), _bytes(Q)), host.ristretto_add(P, Q)),
        ("sc_ristretto_sub(out, %s, %s)" % (_bytes(P), _bytes(Q)), host.ristretto_sub(P, Q)),
        ("out[0] = sc_ristretto_valid(%s)" % _bytes(P), b"\x01"),
        ("out[0] = sc_ristretto_valid(%s)" % _bytes(b"\x03" + P[1:]), b"\x00"),
        ("sc_scalar_reduce(out, %s)" % _bytes(wide), host.scalar_reduce(wide)),
        ("sc_bd_key(out, %s, %s, 4)" % (_bytes(P), _bytes(xs)), host.bd_key(P, xs)),
        ("sc_ed25519_public(out, %s)" % _bytes(k), A),
        (signed % ("sign(out, %s, %s" % (_bytes(k), _bytes(A))), signature),
        ("out[0] = " + signed % ("verify(%s, %s" % (_bytes(A), _bytes(signature))), b"\x01"),
        (
            "out[0] = " + signed % ("verify(%s, %s" % (_bytes(A), _bytes(bytes([signature[0] ^ 1]) + signature[1:]))),
            b"\x00",
        ),
    ]


def symmetric(r):
    key, nonce, salt, text = r.randbytes(32), r.randbytes(24), r.randbytes(16), r.randbytes(r.randrange(1, 300))
    place = r.randbytes(32)
    box = host.secretbox(key, nonce, text)
    bad = bytes([box[0] ^ 128]) + box[1:]
    size = r.randrange(1, 65)
    return [
        (
            "sc_blake2b s; sc_blake2b_init(&s, %d, %s, 32, %s, 16, %s, 4); sc_blake2b_update(&s, %s, %d); "
            "sc_blake2b_final(&s, out)"
            % (size, _bytes(key), _bytes(salt), _bytes(b"sc/x"), _bytes(text), len(text)),
            host.h(size, key, salt, b"sc/x", text),
        ),
        ("sc_secretbox_seal(out, %s, %s, %s, %d)" % (_bytes(key), _bytes(nonce), _bytes(text), len(text)), box),
        ("sc_secretbox_open(out, %s, %s, %s, %d)" % (_bytes(key), _bytes(nonce), _bytes(box), len(box)), text),
        (
            "out[0] = sc_secretbox_open(room, %s, %s, %s, %d)" % (_bytes(key), _bytes(nonce), _bytes(bad), len(bad)),
            b"\x00",
        ),
        (
            "sc_xsalsa20 s; sc_xsalsa20_init(&s, %s, %s); sc_xsalsa20_xor(&s, out, %s, %d)"
            % (_bytes(key), _bytes(nonce), _bytes(text), len(text)),
            host.xsalsa20_xor(key, nonce, text),
        ),
        (
            "sc_frame_seal(out, &(sc_seal_in) { {%s, 32}, {%s, 22}, {%s, 32}, {%s, 24}, {%s, %d} }, %s)"
            % (_view(key), _view(key), _view(place), _view(nonce), _view(text), len(text), _bytes(place)),
            host.seal_frame(key, key[:22], place, nonce, text, place),
        ),
        ("sc_chain(out, %s, 2, 3)" % _bytes(key), host.chain(key, 2, 3)),
        (
            "sc_pad(room, %s, %d); out[0] = sc_unpad(room, sc_padded(%d)) == %d"
            % (_bytes(text), len(text), len(text) + 1, len(text)),
            b"\x01",
        ),
        (
            "sc_ratchet_seal(out, &(sc_ratchet_in) { {%s, 32}, {%s, 64}, {%s, 32}, {%s, 32}, {%s, 32}, {%s, 54},"
            " {%s, 24}, {%s, 32}, {%s, 16} }, 1)"
            % tuple(map(_view, (key, key + place, place, key, key, salt * 4, nonce, place, salt))),
            host.ratchet_frame(key, key + place, place, key, key, (salt * 4)[:54], nonce, place, salt, 1),
        ),
        (
            "sc_ratchet_step(out, &(sc_step_in) { {%s, 32}, {%s, 32}, {%s, 32}, {%s, 64}, {%s, 4}, {%s, 16} }, 1)"
            % tuple(map(_view, (key, place, key, key + place, nonce, salt))),
            host.ratchet_keys(key, place, key, key + place, nonce[:4], salt, 1),
        ),
    ]


def scrypt(r):
    key, salt = r.randbytes(32), r.randbytes(16)
    return [
        (
            "sc_scrypt_begin(room, 40000, 32, 4, 2, %s, 32, %s, 16); while (!sc_scrypt_step(room, 40000, 9)) { }"
            " sc_scrypt_end(room, 40000, out, 40)" % (_bytes(key), _bytes(salt)),
            host.scrypt(key, salt, 32, 4, 2, 40),
        ),
        (
            "out[0] = sc_equal(%s, %s, 32) + 2 * sc_equal(%s, %s, 16)"
            % (_bytes(key), _bytes(key), _bytes(key), _bytes(salt)),
            b"\x01",
        ),
    ]


@pytest.mark.parametrize("module,cases", [("curve25519", curve), ("symcrypto", symmetric), ("scrypt", scrypt)])
def test_agrees_with_libsodium(tmp_path, module, cases):
    machine = load(QEMU, "xtensa_run")
    if machine.missing():
        pytest.skip(", ".join(machine.missing()) + " not installed")
    seed = random.randrange(1 << 32)
    wanted = [case for i in range(ROUNDS) for case in cases(random.Random(seed + i))]
    body = "\n".join("    { %s; }\n    show(out, %d);" % (code, len(result)) for code, result in wanted)
    (tmp_path / "program.c").write_text(PROGRAM % body)
    flags = [flag for flag in natmod._COMMON if not flag.startswith("-DMICROPY")]
    sources = [(path, flags + own + ["-I", SOURCE]) for path, own in c_sources(module)]
    sources.append((str(tmp_path / "program.c"), ["-Os", "-I", SOURCE]))
    tree = subprocess.check_output(
        [sys.executable, os.path.join(SOURCE, "..", "bootstrap", "source.py")], text=True
    ).strip()
    code, out = machine.run(tree, sources, str(tmp_path), timeout=300)
    assert code == 42, "seed %d, exit code %d\n%s" % (seed, code, out)
    lines = out.splitlines()
    assert len(lines) == len(wanted)
    for (call, result), line in zip(wanted, lines, strict=True):
        assert line == result.hex(), "seed %d: %s" % (seed, call)
