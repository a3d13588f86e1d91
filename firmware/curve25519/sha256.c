// SHA-256 (FIPS 180-4, 6.2): for scrypt's PBKDF2 only, so written for size.

#include "symmetric.h"
#include "words.h"

// FIPS 180-4, 4.2.2: cube roots of the first 64 primes; 5.3.3: square roots of the first 8.
static const uint32_t k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};
static const uint32_t iv[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

static inline uint32_t rotr(uint32_t x, unsigned n) {
    return sc_rotl32(x, 32 - n);
}

static void compress(sc_sha256 *s) {
    uint32_t w[16], v[8];
    sc_copy(v, s->h, 32);
    for (unsigned t = 0; t < 64; t++) {
        uint32_t wt;
        if (t < 16) {
            wt = sc_bswap32(sc_load32(s->block + 4 * t));
        } else {
            uint32_t w15 = w[(t + 1) & 15], w2 = w[(t + 14) & 15];
            wt = w[t & 15] + (rotr(w15, 7) ^ rotr(w15, 18) ^ (w15 >> 3))
                + w[(t + 9) & 15] + (rotr(w2, 17) ^ rotr(w2, 19) ^ (w2 >> 10));
        }
        w[t & 15] = wt;
        uint32_t a = v[0], b = v[1], c = v[2], e = v[4], f = v[5], g = v[6];
        uint32_t t1 = v[7] + (rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)) + (((f ^ g) & e) ^ g) + k[t] + wt;
        uint32_t t2 = (rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)) + ((a & b) | (c & (a | b)));
        for (unsigned i = 7; i > 0; i--) {
            v[i] = v[i - 1];
        }
        v[4] += t1;
        v[0] = t1 + t2;
    }
    for (unsigned i = 0; i < 8; i++) {
        s->h[i] += v[i];
    }
    sc_wipe(w, sizeof w);
    sc_wipe(v, sizeof v);
}

void sc_sha256_init(sc_sha256 *s) {
    sc_copy(s->h, iv, 32);
    s->length = 0;
}

void sc_sha256_update(sc_sha256 *s, const uint8_t *data, size_t n) {
    while (n) {
        size_t used = s->length & 63, k = 64 - used;
        if (k > n) {
            k = n;
        }
        sc_copy(s->block + used, data, k);
        s->length += (uint32_t)k;
        data += k;
        n -= k;
        if (used + k == 64) {
            compress(s);
        }
    }
}

void sc_sha256_final(sc_sha256 *s, uint8_t out[32]) {
    size_t used = s->length & 63;
    s->block[used++] = 0x80;
    sc_wipe(s->block + used, 64 - used);
    if (used > 56) {
        compress(s);
        sc_wipe(s->block, 64);
    }
    // The length in bits, 64-bit big endian; ours fit the low half.
    uint32_t bits = sc_bswap32(s->length << 3);
    sc_copy(s->block + 60, &bits, 4);
    compress(s);
    for (unsigned i = 0; i < 8; i++) {
        s->h[i] = sc_bswap32(s->h[i]);
    }
    sc_copy(out, s->h, 32);
    sc_wipe(s, sizeof *s);
}
