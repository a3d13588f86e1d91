// The MicroPython module curve25519: X25519, Ed25519, ristretto255, scalars.
// The /// lines are the type stub (stubs.py makes curve25519.pyi of them).
//
// All outputs are computed aside first, so `out` may overlap any argument.

#include "port.h"
#include "curve25519.h"

enum {
    X25519, X25519_BASE, X25519_XOR, ED25519_PUBLIC, ED25519_SIGN, RISTRETTO_MAP,
    RISTRETTO_MUL, RISTRETTO_ADD, RISTRETTO_SUB, SCALAR_REDUCE, BD_KEY,
};

static int decodes(const uint8_t *P) {
    uint8_t twice[32];
    return sc_ristretto_add(twice, P, P) == SC_OK;
}

// One call for every function with an optional `out`: arguments by specification, the result
// aside (the curve code burns its stack), the result copied to out or a new bytes object.
static __attribute__((noinline)) mp_obj_t compute(
    int what, const char *specification, size_t n_args, const mp_obj_t *args) {
    sc_bytes v[3];
    uint8_t result[64];
    size_t n_values = get_all(specification, args, v), n = what == ED25519_SIGN ? 64 : 32;
    if (what == BD_KEY) {
        if (v[1].n < 64) {
            fail_length("xs", 64, SIZE_MAX);
        }
        if (v[1].n & 31) {
            fail_value("xs", "must be a multiple of 32 bytes");
        }
    }
    if (what == X25519_XOR) {
        members(v[1], "R");
    }
    uint8_t *out = get_out(n_args, args, n_values, n);
    int state = SC_OK;
    if (what == X25519) {
        sc_x25519(result, v[0].p, v[1].p);
    } else if (what == X25519_BASE) {
        sc_x25519_base(result, v[0].p);
    } else if (what == X25519_XOR) {
        sc_wipe(result, 32);
        for (size_t i = 0; i < v[1].n; i++) {
            result[i & 31] ^= v[1].p[i];
        }
        sc_x25519(result, v[0].p, result);
    } else if (what == ED25519_PUBLIC) {
        sc_ed25519_public(result, v[0].p);
    } else if (what == ED25519_SIGN) {
        sc_ed25519_sign(result, v[0].p, v[1].p, v[2].p, v[2].n);
    } else if (what == RISTRETTO_MAP) {
        sc_ristretto_map(result, v[0].p);
    } else if (what == RISTRETTO_MUL) {
        state = sc_ristretto_mul(result, v[0].p, v[1].p);
    } else if (what == RISTRETTO_ADD) {
        state = sc_ristretto_add(result, v[0].p, v[1].p);
    } else if (what == RISTRETTO_SUB) {
        state = sc_ristretto_sub(result, v[0].p, v[1].p);
    } else if (what == SCALAR_REDUCE) {
        sc_scalar_reduce(result, v[0].p);
    } else {
        state = sc_bd_key(result, v[0].p, v[1].p, v[1].n >> 5);
    }
    if (state == SC_BAD_SUM) {
        return mp_const_none;
    }
    if (state == SC_BAD_POINT) {
        const char *name = what == BD_KEY ? "A" : "P";
        if (what != RISTRETTO_MUL && decodes(v[0].p)) {
            name = what == BD_KEY ? "xs" : "Q";
        }
        fail_value(name, "is not a canonical ristretto255 encoding");
    }
    mp_obj_t object;
    if (out) {
        sc_copy(out, result, n);
        object = args[n_values];
    } else {
        object = mp_obj_new_bytes(result, n);
    }
    sc_wipe(result, sizeof result);
    return object;
}

/// def x25519(k: bytes, u: bytes, out: bytearray | None = None) -> bytes:
///     """X25519 (RFC 7748); an all-zero result is returned as it is. All 32 bytes."""
static mp_obj_t x25519(size_t n_args, const mp_obj_t *args) {
    return compute(X25519, SC_ARG("k", "\x20") SC_ARG("u", "\x20"), n_args, args);
}
SC_FUNCTION(x25519, 2, 3);

/// def x25519_base(k: bytes, out: bytearray | None = None) -> bytes:
///     """X25519 of the base point 9."""
static mp_obj_t x25519_base(size_t n_args, const mp_obj_t *args) {
    return compute(X25519_BASE, SC_ARG("k", "\x20"), n_args, args);
}
SC_FUNCTION(x25519_base, 1, 2);

/// def x25519_xor(v: bytes, R: bytes, out: bytearray | None = None) -> bytes:
///     """X25519 of v with the xor of R, a column of 32 bytes a member."""
static mp_obj_t x25519_xor(size_t n_args, const mp_obj_t *args) {
    return compute(X25519_XOR, SC_ARG("v", "\x20") SC_ARG("R", "\0"), n_args, args);
}
SC_FUNCTION(x25519_xor, 2, 3);

/// def x25519_column(r: bytes, R: bytes, j: int) -> bytes | None:
///     """X25519 of r with each value of R (32 bytes a member) but number j, in their order; None if one is zero."""
static mp_obj_t x25519_column(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    sc_bytes v[2];
    get_all(SC_ARG("r", "\x20") SC_ARG("R", "\0"), args, v);
    size_t n = members(v[1], "R");
    uint32_t j = member(args[2], "j", n);
    size_t size = 96 * (n - 1);
    uint8_t *room = m_new(uint8_t, size + 1);
    mp_obj_t result = mp_const_none;
    if (sc_x25519_column(room, v[0].p, v[1].p, n, j)) {
        result = mp_obj_new_bytes(room, 32 * (n - 1));
    }
    sc_wipe(room, size);
    m_del(uint8_t, room, size + 1);
    return result;
}
SC_FUNCTION(x25519_column, 3, 3);

