// base.c: multiples of the Ed25519 base point B, by a comb of four teeth, 64 bits apart.
//
// l is odd, so some c with 2 c = s + 2^256 - 1 mod l exists, and then
//     s = sum of (2 c_i - 1) 2^i,  i = 0 .. 255     (mod l):
// all digits are 1 or -1, none is zero. Column j takes bits j, j + 64, j + 128, j + 192
// of c; tables of both signs of the top tooth differ by the sign of the point only, so
// eight points (768 bytes) serve, at 64 doublings instead of 256.

#if SC_FE == 13
static SC_RARE void unpack_coordinate(fe_packed *h, const uint32_t words[8]) {
    fe f;
    fe_fromwords(&f, words);
    fe_pack(h, &f);
}
#else
#define unpack_coordinate fe_fromwords
#endif

struct comb {
    uint8_t c[32];
    ge_cached q;  // the point of a column; 2 Z is always 2
};

// For s: c = ((s, or s + l if s is even) - 1) / 2 + 2^255; s + l < 2^254.
static SC_RARE void comb_begin(comb *b, const uint8_t s[32]) {
    uint8_t *c = b->c;
    uint32_t t = 0, odd = s[0] & 1;
    uint32_t even = odd - 1;
    fe f;
    __asm__("" : "+r"(even));
    for (int i = 0; i < 32; i++) {
        t += s[i] + (L16[i >> 1] >> (8 * (i & 1)) & 0xff & even);
        c[i] = (uint8_t)t;
        t >>= 8;
    }
    for (int i = 0; i < 31; i++) {
        c[i] = (uint8_t)(c[i] >> 1 | c[i + 1] << 7);
    }
    c[31] = c[31] >> 1 | 0x80;
    fe_small(&f, 2);
    fe_pack(&b->q.z2, &f);
}

// r += the point of column j.
static SC_RARE void comb_add(ge *r, comb *b, uint32_t j, int want_t) {
    uint32_t w[24], index = 0, sign;
    for (int k = 0; k < 4; k++) {
        index |= (uint32_t)(b->c[8 * k + (j >> 3)] >> (j & 7) & 1) << k;
    }
    sign = 1 ^ (index >> 3);
    index = (index ^ -sign) & 7;
    pick(w, COMB, 24, index);
    swap(w, w + 8, 8, sign);
    unpack_coordinate(&b->q.plus, w);
    unpack_coordinate(&b->q.minus, w + 8);
    unpack_coordinate(&b->q.t2d, w + 16);
    ge_add(r, r, &b->q, sign, want_t);
}

static SC_RARE void ge_mul_base(ge *r, const uint8_t s[32]) {
    comb b;
    comb_begin(&b, s);
    ge_neutral(r);
    for (uint32_t j = 64; j--;) {
        ge_double(r, r, 1);
        comb_add(r, &b, j, j == 0);
    }
}
