// curve25519.c: the one file to compile. All parts are static functions of this unit, so
// that the compiler sees the whole and a native .mpy needs no linking between them.

#include <string.h>
#include "curve25519.h"
#include "symmetric.h"  // sc_sha512, sc_equal, sc_wipe
#include "constants.h"
#include "fe.h"

// Zeroes the stack below the caller. Every entry point that touches a secret runs its work
// in a function of its own (never inlined) and then calls this, so that the locals and
// spilled registers of all that ran are overwritten at once.
// tests/native/test_stack_wiped.py measures that it reaches deep enough.
#if SC_FE == 51
#define BURN 4096
#elif SC_FE == 13
#define BURN 3200
#else
#define BURN 2560
#endif
static __attribute__((noinline)) void burn(void) {
    uint8_t frame[BURN];
    sc_wipe(frame, sizeof frame);
}

// 1 if x = 0, else 0. The asm hides where n and the result come from: compilers know
// (x | -x) >> 31 for a comparison with zero, and LLVM made branches of that on Xtensa.
static inline uint32_t is_zero(uint32_t x) {
    uint32_t n = -x;
    __asm__("" : "+r"(n));
    n = 1 ^ ((x | n) >> 31);
    __asm__("" : "+r"(n));
    return n;
}

#include "fe.c"
#include "scalar.c"
#include "edwards.c"
#include "base.c"
#include "x25519.c"
#include "ristretto.c"
#include "bd.c"
#include "ed25519.c"
