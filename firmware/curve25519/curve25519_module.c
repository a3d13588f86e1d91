// The MicroPython module curve25519: X25519, Ed25519, ristretto255, scalars.
// The /// lines are the type stub (stubs.py makes curve25519.pyi of them).
//
// All outputs are computed aside first, so `out` may overlap any argument.

#include "port.h"
#include "curve25519.h"

// The n-byte result: copied to out when the caller gave one, else a new bytes object.
static __attribute__((noinline)) mp_obj_t give(uint8_t *result, size_t n, uint8_t *out, mp_obj_t out_object) {
    sc_burn();
    if (!out) {
        out_object = mp_obj_new_bytes(result, n);
    } else {
        sc_copy(out, result, n);
    }
    sc_wipe(result, n);
    return out_object;
}
#define GIVE(result, position) give(result, sizeof result, out, out ? args[position] : MP_OBJ_NULL)

static __attribute__((noreturn)) void not_canonical(const char *name) {
    fail(0, name, "is not a canonical ristretto255 encoding");
}

/// def x25519(k: bytes, u: bytes, out: bytearray | None = None) -> bytes:
///     """X25519 (RFC 7748); an all-zero result is returned as it is. All 32 bytes."""
static mp_obj_t x25519(size_t n_args, const mp_obj_t *args) {
    const uint8_t *k = get_exact(args[0], "k", 32), *u = get_exact(args[1], "u", 32);
    uint8_t *out = get_out(n_args, args, 2, 32), result[32];
    sc_x25519(result, k, u);
    return GIVE(result, 2);
}
SC_FUNCTION(x25519, 2, 3);

/// def x25519_base(k: bytes, out: bytearray | None = None) -> bytes:
///     """X25519 of the base point 9."""
static mp_obj_t x25519_base(size_t n_args, const mp_obj_t *args) {
    const uint8_t *k = get_exact(args[0], "k", 32);
    uint8_t *out = get_out(n_args, args, 1, 32), result[32];
    sc_x25519_base(result, k);
    return GIVE(result, 1);
}
SC_FUNCTION(x25519_base, 1, 2);

/// def ed25519_public(seed: bytes, out: bytearray | None = None) -> bytes:
///     """The public key (32) of a secret seed (32), RFC 8032."""
static mp_obj_t ed25519_public(size_t n_args, const mp_obj_t *args) {
    const uint8_t *seed = get_exact(args[0], "seed", 32);
    uint8_t *out = get_out(n_args, args, 1, 32), result[32];
    sc_ed25519_public(result, seed);
    return GIVE(result, 1);
}
SC_FUNCTION(ed25519_public, 1, 2);

/// def ed25519_sign(seed: bytes, public: bytes, msg: bytes, out: bytearray | None = None) -> bytes:
///     """The signature (64). public must be ed25519_public(seed): the caller keeps it, which halves the cost."""
static mp_obj_t ed25519_sign(size_t n_args, const mp_obj_t *args) {
    const uint8_t *seed = get_exact(args[0], "seed", 32), *public = get_exact(args[1], "public", 32);
    sc_bytes msg = buffer(args[2], "msg", MP_BUFFER_READ);
    uint8_t *out = get_out(n_args, args, 3, 64), result[64];
    sc_ed25519_sign(result, seed, public, msg.p, msg.n);
    return GIVE(result, 3);
}
SC_FUNCTION(ed25519_sign, 3, 4);

/// def ed25519_verify(public: bytes, sig: bytes, msg: bytes) -> bool:
///     """Cofactorless, S < l, canonical encodings, no small-order points."""
static mp_obj_t ed25519_verify(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    const uint8_t *public = get_exact(args[0], "public", 32), *sig = get_exact(args[1], "sig", 64);
    sc_bytes msg = buffer(args[2], "msg", MP_BUFFER_READ);
    return mp_obj_new_bool(sc_ed25519_verify(public, sig, msg.p, msg.n));
}
SC_FUNCTION(ed25519_verify, 3, 3);

/// def ristretto_map(uniform: bytes, out: bytearray | None = None) -> bytes:
///     """The one-way map of RFC 9496 from 64 bytes, encoded (32)."""
static mp_obj_t ristretto_map(size_t n_args, const mp_obj_t *args) {
    const uint8_t *uniform = get_exact(args[0], "uniform", 64);
    uint8_t *out = get_out(n_args, args, 1, 32), result[32];
    sc_ristretto_map(result, uniform);
    return GIVE(result, 1);
}
SC_FUNCTION(ristretto_map, 1, 2);

