// curve25519.h: table of contents of the curve half of the native module.
// Build: compile ONE file, curve25519.c, which includes the others. The field representation is chosen
// in fe.h from the target (override: -DSC_FE=13, 29, 32 or 51).
//
// Contract of every function
//   * Sizes are in the signatures; the binding checks lengths before calling.
//   * Constant time in everything but lengths, validity of encodings (public by
//     nature: they came over the wire) and all of sc_ed25519_verify.
//   * Secrets left on the C stack are wiped before return. No heap, no static data.
//   * `out` may overlap any input: it is written after the last input was read.
//   * On failure `out` is not written.
//   * Needs from outside: sc_sha512 (sha512.c), sc_equal and sc_wipe (memory.c), and
//     memcpy and memset (compilers call them on their own): a natmod has no libc, so
//     its binding gives them in one place.
#ifndef SC_CURVE25519_H
#define SC_CURVE25519_H

#include <stddef.h>
#include <stdint.h>

#define SC_OK 0
#define SC_BAD_POINT (-1)  // an encoding is not canonical ristretto255
#define SC_BAD_SUM (-2)    // sc_bd_key: the X do not add up to the neutral element

// --- X25519, RFC 7748. Clamps k, masks the top bit of u. An all-zero result is
//     returned as it is: the caller checks.
void sc_x25519(uint8_t out[32], const uint8_t k[32], const uint8_t u[32]);
void sc_x25519_base(uint8_t out[32], const uint8_t k[32]);
//     The same of n values in a column (n * 32 bytes) but number `skip`: 1, and n - 1 results at the beginning of
//     room, which has 96 bytes for each; or 0 when a result is zero. The caller wipes room; it overlaps no input.
int sc_x25519_column(uint8_t *room, const uint8_t k[32], const uint8_t *us, size_t n, size_t skip);

// --- ristretto255, RFC 9496. All return SC_OK or SC_BAD_POINT.
//     sc_ristretto_mul: s little endian, any value < 2^256, reduced mod l first.
//     The neutral element encodes as 32 zero bytes.
int sc_ristretto_mul(uint8_t out[32], const uint8_t s[32], const uint8_t P[32]);
int sc_ristretto_add(uint8_t out[32], const uint8_t P[32], const uint8_t Q[32]);
int sc_ristretto_sub(uint8_t out[32], const uint8_t P[32], const uint8_t Q[32]);
//     1 if P is a canonical encoding and not the neutral element, else 0.
int sc_ristretto_valid(const uint8_t P[32]);
//     one-way map, encoded
void sc_ristretto_map(uint8_t out[32], const uint8_t uniform[64]);

// --- Scalars mod l = 2^252 + 27742317777372353535851937790883648493.
void sc_scalar_reduce(uint8_t out[32], const uint8_t in[64]);
//     1 if any of the 32 bytes is not zero, else 0 (constant time)
int sc_scalar_nonzero(const uint8_t s[32]);

// --- Burmester-Desmedt key in one pass: A = y_i Z_{i-1} encoded, xs = n
//     encodings X_i, X_{i+1}, .., X_{i-1}, n >= 2.
//     acc = K = A; for X in the first n-1: acc += X, K += acc.
//     SC_OK (K in out), SC_BAD_POINT, or SC_BAD_SUM if acc + X_last != A.
int sc_bd_key(uint8_t out[32], const uint8_t A[32], const uint8_t *xs, size_t n);

// --- Ed25519, RFC 8032. sc_ed25519_verify: 1 if valid, else 0; cofactorless,
//     S < l, A and R canonical and not of small order.
void sc_ed25519_public(uint8_t out[32], const uint8_t seed[32]);
void sc_ed25519_sign(uint8_t sig[64], const uint8_t seed[32],
                     const uint8_t public_key[32], const uint8_t *msg, size_t len);
int sc_ed25519_verify(const uint8_t public_key[32], const uint8_t sig[64],
                      const uint8_t *msg, size_t len);

#endif
