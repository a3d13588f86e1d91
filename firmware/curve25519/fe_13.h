// fe_13.h: 20 signed limbs of 13 bits (radix 2^13; 2^260 = 608, 2^255 = 19), for cores that
// multiply 32 x 32 -> 32 bits only (Cortex-M0+). No 64-bit product is ever asked of libgcc,
// whose code branches on its operands.
//
// Reduced: |limb| <= 2^12 + 3, limb 19 <= 2^7 + 3. Sums and differences add limb by limb:
// a weight-w element has |limb| <= w * 4099; here a difference weighs no more than a sum.
// Columns: 20 products of weights a * b: 20 * 6 * 4099^2 < 2^31 - 2^26, so a * b <= 6 (the
// heaviest product in edwards.c is E H, 3 * 2, once F was carried).

#define FE_CARRY_F

#define M13 0x1fff

// One balanced chain, limb 19 folded at bit 255, and the first limbs again.
// |limbs| < 2^31 - 2^19 before.
FE_FUNCTION void fe_carry(fe *h) {
    int32_t c = 0, t;
    for (int i = 0; i < 19; i++) {
        t = h->v[i] + c;
        c = (t + 4096) >> 13;
        h->v[i] = t - c * 8192;
    }
    t = h->v[19] + c;
    c = (t + 128) >> 8;          // bit 255 is bit 8 of limb 19
    h->v[19] = t - c * 256;
    t = h->v[0] + 19 * c;        // |c| < 2^23.1
    c = (t + 4096) >> 13;
    h->v[0] = t - c * 8192;
    t = h->v[1] + c;             // |c| < 2^15
    c = (t + 4096) >> 13;
    h->v[1] = t - c * 8192;
    h->v[2] += c;                // |c| <= 3
}

#if defined(__ARM_ARCH_6M__) && !defined(FE_PLAIN_C)
#include "fe_13_armv6m.h"
#else

// Columns 20..38 to 13-bit limbs 20..39, these times 608 onto the low columns.
static inline void fe_fold(fe *h, const int32_t x[40]) {
    int32_t c = 0;
    for (int i = 20; i < 40; i++) {
        c += x[i];
        h->v[i - 20] = x[i - 20] + 608 * (i < 39 ? c & M13 : c);
        c >>= 13;
    }
    fe_carry(h);
}

static void fe_mul(fe *h, const fe *f, const fe *g) {
    int32_t x[40] = {0};
    for (int i = 0; i < 20; i++) {
        for (int j = 0; j < 20; j++) {
            x[i + j] += f->v[i] * g->v[j];
        }
    }
    fe_fold(h, x);
}

static void fe_sqr(fe *h, const fe *f) {
    int32_t x[40] = {0};
    for (int i = 0; i < 20; i++) {
        x[2 * i] += f->v[i] * f->v[i];
        for (int j = i + 1; j < 20; j++) {
            x[i + j] += f->v[i] * (2 * f->v[j]);
        }
    }
    fe_fold(h, x);
}
#endif

FE_FUNCTION void fe_add(fe *h, const fe *f, const fe *g) {
#pragma GCC unroll 20
    for (int i = 0; i < 20; i++) {
        h->v[i] = f->v[i] + g->v[i];
    }
}

FE_FUNCTION void fe_sub(fe *h, const fe *f, const fe *g) {
#pragma GCC unroll 20
    for (int i = 0; i < 20; i++) {
        h->v[i] = f->v[i] - g->v[i];
    }
}

// |121665 g| < 2^17 * 3 * 2^12.1 < 2^31 for weight 3 at most; f adds little.
FE_FUNCTION void fe_addmul_a24(fe *h, const fe *f, const fe *g) {
    for (int i = 0; i < 20; i++) {
        h->v[i] = f->v[i] + 121665 * g->v[i];
    }
    fe_carry(h);
}

FE_FUNCTION void fe_fromwords(fe *h, const uint32_t w[8]) {
    for (int i = 0; i < 20; i++) {
        uint32_t at = 13 * (uint32_t)i >> 5, shift = 13 * (uint32_t)i & 31, x = w[at] >> shift;
        if (shift > 19 && at < 7) {
            x |= w[at + 1] << (32 - shift);
        }
        h->v[i] = (int32_t)(x & (i < 19 ? M13 : 0xff));
    }
    fe_carry(h);
}

FE_FUNCTION void fe_towords(uint32_t w[8], const fe *f) {
    fe t = *f;
    int32_t c, q;
    fe_carry(&t);
    // Now -2^254.1 < t < 2^254.1. Add p = 2^255 - 19: positive, below 2p.
    c = -19;
    for (int i = 0; i < 19; i++) {
        c += t.v[i];
        t.v[i] = c & M13;
        c >>= 13;
    }
    t.v[19] += c + 256;
    q = 19;  // q = 1 if t >= p: t + 19 reaches 2^255
    for (int i = 0; i < 19; i++) {
        q = (t.v[i] + q) >> 13;
    }
    q = ((t.v[19] + q) >> 8) * 19;
    for (int i = 0; i < 19; i++) {
        q += t.v[i];
        t.v[i] = q & M13;
        q >>= 13;
    }
    t.v[19] = (t.v[19] + q) & 0xff;
    for (int i = 0; i < 8; i++) {
        w[i] = 0;
    }
    for (uint32_t i = 0; i < 20; i++) {
        uint32_t at = 13 * i >> 5, shift = 13 * i & 31;
        w[at] |= (uint32_t)t.v[i] << shift;
        if (shift > 19 && at < 7) {
            w[at + 1] |= (uint32_t)t.v[i] >> (32 - shift);
        }
    }
}

static void fe_pack(fe_packed *h, const fe *f) {  // weights up to 7 fit
    for (int i = 0; i < 20; i++) {
        h->v[i] = (int16_t)f->v[i];
    }
}

static const fe *fe_unpack(fe *h, const fe_packed *f) {
    for (int i = 0; i < 20; i++) {
        h->v[i] = f->v[i];
    }
    return h;
}
