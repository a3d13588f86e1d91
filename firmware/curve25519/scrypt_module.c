// The MicroPython module scrypt: RFC 7914 in bounded memory. Loaded only where a password is stretched on the board.
// The /// lines are the type stub (stubs.py makes scrypt.pyi of them).

#include "port.h"

#define GET_NUMBER(o, name) get_number((o), (name), 1, 0x3fffffff, "must be 1 to 1073741823")

// n, r, p from three arguments; returns the least memory they need.
static size_t get_parameters(const mp_obj_t *args, uint32_t *n, uint32_t *r, uint32_t *p) {
    *n = GET_NUMBER(args[0], "n");
    *r = GET_NUMBER(args[1], "r");
    *p = GET_NUMBER(args[2], "p");
    if (*n < 2 || (*n & (*n - 1))) {
        fail_value("n", "must be a power of two above 1");
    }
    size_t least = sc_scrypt_memory_min(*r, *p);
    if (!least) {
        fail_value("r", "and p ask for 2 GB or more");
    }
    return least;
}

static sc_bytes get_memory(mp_obj_t o) {
    sc_bytes memory = buffer(o, "memory", MP_BUFFER_RW);
    if ((uintptr_t)memory.p & 3) {
        fail_value("memory", "must start at a multiple of 4 bytes");
    }
    return memory;
}

static void no_overlap(sc_bytes memory, sc_bytes other, const char *name) {
    if ((uintptr_t)other.p < (uintptr_t)memory.p + memory.n && (uintptr_t)memory.p < (uintptr_t)other.p + other.n) {
        fail_value(name, "must not overlap memory");
    }
}

/// def cost(n: int, r: int, p: int, mem: int) -> int:
///     """Expected number of block mixes with mem bytes of memory (2 * n * p with all of it)."""
static mp_obj_t cost(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    uint32_t n, r, p;
    size_t least = get_parameters(args, &n, &r, &p);
    uint32_t memory = GET_NUMBER(args[3], "mem");
    if (memory < least) {
        fail_value("mem", "is too small for r and p");
    }
    return mp_obj_new_int_from_uint(sc_scrypt_cost(n, r, p, memory));
}
SC_FUNCTION(cost, 4, 4);

/// def begin(memory: bytearray, password: bytes, salt: bytes, n: int, r: int, p: int) -> None:
///     """Starts scrypt (RFC 7914) in memory; its length decides how much is recomputed, not what comes out."""
static mp_obj_t begin(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    uint32_t n, r, p;
    sc_bytes memory = get_memory(args[0]);
    sc_bytes password = buffer(args[1], "password", MP_BUFFER_READ);
    sc_bytes salt = buffer(args[2], "salt", MP_BUFFER_READ);
    if (memory.n < get_parameters(args + 3, &n, &r, &p)) {
        fail_value("memory", "is too small for r and p");
    }
    no_overlap(memory, password, "password");
    no_overlap(memory, salt, "salt");
    sc_scrypt_begin(memory.p, memory.n, n, r, p, password.p, password.n, salt.p, salt.n);
    sc_burn();
    return mp_const_none;
}
SC_FUNCTION(begin, 6, 6);

static __attribute__((noreturn)) void not_begun(void) {
    fail_value("memory", "holds no scrypt computation at this stage");
}

/// def step(memory: bytearray, mixes: int) -> bool:
///     """Runs that many block mixes; True when all are done. Feed the watchdog between two steps."""
static mp_obj_t step(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    sc_bytes memory = get_memory(args[0]);
    int state = sc_scrypt_step(memory.p, memory.n, GET_NUMBER(args[1], "mixes"));
    sc_burn();
    if (state < 0) {
        not_begun();
    }
    return mp_obj_new_bool(state);
}
SC_FUNCTION(step, 2, 2);

/// def end(memory: bytearray, out: bytearray) -> bytearray:
///     """After step returned True: the key, as long as out; wipes memory. Returns out."""
static mp_obj_t end(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    sc_bytes memory = get_memory(args[0]);
    sc_bytes out = buffer(args[1], "out", MP_BUFFER_RW);
    no_overlap(memory, out, "out");
    int state = sc_scrypt_end(memory.p, memory.n, out.p, out.n);
    sc_burn();
    if (state < 0) {
        not_begun();
    }
    return args[1];
}
SC_FUNCTION(end, 2, 2);

#define FUNCTIONS(X) \
    X(MP_QSTR_cost, cost_obj) \
    X(MP_QSTR_begin, begin_obj) \
    X(MP_QSTR_step, step_obj) \
    X(MP_QSTR_end, end_obj)

SC_MODULE(MP_QSTR_scrypt, FUNCTIONS, scrypt)
#if !MICROPY_ENABLE_DYNRUNTIME
MP_REGISTER_MODULE(MP_QSTR_scrypt, scrypt_module);
#endif
