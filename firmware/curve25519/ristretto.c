// ristretto.c: RFC 9496, the prime-order group on top of edwards.c. Names are the RFC's.

// 4.3.1. 1 and the point, or 0.
static SC_RARE int ristretto_decode(ge *p, const uint8_t in[32]) {
    fe s, ss, u1, u2, v, t;
    uint8_t canonical[32];
    uint32_t ok;
    fe_frombytes(&s, in);
    fe_tobytes(canonical, &s);
    ok = (uint32_t)sc_equal(canonical, in, 32) & (1 ^ (in[0] & 1));
    fe_sqr(&ss, &s);
    fe_small(&t, 1);
    fe_sub(&u1, &t, &ss);                // 3
    fe_add(&u2, &t, &ss);                // 2
    fe_sqr(&v, &u1);
    fe_const(&p->X, K_D);
    fe_mul(&v, &v, &p->X);
    fe_neg(&v, &v);                      // -D u1^2   2
    fe_sqr(&ss, &u2);
    fe_sub(&v, &v, &ss);                 // v         4
    fe_mul(&p->X, &v, &ss);
    ok &= fe_sqrt_ratio(&p->T, &t, &p->X);  // I
    fe_mul(&p->X, &p->T, &u2);           // den_x
    fe_mul(&p->Y, &p->T, &p->X);
    fe_mul(&p->Y, &p->Y, &v);            // den_y
    fe_mul(&p->X, &p->X, &s);
    fe_add(&p->X, &p->X, &p->X);
    fe_carry(&p->X);
    fe_abs(&p->X);
    fe_mul(&p->Y, &p->Y, &u1);
    fe_mul(&p->T, &p->X, &p->Y);
    p->Z = t;
    ok &= 1 ^ fe_isneg(&p->T);
    ok &= 1 ^ fe_iszero(&p->Y);
    return (int)ok;
}

// 4.3.2
static SC_RARE void ristretto_encode(uint8_t out[32], const ge *p) {
    fe u1, u2, t, den1, den2, z_inv, y;
    uint32_t rotate;
    fe_add(&u1, &p->Z, &p->Y);           // 2
    fe_sub(&t, &p->Z, &p->Y);            // 3
    fe_mul(&u1, &u1, &t);
    fe_mul(&u2, &p->X, &p->Y);
    fe_sqr(&t, &u2);
    fe_mul(&den2, &t, &u1);
    fe_small(&y, 1);
    fe_sqrt_ratio(&t, &y, &den2);        // invsqrt
    fe_mul(&den1, &t, &u1);
    fe_mul(&den2, &t, &u2);
    fe_mul(&z_inv, &den1, &den2);
    fe_mul(&z_inv, &z_inv, &p->T);
    fe_mul(&t, &p->T, &z_inv);
    rotate = fe_isneg(&t);
    // u1 = x, y = y after the rotation
    fe_const(&t, K_SQRT_M1);
    fe_mul(&u1, &p->Y, &t);
    fe_mul(&y, &p->X, &t);
    fe_select(&u1, &p->X, &u1, rotate);
    fe_select(&y, &p->Y, &y, rotate);
    fe_const(&t, K_INVSQRT_A_MINUS_D);
    fe_mul(&t, &t, &den1);
    fe_cmov(&den2, &t, rotate);          // den_inv
    fe_mul(&t, &u1, &z_inv);
    rotate = fe_isneg(&t);
    fe_neg(&t, &y);                      // 2
    fe_cmov(&y, &t, rotate);
    fe_carry(&y);
    fe_sub(&t, &p->Z, &y);               // 3
    fe_mul(&t, &t, &den2);
    fe_abs(&t);
    fe_tobytes(out, &t);
}

