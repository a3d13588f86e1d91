// fe_32.h: 8 saturated 32-bit limbs for cores with UMAAL (Cortex-M4, M7, M33), which does
// (hi, lo) = a * b + hi + lo: a product is added to its column and its carry taken along
// by one instruction.
//
// Every element is any number below 2^256; all operations accept all of them, so weights
// mean nothing here. The reductions fold at bit 255 (2^255 = 19), top limb first, so that
// the fold is known before the one carry chain, which then ends in a top limb below 2^31.
//
// The C beside the assembly is the same arithmetic for other machines: the tests run it on
// x64 and the assembly in QEMU.

#if defined(__ARM_FEATURE_DSP) && __ARM_FEATURE_DSP && !defined(FE_PLAIN_C)
#include "fe_32_umaal.h"
#else

// (r7 + 2^32 * over) at bit 255: returns 19 * (bits from 255 up), leaves the rest in *r7.
static inline uint64_t fe_top(uint32_t *r7, uint64_t over) {
    over = over << 1 | *r7 >> 31;
    *r7 &= 0x7fffffff;
    return over * 19;
}

static void fe_mul(fe *h, const fe *f, const fe *g) {
    uint32_t p[16] = {0};
    uint64_t t;
    for (int i = 0; i < 8; i++) {
        t = 0;
        for (int j = 0; j < 8; j++) {
            t += (uint64_t)f->v[j] * g->v[i] + p[i + j];  // never above 2^64 - 1
            p[i + j] = (uint32_t)t;
            t >>= 32;
        }
        p[i + 8] = (uint32_t)t;
    }
    t = (uint64_t)p[15] * 38 + p[7];
    p[7] = (uint32_t)t;
    t = fe_top(&p[7], t >> 32);
    for (int i = 0; i < 7; i++) {
        t += (uint64_t)p[i + 8] * 38 + p[i];
        h->v[i] = (uint32_t)t;
        t >>= 32;
    }
    h->v[7] = p[7] + (uint32_t)t;  // < 2^31 + 39
}

static void fe_sqr(fe *h, const fe *f) {
    fe_mul(h, f, f);
}

static void fe_add(fe *h, const fe *f, const fe *g) {
    uint32_t s[8];
    uint64_t t = 0;
    for (int i = 0; i < 8; i++) {
        t += (uint64_t)f->v[i] + g->v[i];
        s[i] = (uint32_t)t;
        t >>= 32;
    }
    t = fe_top(&s[7], t);
    for (int i = 0; i < 8; i++) {
        t += s[i];
        h->v[i] = (uint32_t)t;
        t >>= 32;
    }
}

// f - g = r - 2^256 b = (r mod 2^255) + 2^255 (top - 2 b), and 2^255 - 19 on top of that:
// (r mod 2^255) + 2^255 + 19 (top - 2 b - 1), between 2^255 - 57 and 2^256.
static void fe_sub(fe *h, const fe *f, const fe *g) {
    uint32_t s[8];
    int64_t t = 0;
    for (int i = 0; i < 8; i++) {
        t += (int64_t)f->v[i] - g->v[i];
        s[i] = (uint32_t)t;
        t >>= 32;
    }
    t = 19 * ((int64_t)(s[7] >> 31) + 2 * t - 1);
    s[7] |= 0x80000000;
    for (int i = 0; i < 8; i++) {
        t += s[i];
        h->v[i] = (uint32_t)t;
        t >>= 32;
    }
}

static void fe_addmul_a24(fe *h, const fe *f, const fe *g) {
    uint64_t t = (uint64_t)g->v[7] * 121665 + f->v[7];
    uint32_t top = (uint32_t)t;
    t = fe_top(&top, t >> 32);
    for (int i = 0; i < 7; i++) {
        t += (uint64_t)g->v[i] * 121665 + f->v[i];
        h->v[i] = (uint32_t)t;
        t >>= 32;
    }
    h->v[7] = top + (uint32_t)t;
}
#endif

static inline void fe_carry(fe *h) {
    (void)h;
}

FE_FUNCTION void fe_fromwords(fe *h, const uint32_t w[8]) {
    for (int i = 0; i < 8; i++) {
        h->v[i] = w[i];
    }
    h->v[7] &= 0x7fffffff;
}

FE_FUNCTION void fe_towords(uint32_t w[8], const fe *f) {
    uint32_t top = f->v[7] >> 31;
    uint64_t t = 19 * top;
    for (int i = 0; i < 8; i++) {
        t += i < 7 ? f->v[i] : f->v[i] & 0x7fffffff;
        w[i] = (uint32_t)t;
        t >>= 32;
    }
    // w < 2^255 + 19 < 2p: subtract p if w + 19 reaches 2^255.
    t = 19;
    for (int i = 0; i < 8; i++) {
        t += w[i];
        top = (uint32_t)t;
        t >>= 32;
    }
    t = 19 * (top >> 31);
    for (int i = 0; i < 8; i++) {
        t += w[i];
        w[i] = (uint32_t)t;
        t >>= 32;
    }
    w[7] &= 0x7fffffff;
}
