// fe_29.h: 9 limbs of 29 bits (radix 2^29, 261 bits of room; 2^261 = 1216 mod p).
//
// Reduced: limbs 0..7 < 2^29 exactly, limb 8 < 2^23 + 2^17. fe_add and fe_sub carry, so
// limbs 0..7 are always < 2^29; weight w means limb 8 < w * (2^23 + 2^17).
//
// Two ways to add up the products of a column T = sum of a_i * b_j:
//
//   FE_WIDE    a 64-bit accumulator, for cores that multiply-accumulate (UMLAL). Mind that a
//     Cortex-M3 (not M4, M7, M33) takes 3 to 5 cycles for UMULL and up to 7 for UMLAL,
//     fewer for small operands: equal instructions, not quite equal time. No other
//     instruction of that core makes a long product.
//
//   otherwise  for cores without carry flag and accumulator (rv32, Xtensa). Adding two
//     words would need the carry, which costs two instructions a product on rv32 and
//     a branch on Xtensa. It is not needed: with
//         L = sum of (a_i * b_j mod 2^32), mod 2^32
//         H = sum of floor(a_i * b_j / 2^29) = sum of mulhu(a_i, 8 * b_j)
//     T = 2^29 * H + E, where E, the sum of the n remainders mod 2^29, is below
//     n * 2^29 <= 2^32 for n <= 8 and so equals L - 2^29 * H mod 2^32.
//     Per product: two multiplications, two additions, no carry at all.
//
// FE_SPLIT moves what E has above 2^29 into H, after which up to 7 more terms may come.

#define M29 0x1fffffffu

#if defined(__ARM_ARCH) && !defined(FE_NARROW)
#define FE_WIDE
#endif

#ifdef FE_WIDE
#define FE_BEGIN uint64_t T = 0
#define FE_P(a, b, b8) T += (uint64_t)(a) * (b)
#define FE_SPLIT
#define FE_END(limb) limb = (uint32_t)T & M29, T >>= 29
#define FE_WHOLE(limb) FE_END(limb)
#define FE_RESTART T = 0
#define FE_PLUS(x) T += (x)
#define FE_REST ((uint32_t)T)
#else
#define FE_BEGIN uint32_t L = 0, H = 0, E
#define FE_P(a, b, b8) L += (a) * (b), H += (uint32_t)((uint64_t)(a) * (b8) >> 32)
#define FE_SPLIT H += (L - (H << 29)) >> 29
// The column's limb; H + E / 2^29 (< 2^32) goes to the next column, as one more term.
#define FE_END(limb) E = L - (H << 29), limb = E & M29, L = H + (E >> 29), H = L >> 29
// The same where the limb may stay whole (E, below 2^32): H alone goes on.
#define FE_WHOLE(limb) limb = L - (H << 29), L = H, H >>= 29
#define FE_RESTART L = H = 0
#define FE_PLUS(x) L += (x)
#define FE_REST L
#endif

#if defined(__riscv) && __riscv_xlen == 32 && defined(__riscv_mul) && !defined(FE_PLAIN_C)
#include "fe_29_rv32.h"
#else

