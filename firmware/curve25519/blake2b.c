// BLAKE2b (RFC 7693) with key, salt and personalisation (BLAKE2 paper, section 2.8).

#include "symmetric.h"
#include "words.h"

// RFC 7693, 2.6.
static const uint64_t iv[8] = {
    0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
    0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
};

// RFC 7693, 2.7. Each entry is the byte offset of the message word (8 * index), which
// saves a shift for each of the 192 look-ups.
#define ROW(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p) \
    8 * a, 8 * b, 8 * c, 8 * d, 8 * e, 8 * f, 8 * g, 8 * h, \
    8 * i, 8 * j, 8 * k, 8 * l, 8 * m, 8 * n, 8 * o, 8 * p
static const uint8_t sigma[192] = {
    ROW(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
    ROW(14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3),
    ROW(11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4),
    ROW(7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8),
    ROW(9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13),
    ROW(2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9),
    ROW(12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11),
    ROW(13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10),
    ROW(6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5),
    ROW(10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0),
    ROW(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),  // rounds 10 and 11 are 0 and 1 again
    ROW(14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3),
};

// The rows b, c and d of the working vector, as v keeps them: for the columns b_i at v[2 + 2 i],
// c_i at v[14 + i], d_i at v[9 - 2 i]. What the i-th diagonal needs, b_(i+1), c_(i+2) and d_(i+3),
// then stands two words further for all three, if what leaves a row at one end is stored at the
// other, too. So a half of a round is one piece of code, with fixed offsets from p, which is v or
// v + 2 in turn, and nothing is moved between the halves. What is stored beyond the rows is not read.
#define B(i) (2 + 2 * (i))
#define C(i) (14 + (i))
#define D(i) (9 - 2 * (i))

// The mixing function G of RFC 7693, 3.1, on message words named by byte offsets. The first row
// lives in the locals a0..a3; the rest is loaded and stored once per G: the barrier keeps
// compilers from holding copies that they would only spill.
#define WORD(offset) (*(const uint64_t *)((const uint8_t *)m + (offset)))
#define G(va, i) \
    do { \
        uint64_t vb = p[B(i)], vc = p[C(i)], vd = p[D(i)]; \
        va = sc_add64(sc_add64(va, vb), WORD(row[2 * i])); \
        vd = sc_rotr64(vd ^ va, 32); \
        vc = sc_add64(vc, vd); \
        vb = sc_rotr64(vb ^ vc, 24); \
        va = sc_add64(sc_add64(va, vb), WORD(row[2 * i + 1])); \
        vd = sc_rotr64(vd ^ va, 16); \
        vc = sc_add64(vc, vd); \
        vb = sc_rotr64(vb ^ vc, 63); \
        p[B(i)] = vb, p[C(i)] = vc, p[D(i)] = vd; \
        p[i < 2 ? C(i + 4) : C(i - 4)] = vc; \
        if (i == 0) { \
            p[B(4)] = vb, p[D(4)] = vd; \
        } \
        if (i == 3) { \
            p[B(-1)] = vb, p[D(-1)] = vd; \
        } \
        __asm__ ("" : : : "memory"); \
    } while (0)

static void compress(sc_blake2b *s, uint32_t last) {
    uint64_t *p = s->v;
    const uint64_t *m = s->m;
    uint64_t a0 = s->h[0], a1 = s->h[1], a2 = s->h[2], a3 = s->h[3];
    for (unsigned i = 0; i < 4; i++) {
        p[B(i)] = s->h[4 + i];
        p[C(i)] = iv[i];
        p[D(i)] = iv[4 + i];
    }
    uint32_t low = s->counter[0] + s->used;
    s->counter[1] += low < s->used;  // lengths are public
    s->counter[0] = low;
    p[D(0)] ^= ((uint64_t)s->counter[1] << 32) | low;
    p[D(2)] ^= ((uint64_t)last << 32) | last;
    int step = 2;
    for (const uint8_t *row = sigma; row != sigma + sizeof sigma; row += 8) {
        G(a0, 0);
        G(a1, 1);
        G(a2, 2);
        G(a3, 3);
        p += step;
        step = -step;
    }
    s->h[0] ^= a0, s->h[1] ^= a1, s->h[2] ^= a2, s->h[3] ^= a3;
    for (unsigned i = 0; i < 4; i++) {
        s->h[i] ^= p[C(i)];
        s->h[4 + i] ^= p[B(i)] ^ p[D(i)];
    }
}

void sc_blake2b_init(sc_blake2b *s, size_t size, const uint8_t *key, size_t key_length,
    const uint8_t *salt, size_t salt_length, const uint8_t *person, size_t person_length) {
    // The parameter block of a sequential hash (RFC 7693, 2.5): digest length, key length,
    // fan-out 1, depth 1, zeros; salt at 32 and personalisation at 48 (BLAKE2 paper, 2.8),
    // which m holds for a moment.
    sc_wipe(s->m, sizeof s->m);
    sc_copy(s->m, salt, salt_length);
    sc_copy(s->m + 2, person, person_length);
    for (unsigned i = 0; i < 4; i++) {
        s->h[i] = iv[i];
        s->h[4 + i] = iv[4 + i] ^ s->m[i];
        s->m[i] = 0;
    }
    s->h[0] ^= 0x01010000 | (uint32_t)key_length << 8 | (uint32_t)size;
    s->counter[0] = s->counter[1] = 0;
    s->size = (uint32_t)size;
    s->used = key_length ? 128 : 0;
    sc_copy(s->m, key, key_length);  // a block of its own, zero padded
}

void sc_blake2b_update(sc_blake2b *s, const uint8_t *data, size_t n) {
    while (n) {
        if (s->used == 128) {  // only now: the last block must wait for the final flag
            compress(s, 0);
            s->used = 0;
        }
        size_t k = 128 - s->used;
        if (k > n) {
            k = n;
        }
        sc_copy((uint8_t *)s->m + s->used, data, k);
        s->used += (uint32_t)k;
        data += k;
        n -= k;
    }
}

void sc_blake2b_final(sc_blake2b *s, uint8_t *out) {
    sc_wipe((uint8_t *)s->m + s->used, 128 - s->used);
    compress(s, 0xffffffff);
    sc_copy(out, s->h, s->size);
    sc_wipe(s, sizeof *s);
}
