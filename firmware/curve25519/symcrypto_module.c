// The MicroPython module symcrypto: BLAKE2b, XSalsa20-Poly1305, scrypt, comparison, wiping.
// The /// lines are the type stub (stubs.py makes symcrypto.pyi of them).

#include "port.h"

/// def blake2b(size: int, key: bytes, salt: bytes, person: bytes, *parts: bytes) -> bytes:
///     """BLAKE2b (RFC 7693) of the concatenated parts. size 1..64, key 0..64, salt and person 0..16 bytes."""
/// def blake2b_into(out: bytearray, key: bytes, salt: bytes, person: bytes, *parts: bytes) -> bytearray:
///     """The same into out (1..64 bytes), which may overlap any argument. Returns out."""
static void hash(uint8_t *out, size_t size, size_t n_args, const mp_obj_t *args) {
    for (size_t i = 4; i < n_args; i++) {
        buffer(args[i], "parts", MP_BUFFER_READ);
    }
    sc_bytes key = get(args[1], "key", MP_BUFFER_READ, 0, 64);
    sc_bytes salt = get(args[2], "salt", MP_BUFFER_READ, 0, 16);
    sc_bytes person = get(args[3], "person", MP_BUFFER_READ, 0, 16);
    sc_blake2b s;
    sc_blake2b_init(&s, size, key.p, key.n, salt.p, salt.n, person.p, person.n);
    for (size_t i = 4; i < n_args; i++) {
        sc_bytes part = buffer(args[i], "parts", MP_BUFFER_READ);
        sc_blake2b_update(&s, part.p, part.n);
    }
    sc_blake2b_final(&s, out);
    sc_burn();
}

// An int argument of 1..most, said in `text`. Up to 2^30 - 1: what every port keeps in a small int.
static __attribute__((noinline)) uint32_t get_number(mp_obj_t o, const char *name, mp_int_t most, const char *text) {
    if (!mp_obj_is_small_int(o)) {
        fail_type(name, "must be an integer");
    }
    mp_int_t value = MP_OBJ_SMALL_INT_VALUE(o);
    if (value < 1 || value > most) {
        fail_value(name, text);
    }
    return (uint32_t)value;
}
#define GET_NUMBER(o, name) get_number((o), (name), 0x3fffffff, "must be 1 to 1073741823")

static mp_obj_t blake2b(size_t n_args, const mp_obj_t *args) {
    uint32_t size = get_number(args[0], "size", 64, "must be 1 to 64");
    uint8_t digest[64];
    hash(digest, size, n_args, args);
    mp_obj_t result = mp_obj_new_bytes(digest, size);
    sc_wipe(digest, sizeof digest);
    return result;
}
SC_FUNCTION(blake2b, 4, SC_ANY);

static mp_obj_t blake2b_into(size_t n_args, const mp_obj_t *args) {
    sc_bytes out = get(args[0], "out", MP_BUFFER_RW, 1, 64);
    hash(out.p, out.n, n_args, args);
    return args[0];
}
SC_FUNCTION(blake2b_into, 4, SC_ANY);

// --- XSalsa20 and secretbox: seal, open and plain stream share one checked entry -----

enum { SEAL, OPEN, STREAM };

static __attribute__((noinline)) mp_obj_t cipher(int what, size_t n_args, const mp_obj_t *args) {
    sc_bytes key_nonce[2];
    get_all(SC_ARG("key", "\x20") SC_ARG("nonce", "\x18"), args, key_nonce);
    const uint8_t *key = key_nonce[0].p, *nonce = key_nonce[1].p;
    sc_bytes in = get(args[2], what == SEAL ? "pt" : what == OPEN ? "box" : "data", MP_BUFFER_READ,
        what == OPEN ? 16 : 0, SIZE_MAX);
    size_t n = what == SEAL ? in.n + 16 : what == OPEN ? in.n - 16 : in.n;
    uint8_t *out = get_out(n_args, args, 3, n);
    // Without out the result is made aside and copied once: MicroPython gives native modules
    // no way to fill a new bytes object in place.
    uint8_t *to = out ? out : m_new(uint8_t, n + 1);
    int good = 1;
    if (what == SEAL) {
        sc_secretbox_seal(to, key, nonce, in.p, in.n);
    } else if (what == OPEN) {
        good = sc_secretbox_open(to, key, nonce, in.p, in.n);
    } else {
        sc_xsalsa20 s;
        sc_xsalsa20_init(&s, key, nonce);
        sc_xsalsa20_xor(&s, to, in.p, n);
        sc_wipe(&s, sizeof s);
    }
    sc_burn();
    if (out) {
        return good ? args[3] : mp_const_none;
    }
    mp_obj_t result = good ? mp_obj_new_bytes(to, n) : mp_const_none;
    sc_wipe(to, n);
    m_del(uint8_t, to, n + 1);
    return result;
}

/// def secretbox(key: bytes, nonce: bytes, pt: bytes, out: bytearray | None = None) -> bytes:
///     """XSalsa20-Poly1305 (NaCl): tag (16) || ciphertext. key 32, nonce 24, out len(pt) + 16 bytes.
///
///     All arguments may overlap out in any way: to seal in place let pt be out[16:].
///     """
static mp_obj_t secretbox(size_t n_args, const mp_obj_t *args) {
    return cipher(SEAL, n_args, args);
}
SC_FUNCTION(secretbox, 3, 4);