// The order of columns, shared by fe_mul and fe_sqr. C(k) adds the products of column k.
// Column 7 first, then 8 to 16: these make c_9..c_17, folded into columns 0..8 as
// c_k * 1216. What leaves column 7 upwards is thus known before the low columns run, and
// the top limb can be folded (at bit 255) into column 0 before the only carry chain:
// it ends in limb 8 with less than 8 * 1216 + 16 of carry, since c_9..c_16 stay whole.
// Terms per column (at most 8 between splits): products + 1 carried in + 1 folded. H stays
// below 2^32, because in column 7 it is at most 8 * (2^29 - 2), and in column 8 and up two
// products have a small factor (limb 8 < 2^25.4). c_17 < 2^21.4 as weight(f) * weight(g) <= 20,
// so limb 8 + 1216 * c_17 < 2^29 + 2^31.65 < 2^32.
#define FE_COLUMNS(h)                                                        \
    FE_BEGIN;                                                                \
    uint32_t x7, x8, c9, c10, c11, c12, c13, c14, c15, c16, c17;             \
    C7; FE_END(x7);                                                          \
    C8; FE_END(x8);                                                          \
    C9; FE_WHOLE(c9);                                                        \
    C10; FE_WHOLE(c10);                                                      \
    C11; FE_WHOLE(c11);                                                      \
    C12; FE_WHOLE(c12);                                                      \
    C13; FE_WHOLE(c13);                                                      \
    C14; FE_WHOLE(c14);                                                      \
    C15; FE_WHOLE(c15);                                                      \
    C16; FE_WHOLE(c16);                                                      \
    c17 = FE_REST;                                                           \
    x8 += c17 * 1216;                                                        \
    FE_RESTART; FE_PLUS((x8 >> 23) * 19);                                    \
    x8 &= 0x7fffff;                                                          \
    C0; FE_P(c9, 1216, 1216 * 8); FE_END((h)->v[0]);                         \
    C1; FE_P(c10, 1216, 1216 * 8); FE_END((h)->v[1]);                        \
    C2; FE_P(c11, 1216, 1216 * 8); FE_END((h)->v[2]);                        \
    C3; FE_P(c12, 1216, 1216 * 8); FE_END((h)->v[3]);                        \
    C4; FE_P(c13, 1216, 1216 * 8); FE_END((h)->v[4]);                        \
    C5; FE_P(c14, 1216, 1216 * 8); FE_END((h)->v[5]);                        \
    C6; FE_SPLIT; FE_P(c15, 1216, 1216 * 8); FE_END((h)->v[6]);              \
    FE_PLUS(x7); FE_P(c16, 1216, 1216 * 8); FE_END((h)->v[7]);               \
    (h)->v[8] = x8 + FE_REST

#define X(i, j) FE_P(f##i, g##j, e##j)
#define C0 X(0, 0)
#define C1 X(0, 1), X(1, 0)
#define C2 X(0, 2), X(1, 1), X(2, 0)
#define C3 X(0, 3), X(1, 2), X(2, 1), X(3, 0)
#define C4 X(0, 4), X(1, 3), X(2, 2), X(3, 1), X(4, 0)
#define C5 X(0, 5), X(1, 4), X(2, 3), X(3, 2), X(4, 1), X(5, 0)
#define C6 X(0, 6), X(1, 5), X(2, 4), X(3, 3), X(4, 2), X(5, 1), X(6, 0)
#define C7 X(0, 7), X(1, 6), X(2, 5), X(3, 4), X(4, 3), X(5, 2), X(6, 1), X(7, 0)
#define C8 X(1, 7), X(2, 6), X(3, 5), X(4, 4), X(5, 3), X(6, 2), X(7, 1); FE_SPLIT; X(0, 8), X(8, 0)
#define C9 X(2, 7), X(3, 6), X(4, 5), X(5, 4), X(6, 3), X(7, 2); FE_SPLIT; X(1, 8), X(8, 1)
#define C10 X(2, 8), X(3, 7), X(4, 6), X(5, 5), X(6, 4), X(7, 3), X(8, 2)
#define C11 X(3, 8), X(4, 7), X(5, 6), X(6, 5), X(7, 4), X(8, 3)
#define C12 X(4, 8), X(5, 7), X(6, 6), X(7, 5), X(8, 4)
#define C13 X(5, 8), X(6, 7), X(7, 6), X(8, 5)
#define C14 X(6, 8), X(7, 7), X(8, 6)
#define C15 X(7, 8), X(8, 7)
#define C16 X(8, 8)
FE_FUNCTION void fe_mul(fe *h, const fe *f, const fe *g) {
    uint32_t f0 = f->v[0], f1 = f->v[1], f2 = f->v[2], f3 = f->v[3], f4 = f->v[4];
    uint32_t f5 = f->v[5], f6 = f->v[6], f7 = f->v[7], f8 = f->v[8];
    uint32_t g0 = g->v[0], g1 = g->v[1], g2 = g->v[2], g3 = g->v[3], g4 = g->v[4];
    uint32_t g5 = g->v[5], g6 = g->v[6], g7 = g->v[7], g8 = g->v[8];
#ifndef FE_WIDE
    uint32_t e0 = g0 << 3, e1 = g1 << 3, e2 = g2 << 3, e3 = g3 << 3, e4 = g4 << 3;
    uint32_t e5 = g5 << 3, e6 = g6 << 3, e7 = g7 << 3, e8 = g8 << 3;
#endif
    FE_COLUMNS(h);
}
#undef X
#undef C0
#undef C1
#undef C2
#undef C3
#undef C4
#undef C5
#undef C6
#undef C7
#undef C8
#undef C9
#undef C10
#undef C11
#undef C12
#undef C13
#undef C14
#undef C15
#undef C16

