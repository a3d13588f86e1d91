// edwards.c: the curve -x^2 + y^2 = 1 + d x^2 y^2 in extended coordinates (X:Y:Z:T),
// x = X/Z, y = Y/Z, x y = T/Z (Hisil, Wong, Carter, Dawson 2008), whose addition is
// complete: no special cases, hence none to hide.
// Points handed from function to function have reduced coordinates. Numbers in the
// comments are weights as fe.h defines them.

typedef struct {
    fe X, Y, Z, T;
} ge;

// A point prepared for being added many times: Y + X, Y - X, 2Z, 2dT. Weights 2, 3, 2, 1.
typedef struct {
    fe_packed plus, minus, z2, t2d;
} ge_cached;

typedef uint32_t __attribute__((may_alias)) word;

// Exchanges n words if bit is 1.
FE_FUNCTION void swap(void *a, void *b, size_t n, uint32_t bit) {
    word *x = a, *y = b;
    uint32_t t, mask = -bit;
    __asm__("" : "+r"(mask));
#pragma GCC unroll 4
    for (; n; n--) {
        t = (*x ^ *y) & mask;
        *x++ ^= t;
        *y++ ^= t;
    }
}

// out = entry `index` of a table of 8 entries of n words, zeros for any other index;
// reads all of it, whatever the index.
FE_FUNCTION void pick(void *out, const void *table, size_t n, uint32_t index) {
    const word *in = table;
    word *to = out;
    uint32_t mask[8];
    for (uint32_t j = 0; j < 8; j++) {
        mask[j] = -is_zero(j ^ index);
        __asm__("" : "+r"(mask[j]));
    }
    for (size_t i = n; i; i--, in++) {
        *to++ = (in[0] & mask[0]) | (in[n] & mask[1]) | (in[2 * n] & mask[2]) | (in[3 * n] & mask[3])
            | (in[4 * n] & mask[4]) | (in[5 * n] & mask[5]) | (in[6 * n] & mask[6]) | (in[7 * n] & mask[7]);
    }
}

FE_FUNCTION void ge_neutral(ge *p) {
    fe_small(&p->X, 0);
    fe_small(&p->Y, 1);
    fe_small(&p->Z, 1);
    fe_small(&p->T, 0);
}

// The common end of doubling and addition: (X:Y:Z:T) = (E F : G H : F G : E H).
// With 13-bit limbs E F would not fit: they define FE_CARRY_F, and F is carried first.
FE_FUNCTION void ge_finish(ge *r, const fe *e, fe *f, const fe *g, const fe *h, int want_t) {
#ifdef FE_CARRY_F
    fe_carry(f);
#endif
    fe_mul(&r->X, e, f);
    fe_mul(&r->Y, g, h);
    fe_mul(&r->Z, f, g);
    if (want_t) {
        fe_mul(&r->T, e, h);
    }
}

// r = 2 p; p's T is not read, r's only written if want_t. All four of the published
// E, F, G, H are negated here, so that every subtrahend is a reduced element.
static void ge_double(ge *r, const ge *p, int want_t) {
    fe a, b, e, f, g;
    fe_add(&e, &p->X, &p->Y);    // 2
    fe_sqr(&e, &e);
    fe_sqr(&a, &p->X);
    fe_sqr(&b, &p->Y);
    fe_sqr(&f, &p->Z);
    fe_add(&f, &f, &f);
    fe_addsub(&a, &g, &a, &b);   // H = A + B, G = A - B   2, 3
    fe_add(&f, &f, &g);          // F = 2 Z^2 + A - B      5
    fe_sub(&e, &a, &e);          // E = A + B - (X + Y)^2  4
    ge_finish(r, &e, &f, &g, &a, want_t);
}

