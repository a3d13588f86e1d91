// Word arithmetic that stays free of data-dependent branches on every core.
//
// * Xtensa (LX6) has no carry flag and no set-less-than: compilers turn the carry of a
//   64-bit addition into a branch on the data. sc_add64 makes the carry from logic there.
// * Cortex-M0+ has no 32x32->64 multiplication, and libgcc's branches on its operands:
//   sc_mul64 builds it from 16-bit halves there.
// * 64-bit rotations by constants become two 32-bit funnels, so that no compiler asks
//   libgcc (absent in a native .mpy) for a shift helper.

#ifndef SC_WORDS_H
#define SC_WORDS_H

#include <stdint.h>
#include <string.h>

static inline uint32_t sc_load32(const uint8_t *p) {
    uint32_t w;
    memcpy(&w, p, 4);  // may be unaligned; one load where the core allows it
    return w;
}

static inline uint32_t sc_rotl32(uint32_t x, unsigned n) {
    return (x << n) | (x >> (32 - n));
}

// The loads and stores of whole words below go through this type: it may alias bytes.
typedef uint32_t __attribute__((may_alias)) sc_word;

static inline int sc_aligned(const void *p) {
    return ((uintptr_t)p & 3) == 0;
}

#if defined(__XTENSA__)
static inline uint64_t sc_add64(uint64_t a, uint64_t b) {
    uint32_t al = (uint32_t)a, bl = (uint32_t)b, low = al + bl;
    uint32_t carry = ((al & bl) | ((al | bl) & ~low)) >> 31;
    uint32_t high = (uint32_t)(a >> 32) + (uint32_t)(b >> 32) + carry;
    return ((uint64_t)high << 32) | low;
}
#else
static inline uint64_t sc_add64(uint64_t a, uint64_t b) {
    return a + b;
}
#endif

#if defined(__ARM_ARCH_6M__)
static inline uint64_t sc_mul64(uint32_t a, uint32_t b) {
    uint32_t al = a & 0xffff, ah = a >> 16, bl = b & 0xffff, bh = b >> 16;
    uint32_t low = al * bl;
    uint32_t mid = ah * bl + (low >> 16);           // <= (2^16-1)^2 + 2^16-1 < 2^32
    uint32_t mid2 = al * bh + (mid & 0xffff);       // likewise
    uint32_t high = ah * bh + (mid >> 16) + (mid2 >> 16);
    return ((uint64_t)high << 32) | ((mid2 << 16) | (low & 0xffff));
}
#else
static inline uint64_t sc_mul64(uint32_t a, uint32_t b) {
    return (uint64_t)a * b;
}
#endif

// Rotation to the right by a constant n, 0 < n < 64, n != 32 except through the halves.
static inline uint64_t sc_rotr64(uint64_t x, unsigned n) {
#if UINTPTR_MAX > 0xffffffff
    return (x >> n) | (x << (64 - n));
#else
    uint32_t low = (uint32_t)x, high = (uint32_t)(x >> 32), t;
    if (n >= 32) {
        t = low, low = high, high = t;
        n -= 32;
    }
    if (n) {
        t = (low >> n) | (high << (32 - n));
        high = (high >> n) | (low << (32 - n));
        low = t;
    }
    return ((uint64_t)high << 32) | low;
#endif
}

static inline uint64_t sc_shr64(uint64_t x, unsigned n) {  // 0 < n < 32
    uint32_t low = (uint32_t)x, high = (uint32_t)(x >> 32);
    return ((uint64_t)(high >> n) << 32) | ((low >> n) | (high << (32 - n)));
}

static inline uint32_t sc_bswap32(uint32_t x) {
    return (x >> 24) | (x >> 8 & 0xff00) | (x << 8 & 0xff0000) | (x << 24);
}

#endif