// Squares: d_i = 2 f_i < 2^30 stands for two terms, so half as many terms and no splits
// (at most 5 + 1 + 1); H is the same sum as in fe_mul and keeps its bound.
#define X(i, j) FE_P(d##i, f##j, e##j)
#define Q(i) FE_P(f##i, f##i, e##i)
#define C0 Q(0)
#define C1 X(0, 1)
#define C2 X(0, 2), Q(1)
#define C3 X(0, 3), X(1, 2)
#define C4 X(0, 4), X(1, 3), Q(2)
#define C5 X(0, 5), X(1, 4), X(2, 3)
#define C6 X(0, 6), X(1, 5), X(2, 4), Q(3)
#define C7 X(0, 7), X(1, 6), X(2, 5), X(3, 4)
#define C8 X(0, 8), X(1, 7), X(2, 6), X(3, 5), Q(4)
#define C9 X(1, 8), X(2, 7), X(3, 6), X(4, 5)
#define C10 X(2, 8), X(3, 7), X(4, 6), Q(5)
#define C11 X(3, 8), X(4, 7), X(5, 6)
#define C12 X(4, 8), X(5, 7), Q(6)
#define C13 X(5, 8), X(6, 7)
#define C14 X(6, 8), Q(7)
#define C15 X(7, 8)
#define C16 Q(8)
FE_FUNCTION void fe_sqr(fe *h, const fe *f) {
    uint32_t f0 = f->v[0], f1 = f->v[1], f2 = f->v[2], f3 = f->v[3], f4 = f->v[4];
    uint32_t f5 = f->v[5], f6 = f->v[6], f7 = f->v[7], f8 = f->v[8];
    uint32_t d0 = f0 * 2, d1 = f1 * 2, d2 = f2 * 2, d3 = f3 * 2, d4 = f4 * 2;
    uint32_t d5 = f5 * 2, d6 = f6 * 2, d7 = f7 * 2;
#ifndef FE_WIDE
    uint32_t e0 = f0 << 3, e1 = f1 << 3, e2 = f2 << 3, e3 = f3 << 3, e4 = f4 << 3;
    uint32_t e5 = f5 << 3, e6 = f6 << 3, e7 = f7 << 3, e8 = f8 << 3;
#endif
    FE_COLUMNS(h);
}
#undef X
#undef Q
#endif

// One carry chain; limb 8 takes what comes out at the top.
FE_FUNCTION void fe_add(fe *h, const fe *f, const fe *g) {
    uint32_t t = 0;
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) {
        t += f->v[i] + g->v[i];
        h->v[i] = t & M29;
        t >>= 29;
    }
    h->v[8] = f->v[8] + g->v[8] + t;
}

