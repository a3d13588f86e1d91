// fe.c: what every field representation shares, built on the functions of fe.h.

#include "fe.h"

#if SC_FE == 51
#include "fe_51.h"
#elif SC_FE == 29
#include "fe_29.h"
#elif SC_FE == 32
#include "fe_32.h"
#else
#include "fe_13.h"
#endif

// All ones if bit = 1, zero if bit = 0. The asm hides from the compiler that there are
// only two cases, so that it cannot turn the masking below into a branch.
static inline fe_limb fe_mask(uint32_t bit) {
    fe_limb m = -(fe_limb)bit;
    __asm__("" : "+r"(m));
    return m;
}

// All targets are little endian (symmetric.h refuses others), so bytes are words in memory.
FE_FUNCTION void fe_frombytes(fe *h, const uint8_t s[32]) {
    uint32_t w[8];
    memcpy(w, s, 32);
    fe_fromwords(h, w);
}

FE_FUNCTION void fe_tobytes(uint8_t s[32], const fe *f) {
    uint32_t w[8];
    fe_towords(w, f);
    memcpy(s, w, 32);
}

FE_FUNCTION void fe_small(fe *h, uint32_t x) {
    for (int i = 1; i < FE_LIMBS; i++) {
        h->v[i] = 0;
    }
    h->v[0] = (fe_limb)x;
}

FE_FUNCTION void fe_const(fe *h, int k) {
    fe_fromwords(h, K[k]);
}

FE_FUNCTION void fe_select(fe *h, const fe *f, const fe *g, uint32_t bit) {
    fe_limb m = fe_mask(bit);
#ifndef FE_SQR_SELECT  // else it is rare
#pragma GCC unroll 9
#endif
    for (int i = 0; i < FE_LIMBS; i++) {
        h->v[i] = f->v[i] ^ (m & (f->v[i] ^ g->v[i]));
    }
}

// What a representation does not have in one piece.
#ifndef FE_ADDSUB
static inline void fe_addsub(fe *sum, fe *difference, const fe *f, const fe *g) {
    fe_sub(difference, f, g);
    fe_add(sum, f, g);
}
#endif

#ifndef FE_SQR_SELECT
static inline void fe_sqr_select(fe *h, const fe *f, const fe *g, uint32_t bit) {
    fe_select(h, f, g, bit);
    fe_sqr(h, h);
}
#endif

static void fe_cmov(fe *h, const fe *f, uint32_t bit) {
    fe_select(h, h, f, bit);
}

FE_FUNCTION void fe_neg(fe *h, const fe *f) {
    fe zero;
    fe_small(&zero, 0);
    fe_sub(h, &zero, f);
}

FE_FUNCTION void fe_abs(fe *h) {
    fe n;
    fe_neg(&n, h);
    fe_carry(&n);
    fe_cmov(h, &n, fe_isneg(h));
}

FE_FUNCTION uint32_t fe_isneg(const fe *f) {
    uint32_t w[8];
    fe_towords(w, f);
    return w[0] & 1;
}

FE_FUNCTION uint32_t fe_iszero(const fe *f) {
    uint32_t w[8], d = 0;
    fe_towords(w, f);
    for (int i = 0; i < 8; i++) {
        d |= w[i];
    }
    return is_zero(d);
}

FE_FUNCTION void fe_sqrn(fe *h, const fe *f, int n) {
    fe_sqr(h, f);
    while (--n) {
        fe_sqr(h, h);
    }
}

// h = f^(2^250 - 1), f11 = f^11. Step i goes from f^(2^a - 1) to f^(2^(a+n) - 1) by n
// squarings and a multiplication with f^(2^n - 1), which is the last power or an older one.
static SC_RARE void fe_pow250(fe *h, fe *f11, const fe *f) {
    fe t, p10, p50;
    fe_sqr(&t, f);                                           // 2
    fe_sqrn(h, &t, 2), fe_mul(h, h, f);                      // 9
    fe_mul(f11, h, &t);                                      // 11
    fe_sqr(&t, f11), fe_mul(h, h, &t);                       // 31 = 2^5 - 1
    fe_sqrn(&t, h, 5), fe_mul(&p10, &t, h);                  // 2^10 - 1
    fe_sqrn(&t, &p10, 10), fe_mul(h, &t, &p10);              // 2^20 - 1
    fe_sqrn(&t, h, 20), fe_mul(h, &t, h);                    // 2^40 - 1
    fe_sqrn(&t, h, 10), fe_mul(&p50, &t, &p10);              // 2^50 - 1
    fe_sqrn(&t, &p50, 50), fe_mul(h, &t, &p50);              // 2^100 - 1
    fe_sqrn(&t, h, 100), fe_mul(h, &t, h);                   // 2^200 - 1
    fe_sqrn(&t, h, 50), fe_mul(h, &t, &p50);                 // 2^250 - 1
}

// p - 2 = 32 (2^250 - 1) + 11
FE_FUNCTION void fe_invert(fe *h, const fe *f) {
    fe t, f11;
    fe_pow250(&t, &f11, f);
    fe_sqrn(&t, &t, 5);
    fe_mul(h, &t, &f11);
}

// RFC 9496 4.2, SQRT_RATIO_M1: h = |sqrt(u/v)| and 1 if u/v is a square (also u = 0),
// else h = |sqrt(SQRT_M1 * u/v)| (0 for v = 0) and 0. u, v reduced; h may be neither.
static SC_RARE uint32_t fe_sqrt_ratio(fe *h, const fe *u, const fe *v) {
    fe t, w, c;
    uint32_t correct, flipped, flipped_i;
    fe_sqr(&t, v);
    fe_mul(&t, &t, v);                        // v^3
    fe_mul(&w, &t, u);                        // u v^3
    fe_sqr(&t, &t);
    fe_mul(&t, &t, v);
    fe_mul(&t, &t, u);                        // u v^7
    fe_pow250(h, &c, &t);
    fe_sqrn(h, h, 2);
    fe_mul(h, h, &t);                         // (u v^7)^(2^252 - 3), (p - 5) / 8
    fe_mul(h, h, &w);
    fe_sqr(&c, h);
    fe_mul(&c, &c, v);                        // check
    fe_sub(&t, &c, u);
    correct = fe_iszero(&t);
    fe_add(&t, &c, u);
    flipped = fe_iszero(&t);
    fe_const(&w, K_SQRT_M1);
    fe_mul(&t, &w, u);
    fe_add(&t, &t, &c);
    flipped_i = fe_iszero(&t);
    fe_mul(&w, &w, h);
    fe_cmov(h, &w, flipped | flipped_i);
    fe_abs(h);
    return correct | flipped;
}
