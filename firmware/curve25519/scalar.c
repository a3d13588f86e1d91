// scalar.c: integers mod l = 2^252 + 27742317777372353535851937790883648493.
// 16-bit limbs in 32-bit words: the products need no 64-bit multiplication (which is not
// constant time on every core), and these few hundred of them are nothing beside a
// scalar multiplication.

static const uint16_t L16[16] = {
    0xd3ed, 0x5cf5, 0x631a, 0x5812, 0x9cd6, 0xa2f7, 0xf9de, 0x14de, 0, 0, 0, 0, 0, 0, 0, 0x1000,
};

// out = in mod l for n >= 31 bytes, little endian; out may be in. Long division by bytes,
// with signed remainders: r = 256 r + byte, q = floor(r / 2^252), r -= q l leaves
// -2^135 < r < 2^252 (|q| <= 2^8, l - 2^252 < 2^125), and one conditional addition of l
// at the end suffices. Limbs 0..14 are 0 .. 2^16 - 1, limb 15 has the sign.
static void scalar_mod(uint8_t out[32], const uint8_t *in, size_t n) {
    int32_t r[16], q, t, last, limb;
    in += n - 31;
    for (int i = 0; i < 15; i++) {
        r[i] = in[2 * i] | in[2 * i + 1] << 8;
    }
    r[15] = in[30];  // the top 31 bytes are below 2^248 < l
    for (n -= 31; n; n--) {
        q = r[15] >> 4;  // bits 244.. of r are bits 252.. of 256 r
        r[15] &= 15;
        last = *--in;
        t = 0;
        for (int i = 0; i < 16; i++) {
            limb = r[i];
            t += (limb << 8 & 0xffff) + last - (i < 15 ? q * L16[i] : 0);  // |.| < 2^25
            last = limb >> 8;
            r[i] = t & 0xffff;
            t >>= 16;
        }
        r[15] -= t & 0x10000;  // limb 15 was below 2^12, so it and t >> 16 are its sign
    }
    q = r[15] >> 31;
    __asm__("" : "+r"(q));
    t = 0;
    for (int i = 0; i < 16; i++) {
        t += r[i] + (L16[i] & q);
        out[2 * i] = (uint8_t)t;
        out[2 * i + 1] = (uint8_t)(t >> 8);
        t >>= 16;
    }
}

// out = (a b + c) mod l
static void scalar_muladd(uint8_t out[32], const uint8_t a[32], const uint8_t b[32], const uint8_t c[32]) {
    uint8_t product[64];
    uint32_t acc[32], t;
    for (int i = 0; i < 16; i++) {
        acc[i] = c[2 * i] | (uint32_t)c[2 * i + 1] << 8;
        acc[i + 16] = 0;
    }
    for (int i = 0; i < 16; i++) {
        uint32_t ai = a[2 * i] | (uint32_t)a[2 * i + 1] << 8;
        t = 0;
        for (int j = 0; j < 16; j++) {
            t += acc[i + j] + ai * (b[2 * j] | (uint32_t)b[2 * j + 1] << 8);  // <= 2^32 - 1
            acc[i + j] = t & 0xffff;
            t >>= 16;
        }
        acc[i + 16] = t;
    }
    for (int i = 0; i < 32; i++) {
        product[2 * i] = (uint8_t)acc[i];
        product[2 * i + 1] = (uint8_t)(acc[i] >> 8);
    }
    scalar_mod(out, product, 64);
}

// 1 if s < l. For public values.
static int scalar_canonical(const uint8_t s[32]) {
    uint8_t r[32];
    scalar_mod(r, s, 32);
    return sc_equal(r, s, 32);
}

static __attribute__((noinline)) void scalar_reduce(uint8_t out[32], const uint8_t in[64]) {
    scalar_mod(out, in, 64);
}

void sc_scalar_reduce(uint8_t out[32], const uint8_t in[64]) {
    scalar_reduce(out, in);
    burn();
}

int sc_scalar_nonzero(const uint8_t s[32]) {
    uint32_t d = 0;
    for (int i = 0; i < 32; i++) {
        d |= s[i];
    }
    return (int)(1 ^ is_zero(d));
}
