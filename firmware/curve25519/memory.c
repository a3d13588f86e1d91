// Constant-time comparison, and wiping that the compiler cannot remove.

#include "symmetric.h"

int sc_equal(const uint8_t *a, const uint8_t *b, size_t n) {
    uint32_t difference = 0;
    for (size_t i = 0; i < n; i++) {
        difference |= (uint32_t)(a[i] ^ b[i]);
        // Hides the value from the compiler, which may otherwise leave the loop early.
        __asm__ ("" : "+r" (difference));
    }
    return (int)((difference - 1) >> 31);  // difference <= 255: borrows only from zero
}

void sc_wipe(void *p, size_t n) {
    memset(p, 0, n);
    __asm__ volatile ("" : : "r" (p) : "memory");
}

__attribute__((noinline)) void sc_burn(void) {
    uint32_t frame[SC_BURN_BYTES / 4];
    sc_wipe(frame, sizeof frame);
}