// r = p + q, or p - q if negate and the caller has exchanged q's plus and minus (that and
// the exchange of F and G, the signs of X and T, is all of it); r may be p.
static void ge_add(ge *r, const ge *p, const ge_cached *q, uint32_t negate, int want_t) {
    fe a, b, c, d, t;
    fe_addsub(&b, &t, &p->Y, &p->X);               // 2, 3
    fe_mul(&a, &t, FE_UNPACK(&q->minus, &a));      // A = (Y1 - X1)(Y2 - X2)
    fe_mul(&b, &b, FE_UNPACK(&q->plus, &t));       // B = (Y1 + X1)(Y2 + X2)
    fe_mul(&c, &p->T, FE_UNPACK(&q->t2d, &c));     // C = 2d T1 T2
    fe_mul(&d, &p->Z, FE_UNPACK(&q->z2, &d));      // D = 2 Z1 Z2
    fe_addsub(&d, &t, &d, &c);                     // G, F   2, 3
    fe_addsub(&b, &c, &b, &a);                     // H, E   2, 3
    swap(&t, &d, sizeof t / 4, negate);
    ge_finish(r, &c, &t, &d, &b, want_t);
}

static SC_RARE void ge_cache(ge_cached *c, const ge *p) {
    fe t;
    fe_add(&t, &p->Y, &p->X);
    fe_pack(&c->plus, &t);
    fe_sub(&t, &p->Y, &p->X);
    fe_pack(&c->minus, &t);
    fe_add(&t, &p->Z, &p->Z);
    fe_pack(&c->z2, &t);
    fe_const(&t, K_2D);
    fe_mul(&t, &t, &p->T);
    fe_pack(&c->t2d, &t);
}

typedef struct comb comb;  // another scalar, of the base point: base.c
static void comb_add(ge *r, comb *b, uint32_t j, int want_t);

// r = s p for s < l (any s < 2^255 works): 64 signed digits of 4 bits, -8 .. 7, from the
// top. r may be p. With a comb for t (else b is 0): s p + t B; its 64 columns come with the
// last 64 doublings.
static void ge_mul(ge *r, const uint8_t s[32], const ge *p, comb *b) {
    ge_cached table[8], q;  // 1 p .. 8 p
    uint8_t e[32];
    uint32_t carry = 0, digit, sign;
    for (int i = 0; i < 32; i++) {  // the digits are the nibbles of s + 0x88..88, minus 8
        carry += s[i] + 0x88u;
        e[i] = (uint8_t)carry;
        carry >>= 8;
    }
    ge_cache(&table[0], p);
    ge_double(r, p, 1);
    ge_cache(&table[1], r);
    for (int i = 2; i < 8; i++) {
        ge_add(r, r, &table[0], 0, 1);
        ge_cache(&table[i], r);
    }
    ge_neutral(r);
    for (uint32_t at = 256; at--;) {
        int whole = (at & 3) == 0, column = b != 0 && at < 64;
        ge_double(r, r, whole || column);
        if (column) {
            comb_add(r, b, at, whole);
        }
        if (whole) {
            digit = (uint32_t)(e[at >> 3] >> (at & 4) & 15) - 8;
            sign = digit >> 31;
            __asm__("" : "+r"(sign));        // else LLVM sees an absolute value: a branch on Xtensa
            digit = (digit ^ -sign) + sign;  // |digit|, 0 .. 8
            pick(&q, table, sizeof q / 4, digit - 1);
            digit = is_zero(digit);          // 0 stands for the neutral element: (1, 1, 2, 0)
            q.plus.v[0] += digit;
            q.minus.v[0] += digit;
            q.z2.v[0] += 2 * digit;
            swap(&q.plus, &q.minus, sizeof q.plus / 4, sign);
            ge_add(r, r, &q, sign, at == 0);
        }
    }
}

// RFC 8032 5.1.2. Only point encodings of the Ed25519 functions; ristretto.c has its own.
static void ge_encode(uint8_t out[32], const ge *p) {
    fe z, x;
    fe_invert(&z, &p->Z);
    fe_mul(&x, &p->X, &z);
    fe_mul(&z, &p->Y, &z);
    fe_tobytes(out, &z);
    out[31] |= (uint8_t)(fe_isneg(&x) << 7);
}
