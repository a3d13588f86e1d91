// Constant-time comparison, and wiping that the compiler cannot remove.

#include "symmetric.h"
#include "words.h"

int sc_equal(const uint8_t *a, const uint8_t *b, size_t n) {
    uint32_t difference = 0;
    for (size_t i = 0; i < n; i++) {
        difference |= (uint32_t)(a[i] ^ b[i]);
        // Hides the value from the compiler, which may otherwise leave the loop early.
        __asm__ ("" : "+r" (difference));
    }
    return (int)((difference - 1) >> 31);  // difference <= 255: borrows only from zero
}

// The barriers stop compilers from turning these loops into calls of memset and memcpy.
#define BARRIER() __asm__ volatile ("" : : : "memory")

void sc_wipe(void *p, size_t n) {
    uint8_t *b = p;
    for (; n && !sc_aligned(b); n--) {
        *b++ = 0;
    }
    for (; n >= 16; n -= 16, b += 16) {
        sc_word *w = (sc_word *)b;
        w[0] = w[1] = w[2] = w[3] = 0;
        BARRIER();
    }
    for (; n; n--) {
        *b++ = 0;
        BARRIER();
    }
}

void sc_copy(void *to, const void *from, size_t n) {
    uint8_t *t = to;
    const uint8_t *f = from;
    if (sc_aligned(t) && sc_aligned(f)) {
        for (; n >= 4; n -= 4, t += 4, f += 4) {
            *(sc_word *)t = *(const sc_word *)f;
            BARRIER();
        }
    }
    for (; n; n--) {
        *t++ = *f++;
        BARRIER();
    }
}

#if SC_BURN_BYTES
__attribute__((noinline)) void sc_burn(void) {
    uint32_t frame[SC_BURN_BYTES / 4];
    sc_wipe(frame, sizeof frame);
}
#endif
