// What an operation leaves on the stack. STACK_PROGRAM lists OP(name, prepare, run, secret, its bytes).
//
// Below this frame the stack is painted, the operation runs there, and the paint that is gone tells how deep it went.
// Then BURN() runs as in the bindings (sc_burn, or nothing where operations burn their own), and the same stretch is
// searched for the secret and for the result.
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include STACK_INCLUDES

#define DEPTH 32768
#define PAINT 0xa7

static uint8_t a[256], b[256], c[256], d[4096], e[4096], f[2 << 20];
static uint64_t random_state = SEED;

static void refill(uint8_t *p, size_t n) {
    for (size_t i = 0; i < n; i++) {
        random_state ^= random_state << 13;
        random_state ^= random_state >> 7;
        random_state ^= random_state << 17;
        p[i] = (uint8_t)(random_state >> 32);
    }
}

static __attribute__((noinline)) void paint(void) {
    volatile uint8_t area[DEPTH + 256];
    for (size_t i = 0; i < sizeof area; i++) {
        area[i] = PAINT;
    }
}

// The stretch is copied first: searching it with calls would write over it.
static uint8_t seen[DEPTH];
#define LOOK() \
    do { \
        volatile uint8_t *bottom = (volatile uint8_t *)__builtin_frame_address(0) - DEPTH; \
        for (size_t i = 0; i < DEPTH; i++) { \
            seen[i] = bottom[i]; \
        } \
    } while (0)

static size_t depth(void) {
    size_t i = 0;
    while (i < DEPTH && seen[i] == PAINT) {
        i++;
    }
    return DEPTH - i;
}

// Eight bytes in a row of the secret anywhere: less than any key or half of one.
static int found(const uint8_t *secret, size_t n) {
    for (size_t i = 0; i + 8 <= n; i++) {
        for (size_t j = 0; j + 8 <= DEPTH; j++) {
            if (!memcmp(secret + i, seen + j, 8)) {
                return 1;
            }
        }
    }
    return 0;
}

// The proof that the search finds something: a function that leaves its argument behind.
static __attribute__((noinline)) void leak(const uint8_t *secret) {
    volatile uint8_t copy[64];
    for (size_t i = 0; i < 32; i++) {
        copy[i] = secret[i];
    }
}

#define OP(name, prepare, run, secret, size) \
    static __attribute__((noinline)) void prepare_##name(void) { prepare; } \
    static __attribute__((noinline)) void run_##name(void) { run; } \
    static __attribute__((noinline)) void check_##name(void) { \
        refill(a, sizeof a), refill(b, sizeof b), refill(c, sizeof c), refill(d, sizeof d); \
        prepare_##name(); \
        paint(); \
        run_##name(); \
        LOOK(); \
        size_t deep = depth(); \
        paint(); \
        run_##name(); \
        BURN(); \
        LOOK(); \
        printf(#name " %zu %d %d\n", deep, found(secret, size), found(a, 64)); \
    }
#include STACK_PROGRAM
#undef OP

int main(void) {
#define OP(name, prepare, run, secret, size) check_##name();
#include STACK_PROGRAM
    return 0;
}
