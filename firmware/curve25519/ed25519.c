// ed25519.c: RFC 8032 section 5.1, signatures without context.

// Secret scalar (clamped, mod l) in h[0..32), prefix in h[32..64).
FE_FUNCTION void expand_seed(uint8_t h[64], const uint8_t seed[32]) {
    sc_sha512(h, seed, 32, seed, 0, seed, 0);
    h[0] &= 248;
    h[31] = (h[31] & 63) | 64;
    scalar_mod(h, h, 32);
}

static __attribute__((noinline)) void ed25519_public(uint8_t out[32], const uint8_t seed[32]) {
    ge p;
    uint8_t h[64];
    expand_seed(h, seed);
    ge_mul_base(&p, h);
    ge_encode(out, &p);
}

void sc_ed25519_public(uint8_t out[32], const uint8_t seed[32]) {
    ed25519_public(out, seed);
    burn();
}

static SC_RARE void ed25519_sign(uint8_t sig[64], const uint8_t seed[32], const uint8_t public_key[32],
    const uint8_t *msg, size_t len) {
    ge p;
    uint8_t h[64], r[64], k[64], R[32];
    expand_seed(h, seed);
    sc_sha512(r, h + 32, 32, msg, len, msg, 0);
    scalar_mod(r, r, 64);
    ge_mul_base(&p, r);
    ge_encode(R, &p);
    sc_sha512(k, R, 32, public_key, 32, msg, len);
    scalar_mod(k, k, 64);
    scalar_muladd(k, k, h, r);  // S = k a + r
    memcpy(sig, R, 32);
    memcpy(sig + 32, k, 32);
}

void sc_ed25519_sign(uint8_t sig[64], const uint8_t seed[32], const uint8_t public_key[32],
    const uint8_t *msg, size_t len) {
    ed25519_sign(sig, seed, public_key, msg, len);
    burn();
}

// 1 if 8 p is the neutral element: p is one of the eight points of small order.
static uint32_t small_order(const ge *p) {
    ge q;
    ge_double(&q, p, 0);
    ge_double(&q, &q, 0);
    ge_double(&q, &q, 0);
    fe_sub(&q.Y, &q.Y, &q.Z);
    return fe_iszero(&q.X) & fe_iszero(&q.Y);
}

// 5.1.3, negated: p = -A. 0 if the y is not canonical, not on the curve, or A of small
// order (which includes x = 0 with the sign bit set).
static uint32_t decode_negated(ge *p, const uint8_t in[32]) {
    fe u, v;
    uint8_t canonical[32];
    uint32_t ok;
    fe_frombytes(&p->Y, in);
    fe_tobytes(canonical, &p->Y);
    canonical[31] |= in[31] & 0x80;
    ok = (uint32_t)sc_equal(canonical, in, 32);
    fe_small(&p->Z, 1);
    fe_sqr(&u, &p->Y);
    fe_const(&v, K_D);
    fe_mul(&v, &v, &u);
    fe_add(&v, &v, &p->Z);               // d y^2 + 1
    fe_carry(&v);
    fe_sub(&u, &u, &p->Z);               // y^2 - 1
    fe_carry(&u);
    ok &= fe_sqrt_ratio(&p->X, &u, &v);
    fe_neg(&u, &p->X);                   // sqrt_ratio gave the even root
    fe_carry(&u);
    fe_cmov(&p->X, &u, 1 ^ (in[31] >> 7));
    fe_mul(&p->T, &p->X, &p->Y);
    return ok & (1 ^ small_order(p));
}

// R' = S B - k A must encode to R, byte for byte, and not be of small order. Nothing here
// is secret; the constant-time functions are used because they are there. R' is one sum: the
// comb of S B rides on the doublings of k A.
SC_RARE int sc_ed25519_verify(const uint8_t public_key[32], const uint8_t sig[64], const uint8_t *msg, size_t len) {
    ge p;
    comb b;
    uint8_t k[64];
    if (!scalar_canonical(sig + 32) || !decode_negated(&p, public_key)) {
        return 0;
    }
    sc_sha512(k, sig, 32, public_key, 32, msg, len);
    scalar_mod(k, k, 64);
    comb_begin(&b, sig + 32);
    ge_mul(&p, k, &p, &b);
    if (small_order(&p)) {
        return 0;
    }
    ge_encode(k, &p);
    return sc_equal(k, sig, 32);
}
