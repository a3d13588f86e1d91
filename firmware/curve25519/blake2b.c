// BLAKE2b (RFC 7693) with key, salt and personalisation (BLAKE2 paper, section 2.8).

#include "symmetric.h"
#include "words.h"

// RFC 7693, 2.6.
static const uint64_t iv[8] = {
    0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
    0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
};

// RFC 7693, 2.7. Each entry is the byte offset of the message word (8 * index), which
// saves a shift for each of the 192 look-ups. Rounds 10 and 11 are 0 and 1 again.
#define ROW(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p) \
    8 * a, 8 * b, 8 * c, 8 * d, 8 * e, 8 * f, 8 * g, 8 * h, \
    8 * i, 8 * j, 8 * k, 8 * l, 8 * m, 8 * n, 8 * o, 8 * p
static const uint8_t sigma[160] = {
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
};

// Where the columns, then the diagonals, have their b, c and d: byte offsets in v.
#define LANE(b, c, d) 8 * b, 8 * c, 8 * d
static const uint8_t lanes[24] = {
    LANE(4, 8, 12), LANE(5, 9, 13), LANE(6, 10, 14), LANE(7, 11, 15),
    LANE(5, 10, 15), LANE(6, 11, 12), LANE(7, 8, 13), LANE(4, 9, 14),
};

// The mixing function G of RFC 7693, 3.1, on message words named by byte offsets. The first row
// of v lives in the locals a0..a3; the rest is loaded and stored once per G: the barrier keeps
// compilers from holding copies that they would only spill. The eight of a round are a loop of two
// over four: a kilobyte less of code on RV32, for 8 % of the time.
#define WORD(offset) (*(const uint64_t *)((const uint8_t *)m + (offset)))
#define LANE_OF(n) ((uint64_t *)((uint8_t *)v + lane[n]))
#define G(va, i) \
    do { \
        uint64_t *b = LANE_OF(3 * i), *c = LANE_OF(3 * i + 1), *d = LANE_OF(3 * i + 2); \
        uint64_t vb = *b, vc = *c, vd = *d; \
        va = sc_add64(sc_add64(va, vb), WORD(row[2 * i])); \
        vd = sc_rotr64(vd ^ va, 32); \
        vc = sc_add64(vc, vd); \
        vb = sc_rotr64(vb ^ vc, 24); \
        va = sc_add64(sc_add64(va, vb), WORD(row[2 * i + 1])); \
        vd = sc_rotr64(vd ^ va, 16); \
        vc = sc_add64(vc, vd); \
        vb = sc_rotr64(vb ^ vc, 63); \
        *b = vb, *c = vc, *d = vd; \
        __asm__ ("" : : : "memory"); \
    } while (0)

static void compress(sc_blake2b *s, uint32_t last) {
    uint64_t *v = s->v;
    const uint64_t *m = s->m;
    uint64_t a0 = s->h[0], a1 = s->h[1], a2 = s->h[2], a3 = s->h[3];
    for (unsigned i = 0; i < 4; i++) {
        v[4 + i] = s->h[4 + i];
        v[8 + i] = iv[i];
        v[12 + i] = iv[4 + i];
    }
    uint32_t low = s->counter[0] + s->used;
    s->counter[1] += low < s->used;  // lengths are public
    s->counter[0] = low;
    v[12] ^= ((uint64_t)s->counter[1] << 32) | low;
    v[14] ^= ((uint64_t)last << 32) | last;
    const uint8_t *row = sigma, *lane = lanes;
    for (unsigned half = 0; half < 24; half++) {
        G(a0, 0);
        G(a1, 1);
        G(a2, 2);
        G(a3, 3);
        lane = lane == lanes ? lanes + 12 : lanes;
        row += 8;
        if (row == sigma + sizeof sigma) {
            row = sigma;
        }
    }
    v[0] = a0, v[1] = a1, v[2] = a2, v[3] = a3;
    for (unsigned i = 0; i < 8; i++) {
        s->h[i] ^= v[i] ^ v[i + 8];
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
