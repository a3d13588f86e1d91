// bytes.h: the two things both modules do to secret bytes.
#ifndef SC_BYTES_H
#define SC_BYTES_H

#include <stddef.h>
#include <stdint.h>

// Zeroes n bytes. The empty asm tells the compiler that the memory is looked at
// afterwards, so that it cannot drop the stores.
static inline void sc_wipe(void *p, size_t n) {
    __builtin_memset(p, 0, n);
    __asm__ volatile("" : : "r"(p) : "memory");
}

// 1 if the n bytes are equal, else 0; time depends on n only.
static inline int sc_equal(const uint8_t *a, const uint8_t *b, size_t n) {
    uint32_t d = 0;
    for (size_t i = 0; i < n; i++) {
        d |= (uint32_t)(a[i] ^ b[i]);
        __asm__ volatile("" : "+r"(d));  // no early exit, whatever the compiler learns
    }
    return (int)(((d - 1) >> 8) & 1);
}

#endif
