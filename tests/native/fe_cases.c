// fe_cases.c: runs the field operations of CASES (made by test_curve_field.py) on a core.
#include "fe_probe.c"
#include "fe_cases.h"

static const struct {
    int op;
    fe f, g;
    uint32_t expected[8];
} cases[] = {
#include CASES
};

static int is_reduced(const fe *h) {
#if SC_FE == 29
    for (int i = 0; i < 8; i++) {
        if (h->v[i] >> 29) {
            return 0;
        }
    }
    return h->v[8] <= (1u << 23) + (1u << 17);
#elif SC_FE == 13
    for (int i = 0; i < 19; i++) {
        if (h->v[i] > 4099 || h->v[i] < -4099) {
            return 0;
        }
    }
    return h->v[19] <= 131 && h->v[19] >= -131;
#else
    return h != 0;
#endif
}

void fe_cases(uint8_t *failed) {
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int op = cases[i].op, sum = op == 2 || op == 3 || op == 8 || op == 9;
        failed[2 * i] = failed[2 * i + 1] = 0;
        for (int alias = 0; alias < 3; alias++) {
            fe h = {{0}}, f = cases[i].f, g = cases[i].g;
            fe *out = alias == 0 ? &h : alias == 1 ? &f : &g;
            uint32_t w[8];
            probe_fe(op, out, &f, &g);
            failed[2 * i + 1] |= !sum && !is_reduced(out);
            fe_towords(w, out);
            failed[2 * i] |= memcmp(w, cases[i].expected, 32) != 0;
        }
    }
}
