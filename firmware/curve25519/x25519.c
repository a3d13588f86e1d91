// x25519.c: RFC 7748 section 5, the Montgomery ladder.

// One step: from (x2:z2) = m P and (x3:z3) = (m+1) P to their double and, if it is wanted, their
// sum, where `swap` says that it is the second one that is doubled. The sum does not care about the
// order (D A and C B change places, D A - C B is squared), so nothing is swapped; only the
// operands of the doubling are selected.
typedef struct {
    fe x1, x2, z2, x3, z3, a, b, c, d;
} ladder;

static inline __attribute__((always_inline)) void ladder_step(ladder *l, uint32_t swap, int sum) {
    fe_addsub(&l->a, &l->b, &l->x2, &l->z2);
    fe_addsub(&l->c, &l->d, &l->x3, &l->z3);
    fe_sqr_select(&l->x2, &l->a, &l->c, swap);      // AA
    fe_sqr_select(&l->z2, &l->b, &l->d, swap);      // BB
    if (sum) {
        fe_mul(&l->d, &l->d, &l->a);                // DA
        fe_mul(&l->c, &l->c, &l->b);                // CB
        fe_addsub(&l->x3, &l->z3, &l->d, &l->c);
        fe_sqr(&l->x3, &l->x3);
        fe_sqr(&l->z3, &l->z3);
        fe_mul(&l->z3, &l->z3, &l->x1);
    }
    fe_sub(&l->a, &l->x2, &l->z2);                  // E
    fe_addmul_a24(&l->b, &l->x2, &l->a);            // AA + a24 E
    fe_mul(&l->x2, &l->x2, &l->z2);
    fe_mul(&l->z2, &l->a, &l->b);
}

// k u as x2 / z2. Clamping makes bit 254 of k one, so that the first step doubles P beside P, and bits 0 to 2 zero, so
// that the last three are doublings too.
static __attribute__((noinline)) void climb(ladder *l, const uint8_t k[32], const uint8_t u[32]) {
    uint8_t e[32];
    uint32_t last = 0, bit;
    memcpy(e, k, 32);
    e[0] &= 248;
    e[31] = (e[31] & 127) | 64;
    fe_frombytes(&l->x1, u);
    fe_frombytes(&l->x2, u);
    fe_frombytes(&l->x3, u);
    fe_small(&l->z2, 1);
    fe_small(&l->z3, 1);
    for (uint32_t i = 254; i < 255; i--) {
        bit = e[i >> 3] >> (i & 7) & 1;
        ladder_step(l, last ^ bit, i - 3 < 251);
        last = bit;
    }
}

static __attribute__((noinline)) void x25519(uint8_t out[32], const uint8_t k[32], const uint8_t u[32]) {
    ladder l;
    climb(&l, k, u);
    fe_invert(&l.a, &l.z2);
    fe_mul(&l.a, &l.a, &l.x2);
    fe_tobytes(out, &l.a);
}

void sc_x25519(uint8_t out[32], const uint8_t k[32], const uint8_t u[32]) {
    x25519(out, k, u);
    burn();
}

// One inversion for all (Montgomery's trick): p = product of the z2, each kept with x2 and the product before it; then,
// from the last on, 1 / z2 = product before it / p. A single z2 = 0 makes p = 0, and that is the answer.
static SC_RARE uint32_t column(uint8_t *room, const uint8_t k[32], const uint8_t *us, size_t n, size_t skip) {
    ladder l;
    fe p;
    uint8_t *at = room, *to = room;
    uint32_t zero;
    fe_small(&p, 1);
    for (size_t i = 0; i < n; i++, us += 32) {
        if (i != skip) {
            climb(&l, k, us);
            fe_tobytes(at, &l.x2);
            fe_tobytes(at + 32, &l.z2);
            fe_tobytes(at + 64, &p);
            fe_mul(&p, &p, &l.z2);
            at += 96;
        }
    }
    zero = fe_iszero(&p);
    fe_invert(&p, &p);
    while (at != room) {
        at -= 96;
        fe_frombytes(&l.a, at + 64);
        fe_mul(&l.a, &l.a, &p);
        fe_frombytes(&l.b, at + 32);
        fe_mul(&p, &p, &l.b);
        fe_frombytes(&l.b, at);
        fe_mul(&l.a, &l.a, &l.b);
        fe_tobytes(at, &l.a);
    }
    for (size_t i = 1; i < n; i++, to += 32, at += 96) {
        sc_copy(to, at, 32);
    }
    return zero;
}

int sc_x25519_column(uint8_t *room, const uint8_t k[32], const uint8_t *us, size_t n, size_t skip) {
    uint32_t zero = column(room, k, us, n, skip);
    burn();
    return !SC_PUBLIC(zero);
}

// Through the Edwards form of the base point: u = (Z + Y) / (Z - Y). A clamped k is never
// a multiple of l, so Z - Y is not zero.
static __attribute__((noinline)) void x25519_base(uint8_t out[32], const uint8_t k[32]) {
    ge p;
    uint8_t e[32];
    memcpy(e, k, 32);
    e[0] &= 248;
    e[31] = (e[31] & 127) | 64;
    scalar_mod(e, e, 32);
    ge_mul_base(&p, e);
    fe_sub(&p.X, &p.Z, &p.Y);
    fe_add(&p.Y, &p.Z, &p.Y);
    fe_invert(&p.X, &p.X);
    fe_mul(&p.X, &p.X, &p.Y);
    fe_tobytes(out, &p.X);
}

void sc_x25519_base(uint8_t out[32], const uint8_t k[32]) {
    x25519_base(out, k);
    burn();
}
