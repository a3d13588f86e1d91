// Salsa20, HSalsa20 and XSalsa20 (Bernstein, "The Salsa20 family of stream ciphers", 2008;
// "Extending the Salsa20 nonce", 2011).

#include "symmetric.h"
#include "words.h"

// One quarter round on four named words.
#define QUARTER(a, b, c, d) \
    do { \
        b ^= sc_rotl32(a + d, 7); \
        c ^= sc_rotl32(b + a, 9); \
        d ^= sc_rotl32(c + b, 13); \
        a ^= sc_rotl32(d + c, 18); \
    } while (0)

void sc_salsa20_rounds(uint32_t out[16], const uint32_t in[16], unsigned double_rounds) {
    // Sixteen locals: they fit the registers of RISC-V, and spill best elsewhere.
    uint32_t x0 = in[0], x1 = in[1], x2 = in[2], x3 = in[3];
    uint32_t x4 = in[4], x5 = in[5], x6 = in[6], x7 = in[7];
    uint32_t x8 = in[8], x9 = in[9], x10 = in[10], x11 = in[11];
    uint32_t x12 = in[12], x13 = in[13], x14 = in[14], x15 = in[15];
    do {
        QUARTER(x0, x4, x8, x12);  // columns
        QUARTER(x5, x9, x13, x1);
        QUARTER(x10, x14, x2, x6);
        QUARTER(x15, x3, x7, x11);
        QUARTER(x0, x1, x2, x3);   // rows
        QUARTER(x5, x6, x7, x4);
        QUARTER(x10, x11, x8, x9);
        QUARTER(x15, x12, x13, x14);
    } while (--double_rounds);
    out[0] = x0, out[1] = x1, out[2] = x2, out[3] = x3;
    out[4] = x4, out[5] = x5, out[6] = x6, out[7] = x7;
    out[8] = x8, out[9] = x9, out[10] = x10, out[11] = x11;
    out[12] = x12, out[13] = x13, out[14] = x14, out[15] = x15;
}

// "expand 32-byte k" stands on the diagonal.
static void constants(uint32_t in[16]) {
    in[0] = 0x61707865;
    in[5] = 0x3320646e;
    in[10] = 0x79622d32;
    in[15] = 0x6b206574;
}

void sc_xsalsa20_init(sc_xsalsa20 *s, const uint8_t key[32], const uint8_t nonce[24]) {
    // HSalsa20 of the key and the first 16 nonce bytes gives the key of a Salsa20 that
    // takes the other 8 as its nonce.
    constants(s->in);
    sc_copy(s->in + 1, key, 16);
    sc_copy(s->in + 11, key + 16, 16);
    sc_copy(s->in + 6, nonce, 16);
    sc_salsa20_rounds(s->block, s->in, 10);
    sc_copy(s->in + 6, nonce + 16, 8);
    s->in[1] = s->block[0];
    s->in[2] = s->block[5];
    s->in[3] = s->block[10];
    s->in[4] = s->block[15];
    sc_copy(s->in + 11, s->block + 6, 16);
    s->in[8] = 0;
    s->in[9] = 0;
    s->used = 64;
}

void sc_xsalsa20_block(sc_xsalsa20 *s) {
    sc_salsa20_rounds(s->block, s->in, 10);
    for (unsigned i = 0; i < 16; i++) {
        s->block[i] += s->in[i];
    }
    s->in[8]++;
    s->in[9] += s->in[8] == 0;
    s->used = 0;
}

void sc_xsalsa20_xor(sc_xsalsa20 *s, uint8_t *out, const uint8_t *in, size_t n) {
    if ((uintptr_t)out - (uintptr_t)in < n && out != in) {  // out begins inside in
        memmove(out, in, n);
        in = out;
    }
    while (n) {
        if (s->used == 64) {
            sc_xsalsa20_block(s);
        }
        size_t k = 64 - s->used;
        if (k > n) {
            k = n;
        }
        const uint8_t *stream = (const uint8_t *)s->block + s->used;
        s->used += (uint32_t)k;
        n -= k;
        if (sc_aligned(out) && sc_aligned(in) && sc_aligned(stream)) {
            for (; k >= 4; k -= 4, out += 4, in += 4, stream += 4) {
                *(sc_word *)out = *(const sc_word *)in ^ *(const sc_word *)stream;
            }
        }
        for (; k; k--) {
            *out++ = *in++ ^ *stream++;
        }
    }
}
