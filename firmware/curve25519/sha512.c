// SHA-512 (FIPS 180-4, 6.4) of up to three concatenated strings: what Ed25519 needs.

#include "symmetric.h"
#include "words.h"

// FIPS 180-4, 4.2.3: cube roots of the first 80 primes; 5.3.5: square roots of the first 8.
static const uint64_t k[80] = {
    0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc,
    0x3956c25bf348b538, 0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118,
    0xd807aa98a3030242, 0x12835b0145706fbe, 0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2,
    0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235, 0xc19bf174cf692694,
    0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
    0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5,
    0x983e5152ee66dfab, 0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4,
    0xc6e00bf33da88fc2, 0xd5a79147930aa725, 0x06ca6351e003826f, 0x142929670a0e6e70,
    0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed, 0x53380d139d95b3df,
    0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
    0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30,
    0xd192e819d6ef5218, 0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8,
    0x19a4c116b8d2d0c8, 0x1e376c085141ab53, 0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8,
    0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373, 0x682e6ff3d6b2b8a3,
    0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
    0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b,
    0xca273eceea26619c, 0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178,
    0x06f067aa72176fba, 0x0a637dc5a2c898a6, 0x113f9804bef90dae, 0x1b710b35131c471b,
    0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc, 0x431d67c49c100d4c,
    0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817,
};
static const uint64_t iv[8] = {
    0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
    0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
};

typedef struct {
    uint64_t h[8];
    uint64_t w[16];   // message schedule: the last sixteen words; first the block's bytes
    uint64_t v[8];    // working variables a to h
    uint32_t used, length;
} state;

static inline uint64_t big_endian(uint64_t x) {
    return ((uint64_t)sc_bswap32((uint32_t)x) << 32) | sc_bswap32((uint32_t)(x >> 32));
}

static void compress(state *s) {
    uint64_t *v = s->v, *w = s->w;
    sc_copy(v, s->h, 64);
    for (unsigned i = 0; i < 16; i++) {
        w[i] = big_endian(w[i]);
    }
    for (unsigned t = 0; t < 80; t++) {
        uint64_t wt = w[t & 15];
        if (t >= 16) {
            uint64_t w15 = w[(t + 1) & 15], w2 = w[(t + 14) & 15];
            uint64_t s0 = sc_rotr64(w15, 1) ^ sc_rotr64(w15, 8) ^ sc_shr64(w15, 7);
            uint64_t s1 = sc_rotr64(w2, 19) ^ sc_rotr64(w2, 61) ^ sc_shr64(w2, 6);
            wt = sc_add64(sc_add64(wt, s0), sc_add64(w[(t + 9) & 15], s1));
            w[t & 15] = wt;
        }
        // Instead of renaming a..h every round, the array turns: a is v[-t mod 8].
        uint64_t e = v[(4 - t) & 7], a = v[(0 - t) & 7], *h = &v[(7 - t) & 7], *d = &v[(3 - t) & 7];
        uint64_t f = v[(5 - t) & 7], g = v[(6 - t) & 7], b = v[(1 - t) & 7], c = v[(2 - t) & 7];
        uint64_t t1 = sc_add64(*h, sc_rotr64(e, 14) ^ sc_rotr64(e, 18) ^ sc_rotr64(e, 41));
        t1 = sc_add64(t1, ((f ^ g) & e) ^ g);
        t1 = sc_add64(t1, sc_add64(k[t], wt));
        uint64_t t2 = sc_rotr64(a, 28) ^ sc_rotr64(a, 34) ^ sc_rotr64(a, 39);
        t2 = sc_add64(t2, (a & b) | (c & (a | b)));
        *d = sc_add64(*d, t1);
        *h = sc_add64(t1, t2);
    }
    for (unsigned i = 0; i < 8; i++) {
        s->h[i] = sc_add64(s->h[i], v[i]);
    }
    s->used = 0;
}

static void update(state *s, const uint8_t *data, size_t n) {
    s->length += (uint32_t)n;
    while (n) {
        size_t room = 128 - s->used;
        if (room > n) {
            room = n;
        }
        sc_copy((uint8_t *)s->w + s->used, data, room);
        s->used += (uint32_t)room;
        data += room;
        n -= room;
        if (s->used == 128) {
            compress(s);
        }
    }
}

void sc_sha512(uint8_t out[64], const uint8_t *a, size_t a_length,
    const uint8_t *b, size_t b_length, const uint8_t *c, size_t c_length) {
    state s;
    sc_copy(s.h, iv, 64);
    s.used = s.length = 0;
    update(&s, a, a_length);
    update(&s, b, b_length);
    update(&s, c, c_length);
    ((uint8_t *)s.w)[s.used++] = 0x80;
    if (s.used > 112) {
        sc_wipe((uint8_t *)s.w + s.used, 128 - s.used);
        compress(&s);
    }
    sc_wipe((uint8_t *)s.w + s.used, 128 - s.used);
    // The 128-bit length in bits, big endian; ours are below 2^32 bytes.
    s.w[15] = big_endian(((uint64_t)(s.length >> 29) << 32) | s.length << 3);
    compress(&s);
    for (unsigned i = 0; i < 8; i++) {
        s.h[i] = big_endian(s.h[i]);
    }
    sc_copy(out, s.h, 64);
    sc_wipe(&s, sizeof s);
}