// 4.3.4, MAP: the 32 bytes (bit 255 ignored) to a point.
static SC_RARE void ristretto_elligator(ge *p, const uint8_t in[32]) {
    fe one, r, u, v, s, c, t;
    uint32_t square;
    fe_small(&one, 1);
    fe_frombytes(&t, in);
    fe_sqr(&r, &t);
    fe_const(&c, K_SQRT_M1);
    fe_mul(&r, &r, &c);                  // r = SQRT_M1 t^2
    fe_add(&u, &r, &one);
    fe_const(&c, K_ONE_MINUS_D_SQ);
    fe_mul(&u, &u, &c);
    fe_const(&c, K_D);
    fe_mul(&v, &r, &c);
    fe_add(&v, &v, &one);                // 1 + r D    2
    fe_add(&c, &c, &r);                  // r + D      2
    fe_mul(&v, &v, &c);
    fe_neg(&v, &v);
    fe_carry(&v);                        // v = (-1 - r D)(r + D)
    square = fe_sqrt_ratio(&s, &u, &v);
    fe_mul(&t, &s, &t);
    fe_abs(&t);
    fe_neg(&t, &t);
    fe_carry(&t);                        // s' = -|s t|
    fe_select(&s, &t, &s, square);
    fe_neg(&c, &one);                    // 2
    fe_carry(&c);
    fe_select(&c, &r, &c, square);       // c = -1 or r
    fe_sub(&r, &r, &one);                // 3
    fe_mul(&c, &c, &r);
    fe_const(&t, K_D_MINUS_ONE_SQ);
    fe_mul(&c, &c, &t);
    fe_sub(&c, &c, &v);                  // N          3
    fe_mul(&v, &v, &s);
    fe_add(&v, &v, &v);                  // w0 = 2 s v 2
    fe_const(&t, K_SQRT_AD_MINUS_ONE);
    fe_mul(&u, &c, &t);                  // w1
    fe_sqr(&s, &s);
    fe_sub(&t, &one, &s);                // w2         3
    fe_add(&s, &one, &s);                // w3         2
    fe_mul(&p->X, &v, &s);
    fe_mul(&p->Y, &t, &u);
    fe_mul(&p->Z, &u, &s);
    fe_mul(&p->T, &v, &t);
}

static __attribute__((noinline)) int ristretto_mul(uint8_t out[32], const uint8_t s[32], const uint8_t P[32]) {
    ge p;
    uint8_t r[32];
    if (!SC_PUBLIC(ristretto_decode(&p, P))) {
        return SC_BAD_POINT;
    }
    scalar_mod(r, s, 32);
    ge_mul(&p, r, &p, 0);
    ristretto_encode(out, &p);
    return SC_OK;
}

int sc_ristretto_mul(uint8_t out[32], const uint8_t s[32], const uint8_t P[32]) {
    int result = ristretto_mul(out, s, P);
    burn();
    return result;
}

// Points that are added or subtracted are public in the protocol; the time does not
// depend on them all the same, and the stack is wiped with the rest.
static __attribute__((noinline)) int ristretto_add(uint8_t out[32], const uint8_t P[32], const uint8_t Q[32],
    uint32_t negate) {
    ge p, q;
    ge_cached c;
    if (!SC_PUBLIC(ristretto_decode(&p, P) & ristretto_decode(&q, Q))) {
        return SC_BAD_POINT;
    }
    ge_cache(&c, &q);
    swap(&c.plus, &c.minus, sizeof c.plus / 4, negate);
    ge_add(&p, &p, &c, negate, 1);
    ristretto_encode(out, &p);
    return SC_OK;
}

int sc_ristretto_add(uint8_t out[32], const uint8_t P[32], const uint8_t Q[32]) {
    int result = ristretto_add(out, P, Q, 0);
    burn();
    return result;
}

int sc_ristretto_sub(uint8_t out[32], const uint8_t P[32], const uint8_t Q[32]) {
    int result = ristretto_add(out, P, Q, 1);
    burn();
    return result;
}

int sc_ristretto_valid(const uint8_t P[32]) {
    ge p;
    return ristretto_decode(&p, P) & sc_scalar_nonzero(P);
}

static __attribute__((noinline)) void ristretto_map(uint8_t out[32], const uint8_t uniform[64]) {
    ge p, q;
    ge_cached c;
    ristretto_elligator(&p, uniform);
    ristretto_elligator(&q, uniform + 32);
    ge_cache(&c, &q);
    ge_add(&p, &p, &c, 0, 1);
    ristretto_encode(out, &p);
}

void sc_ristretto_map(uint8_t out[32], const uint8_t uniform[64]) {
    ristretto_map(out, uniform);
    burn();
}