/// def secretbox_open(key: bytes, nonce: bytes, box: bytes, out: bytearray | None = None) -> bytes | None:
///     """The text of a box of 16 bytes or more, or None if it is not genuine; then out is not written.
///
///     All arguments may overlap out in any way: to open in place let out be box[16:].
///     """
static mp_obj_t secretbox_open(size_t n_args, const mp_obj_t *args) {
    return cipher(OPEN, n_args, args);
}
SC_FUNCTION(secretbox_open, 3, 4);

/// def xsalsa20_xor(key: bytes, nonce: bytes, data: bytes, out: bytearray | None = None) -> bytes:
///     """data xor the XSalsa20 key stream. key 32, nonce 24, out len(data) bytes; all may overlap out in any way."""
static mp_obj_t xsalsa20_xor(size_t n_args, const mp_obj_t *args) {
    return cipher(STREAM, n_args, args);
}
SC_FUNCTION(xsalsa20_xor, 3, 4);

// --- scrypt -------------------------------------------------------------------------

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

/// def scrypt_cost(n: int, r: int, p: int, mem: int) -> int:
///     """Expected number of block mixes with mem bytes of memory (2 * n * p with all of it)."""
static mp_obj_t scrypt_cost(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    uint32_t n, r, p;
    size_t least = get_parameters(args, &n, &r, &p);
    uint32_t memory = GET_NUMBER(args[3], "mem");
    if (memory < least) {
        fail_value("mem", "is too small for r and p");
    }
    return mp_obj_new_int_from_uint(sc_scrypt_cost(n, r, p, memory));
}
SC_FUNCTION(scrypt_cost, 4, 4);

/// def scrypt_begin(memory: bytearray, password: bytes, salt: bytes, n: int, r: int, p: int) -> None:
///     """Starts scrypt (RFC 7914) in memory; its length decides how much is recomputed. The result does not depend on it."""
static mp_obj_t scrypt_begin(size_t n_args, const mp_obj_t *args) {
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
SC_FUNCTION(scrypt_begin, 6, 6);

static __attribute__((noreturn)) void not_begun(void) {
    fail_value("memory", "holds no scrypt computation at this stage");
}

/// def scrypt_step(memory: bytearray, mixes: int) -> bool:
///     """Runs that many block mixes; True when all are done. Feed the watchdog between two steps."""
static mp_obj_t scrypt_step(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    sc_bytes memory = get_memory(args[0]);
    int state = sc_scrypt_step(memory.p, memory.n, GET_NUMBER(args[1], "mixes"));
    sc_burn();
    if (state < 0) {
        not_begun();
    }
    return mp_obj_new_bool(state);
}
SC_FUNCTION(scrypt_step, 2, 2);

/// def scrypt_end(memory: bytearray, out: bytearray) -> bytearray:
///     """After scrypt_step returned True: the key, as long as out; wipes memory. Returns out."""
static mp_obj_t scrypt_end(size_t n_args, const mp_obj_t *args) {
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
SC_FUNCTION(scrypt_end, 2, 2);

// --- compare, wipe --------------------------------------------------------------------

/// def equal(a: bytes, b: bytes) -> bool:
///     """Compares in time that depends on the lengths alone; False if they differ."""
static mp_obj_t equal(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    sc_bytes a = buffer(args[0], "a", MP_BUFFER_READ);
    sc_bytes b = buffer(args[1], "b", MP_BUFFER_READ);
    return mp_obj_new_bool(a.n == b.n && sc_equal(a.p, b.p, a.n));
}
SC_FUNCTION(equal, 2, 2);

/// def wipe(b: bytearray) -> None:
///     """Zeroes a writable buffer in place."""
static mp_obj_t wipe(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    sc_bytes b = buffer(args[0], "b", MP_BUFFER_RW);
    sc_wipe(b.p, b.n);
    return mp_const_none;
}
SC_FUNCTION(wipe, 1, 1);

#define FUNCTIONS(X) \
    X(MP_QSTR_blake2b, blake2b_obj) \
    X(MP_QSTR_blake2b_into, blake2b_into_obj) \
    X(MP_QSTR_secretbox, secretbox_obj) \
    X(MP_QSTR_secretbox_open, secretbox_open_obj) \
    X(MP_QSTR_xsalsa20_xor, xsalsa20_xor_obj) \
    X(MP_QSTR_scrypt_cost, scrypt_cost_obj) \
    X(MP_QSTR_scrypt_begin, scrypt_begin_obj) \
    X(MP_QSTR_scrypt_step, scrypt_step_obj) \
    X(MP_QSTR_scrypt_end, scrypt_end_obj) \
    X(MP_QSTR_equal, equal_obj) \
    X(MP_QSTR_wipe, wipe_obj)

SC_MODULE(MP_QSTR_symcrypto, FUNCTIONS, symcrypto)
#if !MICROPY_ENABLE_DYNRUNTIME
MP_REGISTER_MODULE(MP_QSTR_symcrypto, symcrypto_module);
#endif
