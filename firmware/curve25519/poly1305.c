// Poly1305 (Bernstein, "The Poly1305-AES message-authentication code", 2005; RFC 8439, 2.5).
//
// The accumulator is h = h0 + 2^32 h1 + 2^64 h2 + 2^96 h3 + 2^128 h4. Clamping makes
// r1, r2, r3 multiples of 4, so a product that reaches 2^128 folds exactly:
// 2^128 r_i = 2^130 r_i / 4 = 5 r_i / 4 = s_i (mod 2^130 - 5), s_i = r_i + r_i / 4.

#include "symmetric.h"
#include "words.h"

typedef struct {
    uint32_t h[5];      // h4 <= 4 between blocks
    uint32_t r[4];      // r0 < 2^28, the others too and multiples of 4
    uint32_t block[4];
} state;

// sum += a * b; the callers' bounds keep it below 2^64.
static inline uint64_t muladd(uint64_t sum, uint32_t a, uint32_t b) {
    return sc_add64(sum, sc_mul64(a, b));
}

// For each 16 byte block: h = (h + block + 2^128 pad) * r, partially reduced.
static void absorb(state *s, const uint8_t *data, size_t blocks, uint32_t pad) {
    const uint32_t r0 = s->r[0], r1 = s->r[1], r2 = s->r[2], r3 = s->r[3];
    const uint32_t s1 = r1 + (r1 >> 2), s2 = r2 + (r2 >> 2), s3 = r3 + (r3 >> 2);  // < 1.25 * 2^28
    uint32_t h0 = s->h[0], h1 = s->h[1], h2 = s->h[2], h3 = s->h[3], h4 = s->h[4];
    for (; blocks; blocks--, data += 16) {
        const sc_word *m = (const sc_word *)data;
        if (!sc_aligned(data)) {
            sc_copy(s->block, data, 16);
            m = s->block;
        }
        uint64_t t = sc_add64(h0, m[0]);
        h0 = (uint32_t)t;
        t = sc_add64(sc_add64(t >> 32, h1), m[1]);
        h1 = (uint32_t)t;
        t = sc_add64(sc_add64(t >> 32, h2), m[2]);
        h2 = (uint32_t)t;
        t = sc_add64(sc_add64(t >> 32, h3), m[3]);
        h3 = (uint32_t)t;
        h4 += (uint32_t)(t >> 32) + pad;  // <= 4 + 1 + 1

        // Each sum: four products below 2^32 * 1.25 * 2^28, a fifth below 2^31, a carry: < 2^63.
        uint64_t x0 = muladd(muladd(muladd(sc_mul64(h0, r0), h1, s3), h2, s2), h3, s1);
        t = sc_add64(x0 >> 32, h4 * s1);  // <= 6 * 1.25 * 2^28 < 2^31
        uint64_t x1 = muladd(muladd(muladd(muladd(t, h0, r1), h1, r0), h2, s3), h3, s2);
        t = sc_add64(x1 >> 32, h4 * s2);
        uint64_t x2 = muladd(muladd(muladd(muladd(t, h0, r2), h1, r1), h2, r0), h3, s3);
        t = sc_add64(x2 >> 32, h4 * s3);
        uint64_t x3 = muladd(muladd(muladd(muladd(t, h0, r3), h1, r2), h2, r1), h3, r0);
        // Weight 2^128: x3 >> 32 < 2^30 + 2, as it has only r in it; h4 * r0 < 1.5 * 2^30.
        uint32_t x4 = (uint32_t)(x3 >> 32) + h4 * r0;

        // What stands at 2^130 and above comes back times 5; 5 (x4 >> 2) may pass 2^32, so it
        // is added as 4 (x4 >> 2) and (x4 >> 2).
        t = sc_add64(sc_add64((uint32_t)x0, x4 & ~(uint32_t)3), x4 >> 2);
        h0 = (uint32_t)t;
        t = sc_add64((uint32_t)x1, t >> 32);
        h1 = (uint32_t)t;
        t = sc_add64((uint32_t)x2, t >> 32);
        h2 = (uint32_t)t;
        t = sc_add64((uint32_t)x3, t >> 32);
        h3 = (uint32_t)t;
        h4 = (x4 & 3) + (uint32_t)(t >> 32);  // <= 4
    }
    s->h[0] = h0, s->h[1] = h1, s->h[2] = h2, s->h[3] = h3, s->h[4] = h4;
}

void sc_poly1305(uint8_t tag[16], const uint8_t key[32], const uint8_t *data, size_t n) {
    state s;
    sc_wipe(s.h, sizeof s.h);
    sc_copy(s.r, key, 16);
    s.r[0] &= 0x0fffffff;
    s.r[1] &= 0x0ffffffc;
    s.r[2] &= 0x0ffffffc;
    s.r[3] &= 0x0ffffffc;
    absorb(&s, data, n >> 4, 1);
    if (n & 15) {
        sc_wipe(s.block, 16);
        sc_copy(s.block, data + (n & ~(size_t)15), n & 15);
        ((uint8_t *)s.block)[n & 15] = 1;
        absorb(&s, (const uint8_t *)s.block, 1, 0);
    }
    // h < 1.25 * 2^130. h >= p exactly if h + 5 reaches 2^130: subtract p by adding that 5
    // and dropping the top, in one pass that always adds 0 or 5.
    uint64_t t = 5;
    for (unsigned i = 0; i < 4; i++) {
        t = sc_add64(t, s.h[i]) >> 32;
    }
    t = sc_mul64((uint32_t)(t + s.h[4]) >> 2, 5);
    for (unsigned i = 0; i < 4; i++) {  // ... + s modulo 2^128
        t = sc_add64(t, s.h[i]);
        t = sc_add64(t, sc_load32(key + 16 + 4 * i));
        s.block[i] = (uint32_t)t;
        t >>= 32;
    }
    sc_copy(tag, s.block, 16);
    sc_wipe(&s, sizeof s);
}
