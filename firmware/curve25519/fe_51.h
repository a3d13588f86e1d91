// fe_51.h: 5 limbs of 51 bits with 128-bit products, for 64-bit cores.
// Reduced: every limb < 2^51 + 2^15. A weight-w element has limbs < w * 2^51.1 for
// w <= 5 plus what fe_sub adds (2 weights = 2^52): always < 2^54.

#define M51 ((1ULL << 51) - 1)
typedef unsigned __int128 u128;

// Carries five 128-bit columns (each < 2^115, see fe_mul) into a reduced element.
static inline void fe_finish(fe *h, u128 r0, u128 r1, u128 r2, u128 r3, u128 r4) {
    uint64_t h0, h1, h2, h3, h4;
    r1 += (uint64_t)(r0 >> 51);  // r0 >> 51 < 2^64: columns < 2^115
    h0 = (uint64_t)r0 & M51;
    r2 += (uint64_t)(r1 >> 51);
    h1 = (uint64_t)r1 & M51;
    r3 += (uint64_t)(r2 >> 51);
    h2 = (uint64_t)r2 & M51;
    r4 += (uint64_t)(r3 >> 51);
    h3 = (uint64_t)r3 & M51;
    h4 = (uint64_t)r4 & M51;
    r0 = (u128)(uint64_t)(r4 >> 51) * 19 + h0;  // < 2^69
    h0 = (uint64_t)r0 & M51;
    h1 += (uint64_t)(r0 >> 51);  // + < 2^18
    h2 += h1 >> 51;
    h1 &= M51;
    h->v[0] = h0, h->v[1] = h1, h->v[2] = h2, h->v[3] = h3, h->v[4] = h4;
}

// Limbs < 2^54, so a column is at most (1 + 4 * 19) 2^108 < 2^114.3.
static void fe_mul(fe *h, const fe *f, const fe *g) {
    uint64_t f0 = f->v[0], f1 = f->v[1], f2 = f->v[2], f3 = f->v[3], f4 = f->v[4];
    uint64_t g0 = g->v[0], g1 = g->v[1], g2 = g->v[2], g3 = g->v[3], g4 = g->v[4];
    uint64_t t1 = 19 * g1, t2 = 19 * g2, t3 = 19 * g3, t4 = 19 * g4;  // < 2^58.3
    fe_finish(h,
        (u128)f0 * g0 + (u128)f1 * t4 + (u128)f2 * t3 + (u128)f3 * t2 + (u128)f4 * t1,
        (u128)f0 * g1 + (u128)f1 * g0 + (u128)f2 * t4 + (u128)f3 * t3 + (u128)f4 * t2,
        (u128)f0 * g2 + (u128)f1 * g1 + (u128)f2 * g0 + (u128)f3 * t4 + (u128)f4 * t3,
        (u128)f0 * g3 + (u128)f1 * g2 + (u128)f2 * g1 + (u128)f3 * g0 + (u128)f4 * t4,
        (u128)f0 * g4 + (u128)f1 * g3 + (u128)f2 * g2 + (u128)f3 * g1 + (u128)f4 * g0);
}

static void fe_sqr(fe *h, const fe *f) {
    uint64_t f0 = f->v[0], f1 = f->v[1], f2 = f->v[2], f3 = f->v[3], f4 = f->v[4];
    uint64_t d0 = 2 * f0, d1 = 2 * f1, t3 = 19 * f3, t4 = 19 * f4, e3 = 2 * t3, e4 = 2 * t4;
    fe_finish(h,
        (u128)f0 * f0 + (u128)f1 * e4 + (u128)f2 * e3,
        (u128)d0 * f1 + (u128)f2 * e4 + (u128)f3 * t3,
        (u128)d0 * f2 + (u128)f1 * f1 + (u128)f3 * e4,
        (u128)d0 * f3 + (u128)d1 * f2 + (u128)f4 * t4,
        (u128)d0 * f4 + (u128)d1 * f3 + (u128)f2 * f2);
}

static inline void fe_add(fe *h, const fe *f, const fe *g) {
    for (int i = 0; i < 5; i++) {
        h->v[i] = f->v[i] + g->v[i];
    }
}

// f - g + 2p: each limb of 2p is >= 2^52 - 38 > a reduced limb of g.
static inline void fe_sub(fe *h, const fe *f, const fe *g) {
    h->v[0] = f->v[0] + ((1ULL << 52) - 38) - g->v[0];
    for (int i = 1; i < 5; i++) {
        h->v[i] = f->v[i] + ((1ULL << 52) - 2) - g->v[i];
    }
}

static inline void fe_addmul_a24(fe *h, const fe *f, const fe *g) {
    fe_finish(h, (u128)g->v[0] * 121665 + f->v[0], (u128)g->v[1] * 121665 + f->v[1],
        (u128)g->v[2] * 121665 + f->v[2], (u128)g->v[3] * 121665 + f->v[3],
        (u128)g->v[4] * 121665 + f->v[4]);
}

static void fe_carry(fe *h) {
    fe_finish(h, h->v[0], h->v[1], h->v[2], h->v[3], h->v[4]);
}

static void fe_fromwords(fe *h, const uint32_t w[8]) {
    uint64_t x[4];
    for (int i = 0; i < 4; i++) {
        x[i] = w[2 * i] | (uint64_t)w[2 * i + 1] << 32;
    }
    h->v[0] = x[0] & M51;
    h->v[1] = (x[0] >> 51 | x[1] << 13) & M51;
    h->v[2] = (x[1] >> 38 | x[2] << 26) & M51;
    h->v[3] = (x[2] >> 25 | x[3] << 39) & M51;
    h->v[4] = x[3] >> 12 & M51;
}

static void fe_towords(uint32_t w[8], const fe *f) {
    fe t = *f;
    uint64_t q, x[4];
    fe_carry(&t);
    // Reduced, so the value is below 2p; q = 1 if it is >= p: value + 19 reaches 2^255.
    q = 19;
    for (int i = 0; i < 5; i++) {
        q = (t.v[i] + q) >> 51;
    }
    q *= 19;
    for (int i = 0; i < 5; i++) {
        q += t.v[i];
        t.v[i] = q & M51;
        q >>= 51;
    }
    x[0] = t.v[0] | t.v[1] << 51;
    x[1] = t.v[1] >> 13 | t.v[2] << 38;
    x[2] = t.v[2] >> 26 | t.v[3] << 25;
    x[3] = t.v[3] >> 39 | t.v[4] << 12;
    for (int i = 0; i < 4; i++) {
        w[2 * i] = (uint32_t)x[i];
        w[2 * i + 1] = (uint32_t)(x[i] >> 32);
    }
}