/// def ristretto_mul(s: bytes, P: bytes, out: bytearray | None = None) -> bytes:
///     """s P, with s little endian, reduced mod l first. Raises ValueError if P is not canonical."""
static mp_obj_t ristretto_mul(size_t n_args, const mp_obj_t *args) {
    const uint8_t *s = get_exact(args[0], "s", 32), *P = get_exact(args[1], "P", 32);
    uint8_t *out = get_out(n_args, args, 2, 32), result[32];
    if (sc_ristretto_mul(result, s, P) != SC_OK) {
        sc_burn();
        not_canonical("P");
    }
    return GIVE(result, 2);
}
SC_FUNCTION(ristretto_mul, 2, 3);

static __attribute__((noinline)) mp_obj_t combine(int subtract, size_t n_args, const mp_obj_t *args) {
    const uint8_t *P = get_exact(args[0], "P", 32), *Q = get_exact(args[1], "Q", 32);
    uint8_t *out = get_out(n_args, args, 2, 32), result[32];
    if ((subtract ? sc_ristretto_sub(result, P, Q) : sc_ristretto_add(result, P, Q)) != SC_OK) {
        not_canonical(sc_ristretto_add(result, P, P) == SC_OK ? "Q" : "P");
    }
    return GIVE(result, 2);
}

/// def ristretto_add(P: bytes, Q: bytes, out: bytearray | None = None) -> bytes:
///     """P + Q. Raises ValueError naming the one that is not canonical."""
static mp_obj_t ristretto_add(size_t n_args, const mp_obj_t *args) {
    return combine(0, n_args, args);
}
SC_FUNCTION(ristretto_add, 2, 3);

/// def ristretto_sub(P: bytes, Q: bytes, out: bytearray | None = None) -> bytes:
///     """P - Q, likewise."""
static mp_obj_t ristretto_sub(size_t n_args, const mp_obj_t *args) {
    return combine(1, n_args, args);
}
SC_FUNCTION(ristretto_sub, 2, 3);

/// def ristretto_valid(P: bytes) -> bool:
///     """Is it a canonical encoding, and not the neutral element?"""
static mp_obj_t ristretto_valid(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    return mp_obj_new_bool(sc_ristretto_valid(get_exact(args[0], "P", 32)));
}
SC_FUNCTION(ristretto_valid, 1, 1);

/// def scalar_reduce(b: bytes, out: bytearray | None = None) -> bytes:
///     """64 bytes, little endian, mod l. May be zero: the caller tries again."""
static mp_obj_t scalar_reduce(size_t n_args, const mp_obj_t *args) {
    const uint8_t *b = get_exact(args[0], "b", 64);
    uint8_t *out = get_out(n_args, args, 1, 32), result[32];
    sc_scalar_reduce(result, b);
    return GIVE(result, 1);
}
SC_FUNCTION(scalar_reduce, 1, 2);

/// def bd_key(A: bytes, xs: bytes, out: bytearray | None = None) -> bytes | None:
///     """Burmester-Desmedt: K from A = n y_i Z_(i-1) and xs = X_i .. X_(i-1) (n >= 2); None if the X do not sum to zero."""
static mp_obj_t bd_key(size_t n_args, const mp_obj_t *args) {
    const uint8_t *A = get_exact(args[0], "A", 32);
    sc_bytes xs = get(args[1], "xs", 64, SIZE_MAX);
    if (xs.n & 31) {
        fail(0, "xs", "must be a multiple of 32 bytes");
    }
    uint8_t *out = get_out(n_args, args, 2, 32), result[32];
    int state = sc_bd_key(result, A, xs.p, xs.n >> 5);
    if (state == SC_BAD_POINT) {
        sc_burn();
        not_canonical(sc_ristretto_add(result, A, A) == SC_OK ? "xs" : "A");
    }
    if (state == SC_BAD_SUM) {
        sc_burn();
        return mp_const_none;
    }
    return GIVE(result, 2);
}
SC_FUNCTION(bd_key, 2, 3);

#define FUNCTIONS(X) \
    X(MP_QSTR_x25519, x25519_obj) \
    X(MP_QSTR_x25519_base, x25519_base_obj) \
    X(MP_QSTR_ed25519_public, ed25519_public_obj) \
    X(MP_QSTR_ed25519_sign, ed25519_sign_obj) \
    X(MP_QSTR_ed25519_verify, ed25519_verify_obj) \
    X(MP_QSTR_ristretto_map, ristretto_map_obj) \
    X(MP_QSTR_ristretto_mul, ristretto_mul_obj) \
    X(MP_QSTR_ristretto_add, ristretto_add_obj) \
    X(MP_QSTR_ristretto_sub, ristretto_sub_obj) \
    X(MP_QSTR_ristretto_valid, ristretto_valid_obj) \
    X(MP_QSTR_scalar_reduce, scalar_reduce_obj) \
    X(MP_QSTR_bd_key, bd_key_obj)

SC_MODULE(MP_QSTR_curve25519, FUNCTIONS, curve25519)
#if !MICROPY_ENABLE_DYNRUNTIME
MP_REGISTER_MODULE(MP_QSTR_curve25519, curve25519_module);
#endif