// f - g + 2p, where 2p = 2^24 * 2^232 - 38. g < 2^255 + 2^249 < 2p, so it is not negative,
// and neither is limb 8. (>> of a negative number is arithmetic in every compiler we use.)
FE_FUNCTION void fe_sub(fe *h, const fe *f, const fe *g) {
    int32_t t = -38;
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) {
        t += (int32_t)(f->v[i] - g->v[i]);
        h->v[i] = (uint32_t)t & M29;
        t >>= 29;
    }
    h->v[8] = f->v[8] - g->v[8] + (1u << 24) + (uint32_t)t;
}

// f + g and f - g in one pass.
#define FE_ADDSUB
FE_FUNCTION void fe_addsub(fe *sum, fe *difference, const fe *f, const fe *g) {
    uint32_t a = 0, x, y;
    int32_t s = -38;
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) {
        x = f->v[i], y = g->v[i];
        a += x + y;
        s += (int32_t)(x - y);
        sum->v[i] = a & M29;
        difference->v[i] = (uint32_t)s & M29;
        a >>= 29;
        s >>= 29;
    }
    x = f->v[8], y = g->v[8];
    sum->v[8] = x + y + a;
    difference->v[8] = x - y + (1u << 24) + (uint32_t)s;
}

// 121665 g: the low 29 bits from the low word, the rest from mulhu(8 g_i, 121665) < 2^17.
// Limb 8 first, so that the fold at bit 255 precedes the carry chain, as in FE_COLUMNS. Its
// product (< 2^42) is cut at bit 27, where both parts fit in words, then at bit 23.
FE_FUNCTION void fe_addmul_a24(fe *h, const fe *f, const fe *g) {
    uint32_t g8 = g->v[8], f8 = f->v[8];
    uint32_t top = (uint32_t)((uint64_t)(g8 << 5) * 121665 >> 32);  // g8 * 121665 >> 27
    uint32_t low = (g8 * 121665 & 0x7ffffff) + f8;
    uint32_t t = ((top << 4) + (low >> 23)) * 19;
    uint32_t x8 = low & 0x7fffff;
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) {
        uint32_t a = g->v[i];
        t += f->v[i] + (a * 121665 & M29);
        h->v[i] = t & M29;
        t = (t >> 29) + (uint32_t)((uint64_t)(a << 3) * 121665 >> 32);
        __asm__("" ::: "memory");  // else GCC loads all limbs first and saves twelve registers for it
    }
    h->v[8] = x8 + t;  // t < 2^17
}

// Folds limb 8 at bit 255, then one carry chain.
FE_FUNCTION void fe_carry(fe *h) {
    uint32_t t = (h->v[8] >> 23) * 19;
    h->v[8] &= 0x7fffff;
    for (int i = 0; i < 8; i++) {
        t += h->v[i];
        h->v[i] = t & M29;
        t >>= 29;
    }
    h->v[8] += t;
}

// Limb i begins at bit 29 i = 32 i - 3 i.
FE_FUNCTION void fe_fromwords(fe *h, const uint32_t w[8]) {
    h->v[0] = w[0] & M29;
    for (int i = 1; i < 8; i++) {
        h->v[i] = (w[i - 1] >> (32 - 3 * i) | w[i] << (3 * i)) & M29;
    }
    h->v[8] = w[7] >> 8 & 0x7fffff;
}

FE_FUNCTION void fe_towords(uint32_t w[8], const fe *f) {
    fe t = *f;
    uint32_t q = 19;
    fe_carry(&t);
    // Now below 2^255 + 2^233 < 2p. q = 1 if it is >= p: value + 19 reaches 2^255.
    for (int i = 0; i < 8; i++) {
        q = (t.v[i] + q) >> 29;
    }
    q = (t.v[8] + q) >> 23;
    q *= 19;
    for (int i = 0; i < 8; i++) {
        q += t.v[i];
        t.v[i] = q & M29;
        q >>= 29;
    }
    t.v[8] = (t.v[8] + q) & 0x7fffff;
    for (int i = 0; i < 8; i++) {
        w[i] = t.v[i] >> (3 * i) | t.v[i + 1] << (29 - 3 * i);
    }
}
