// base.c: multiples of the Ed25519 base point B, by a comb of four teeth, 64 bits apart.
//
// l is odd, so some c with 2 c = s + 2^256 - 1 mod l exists, and then
//     s = sum of (2 c_i - 1) 2^i,  i = 0 .. 255     (mod l):
// all digits are 1 or -1, none is zero. Column j takes bits j, j + 64, j + 128, j + 192
// of c; tables of both signs of the top tooth differ by the sign of the point only, so
// eight points (768 bytes) serve, at 64 doublings instead of 256.

static SC_RARE void unpack_coordinate(fe_packed *h, const uint32_t words[8]) {
    fe f;
    fe_fromwords(&f, words);
    fe_pack(h, &f);
}

static SC_RARE void ge_mul_base(ge *r, const uint8_t s[32]) {
    uint8_t c[32];
    uint32_t t = 0, w[24], index, sign, odd = s[0] & 1;
    uint32_t even = odd - 1;
    ge_cached q;
    fe f;
    __asm__("" : "+r"(even));
    // c = ((s, or s + l if s is even) - 1) / 2 + 2^255; s + l < 2^254.
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
    fe_pack(&q.z2, &f);
    ge_neutral(r);
    for (int j = 63; j >= 0; j--) {
        ge_double(r, r, 1);
        index = 0;
        for (int k = 0; k < 4; k++) {
            index |= (uint32_t)(c[8 * k + (j >> 3)] >> (j & 7) & 1) << k;
        }
        sign = 1 ^ (index >> 3);
        index = (index ^ -sign) & 7;
        pick(w, COMB, 24, index);
        swap(w, w + 8, 8, sign);
        unpack_coordinate(&q.plus, w);
        unpack_coordinate(&q.minus, w + 8);
        unpack_coordinate(&q.t2d, w + 16);
        ge_add(r, r, &q, sign, j == 0);
    }
}