/// def ed25519_public(seed: bytes, out: bytearray | None = None) -> bytes:
///     """The public key (32) of a secret seed (32), RFC 8032."""
static mp_obj_t ed25519_public(size_t n_args, const mp_obj_t *args) {
    return compute(ED25519_PUBLIC, SC_ARG("seed", "\x20"), n_args, args);
}
SC_FUNCTION(ed25519_public, 1, 2);

/// def ed25519_sign(seed: bytes, public: bytes, msg: bytes, out: bytearray | None = None) -> bytes:
///     """The signature (64). public must be ed25519_public(seed): the caller keeps it, which halves the cost."""
static mp_obj_t ed25519_sign(size_t n_args, const mp_obj_t *args) {
    return compute(ED25519_SIGN, SC_ARG("seed", "\x20") SC_ARG("public", "\x20") SC_ARG("msg", "\x00"), n_args, args);
}
SC_FUNCTION(ed25519_sign, 3, 4);

/// def ristretto_map(uniform: bytes, out: bytearray | None = None) -> bytes:
///     """The one-way map of RFC 9496 from 64 bytes, encoded (32)."""
static mp_obj_t ristretto_map(size_t n_args, const mp_obj_t *args) {
    return compute(RISTRETTO_MAP, SC_ARG("uniform", "\x40"), n_args, args);
}
SC_FUNCTION(ristretto_map, 1, 2);

/// def ristretto_mul(s: bytes, P: bytes, out: bytearray | None = None) -> bytes:
///     """s P, with s little endian, reduced mod l first. Raises ValueError if P is not canonical."""
static mp_obj_t ristretto_mul(size_t n_args, const mp_obj_t *args) {
    return compute(RISTRETTO_MUL, SC_ARG("s", "\x20") SC_ARG("P", "\x20"), n_args, args);
}
SC_FUNCTION(ristretto_mul, 2, 3);

/// def ristretto_add(P: bytes, Q: bytes, out: bytearray | None = None) -> bytes:
///     """P + Q. Raises ValueError naming the one that is not canonical."""
static mp_obj_t ristretto_add(size_t n_args, const mp_obj_t *args) {
    return compute(RISTRETTO_ADD, SC_ARG("P", "\x20") SC_ARG("Q", "\x20"), n_args, args);
}
SC_FUNCTION(ristretto_add, 2, 3);

/// def ristretto_sub(P: bytes, Q: bytes, out: bytearray | None = None) -> bytes:
///     """P - Q, likewise."""
static mp_obj_t ristretto_sub(size_t n_args, const mp_obj_t *args) {
    return compute(RISTRETTO_SUB, SC_ARG("P", "\x20") SC_ARG("Q", "\x20"), n_args, args);
}
SC_FUNCTION(ristretto_sub, 2, 3);

/// def scalar_reduce(b: bytes, out: bytearray | None = None) -> bytes:
///     """64 bytes, little endian, mod l. May be zero: the caller tries again."""
static mp_obj_t scalar_reduce(size_t n_args, const mp_obj_t *args) {
    return compute(SCALAR_REDUCE, SC_ARG("b", "\x40"), n_args, args);
}
SC_FUNCTION(scalar_reduce, 1, 2);

/// def bd_key(A: bytes, xs: bytes, out: bytearray | None = None) -> bytes | None:
///     """Burmester-Desmedt: K from A = n y_i Z_(i-1) and xs = X_i .. X_(i-1) (n >= 2).
///
///     None if the X do not sum to zero.
///     """
static mp_obj_t bd_key(size_t n_args, const mp_obj_t *args) {
    return compute(BD_KEY, SC_ARG("A", "\x20") SC_ARG("xs", "\x00"), n_args, args);
}
SC_FUNCTION(bd_key, 2, 3);

/// def ed25519_verify(public: bytes, sig: bytes, msg: bytes) -> bool:
///     """Cofactorless, S < l, canonical encodings, no small-order points."""
static mp_obj_t ed25519_verify(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    sc_bytes v[3];
    get_all(SC_ARG("public", "\x20") SC_ARG("sig", "\x40") SC_ARG("msg", "\x00"), args, v);
    return mp_obj_new_bool(sc_ed25519_verify(v[0].p, v[1].p, v[2].p, v[2].n));
}
SC_FUNCTION(ed25519_verify, 3, 3);

/// def ristretto_valid(P: bytes) -> bool:
///     """Is it a canonical encoding, and not the neutral element?"""
static mp_obj_t ristretto_valid(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    sc_bytes P;
    get_all(SC_ARG("P", "\x20"), args, &P);
    return mp_obj_new_bool(sc_ristretto_valid(P.p));
}
SC_FUNCTION(ristretto_valid, 1, 1);

#define FUNCTIONS(X) \
    X(MP_QSTR_x25519, x25519_obj) \
    X(MP_QSTR_x25519_base, x25519_base_obj) \
    X(MP_QSTR_x25519_xor, x25519_xor_obj) \
    X(MP_QSTR_x25519_column, x25519_column_obj) \
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
