// Counts the instructions of each operation. COUNT_OPS (generated beside this file) lists them as
//   OP(name, statements that prepare, statements that are counted)
// and every run starts from fresh pseudo-random bytes in a .. f.
#include <string.h>
#include "machine.h"

static uint8_t a[256], b[256], c[256], d[4096], e[4096] __attribute__((aligned(16)));
static uint8_t f[2 << 20] __attribute__((aligned(16)));

// For operations that print intermediate values.
#define show(label, data, size) print_hex(label, data, size)

#include COUNT_INCLUDES

static uint32_t random_state = 0x9e3779b9;
static void refill(uint8_t *p, size_t size) {
    for (size_t i = 0; i < size; i++) {
        random_state ^= random_state << 13;
        random_state ^= random_state >> 17;
        random_state ^= random_state << 5;
        p[i] = random_state >> 11;
    }
}

#define OP(name, prepare, run) \
    static __attribute__((noinline)) void prepare_##name(void) { prepare; } \
    static __attribute__((noinline)) void run_##name(void) { run; }
#include COUNT_OPS
#undef OP

static void nothing(void) {
    __asm__ volatile ("");
}

typedef struct { const char *name; void (*prepare)(void), (*run)(void); } op_t;
#define OP(name, prepare, run) { #name, prepare_##name, run_##name },
static const op_t ops[] = { { "", nothing, nothing },
#include COUNT_OPS
};

static __attribute__((noinline)) uint64_t measure(void (*volatile run)(void)) {
    uint64_t t = counter();
    run();
    return SINCE(t);
}

int main(void) {
    counter_start();
    uint64_t overhead = measure(nothing);
    for (size_t i = 1; i < sizeof(ops) / sizeof(ops[0]); i++) {
        for (int run = 0; run < COUNT_RUNS; run++) {
            refill(a, sizeof(a));
            refill(b, sizeof(b));
            refill(c, sizeof(c));
            refill(d, sizeof(d));
            ops[i].prepare();
            uint64_t ticks = measure(ops[i].run) - overhead;
            print("count ");
            print(ops[i].name);
            print(" ");
            print_number((ticks * 1000 + TICKS_PER_1000_INSTRUCTIONS / 2) / TICKS_PER_1000_INSTRUCTIONS);
            print("\n");
        }
    }
    stop();
}
