// fe_probe.c: opens the static field and scalar functions to the tests.
#include "../../firmware/curve25519/curve25519.c"

int probe_limbs(void) {
    return FE_LIMBS;
}

int probe_limb_bytes(void) {
    return sizeof(fe_limb);
}

// One field operation on limbs as they are given (any that the bounds of the
// representation allow); the result as limbs.
void probe_fe(int op, fe *h, const fe *f, const fe *g) {
    fe t;
    switch (op) {
        case 0: fe_mul(h, f, g); break;
        case 1: fe_sqr(h, f); break;
        case 2: fe_add(h, f, g); break;
        case 3: fe_sub(h, f, g); break;
        case 4: fe_addmul_a24(h, f, g); break;
        case 5: *h = *f; fe_carry(h); break;
        case 6: fe_invert(h, f); break;
        case 7: *h = *f; fe_abs(h); break;
        case 8: fe_addsub(h, &t, f, g); break;
        case 9: { fe sum; fe_addsub(&sum, &t, f, g); *h = t; break; }
        case 10: fe_sqr_select(h, f, g, 0); break;
        case 11: fe_sqr_select(h, f, g, 1); break;
    }
}

void probe_tobytes(uint8_t s[32], const fe *f) {
    fe_tobytes(s, f);
}

void probe_frombytes(fe *h, const uint8_t s[32]) {
    fe_frombytes(h, s);
}

void probe_muladd(uint8_t out[32], const uint8_t a[32], const uint8_t b[32], const uint8_t c[32]) {
    scalar_muladd(out, a, b, c);
}

// The values of the constants table and the comb table, as encodings.
const uint8_t *probe_constants(void) {
    return (const uint8_t *)K;
}

const uint8_t *probe_comb(void) {
    return (const uint8_t *)COMB;
}
