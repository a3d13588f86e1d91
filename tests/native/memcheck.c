// Runs each operation under valgrind with its secrets marked as undefined memory: memcheck then reports every branch
// and every address that depends on them. Prints one line an operation: its name and the number of such reports.
// PROGRAM lists OP(name, prepare, poison, run); see test_constant_time.py.
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <valgrind/memcheck.h>

static uint8_t a[256], b[256], c[256], d[4096], e[4096] __attribute__((aligned(16)));

#define SECRET(pointer, size) (void)VALGRIND_MAKE_MEM_UNDEFINED(pointer, size)

static uint64_t random_state = SEED;
static void refill(uint8_t *p, size_t size) {
    for (size_t i = 0; i < size; i++) {
        random_state ^= random_state << 13;
        random_state ^= random_state >> 7;
        random_state ^= random_state << 17;
        p[i] = random_state >> 24;
    }
}

// Two that leak, to show that the method sees it.
static void leak_by_branch(void) {
    if (b[0] & 1) {
        a[0]++;
    }
}
static void leak_by_address(void) {
    a[0] = d[b[0]];
}

#define OP(name, prepare, poison, run) \
    static __attribute__((noinline)) void prepare_##name(void) { prepare; } \
    static __attribute__((noinline)) void poison_##name(void) { poison; } \
    static __attribute__((noinline)) void run_##name(void) { run; }
#include PROGRAM
#undef OP

typedef struct { const char *name; void (*prepare)(void), (*poison)(void), (*run)(void); } op_t;
#define OP(name, prepare, poison, run) { #name, prepare_##name, poison_##name, run_##name },
static const op_t ops[] = {
#include PROGRAM
};

int main(void) {
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        refill(a, sizeof(a));
        refill(b, sizeof(b));
        refill(c, sizeof(c));
        refill(d, sizeof(d));
        ops[i].prepare();
        unsigned before = VALGRIND_COUNT_ERRORS;
        ops[i].poison();
        ops[i].run();
        unsigned found = VALGRIND_COUNT_ERRORS - before;
        (void)VALGRIND_MAKE_MEM_DEFINED(a, sizeof(a));
        (void)VALGRIND_MAKE_MEM_DEFINED(b, sizeof(b));
        (void)VALGRIND_MAKE_MEM_DEFINED(c, sizeof(c));
        (void)VALGRIND_MAKE_MEM_DEFINED(d, sizeof(d));
        (void)VALGRIND_MAKE_MEM_DEFINED(e, sizeof(e));
        printf("%s %u\n", ops[i].name, found);
    }
    return 0;
}
