// libFuzzer target: every function of curve25519.h and symmetric.h, under AddressSanitizer and
// UndefinedBehaviorSanitizer. The first byte chooses the function, the rest is its input, in heap blocks of exactly the
// right size. The curve half is linked twice, in two field representations (sc_ and alt_sc_), which must agree; other
// results are checked against what must hold: what was sealed opens, what was signed verifies, memory does not change
// scrypt.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "curve25519.h"
#include "symmetric.h"

// The same functions in the other representation: test_fuzz.py compiles curve25519.c again under these names.
void alt_sc_x25519(uint8_t *, const uint8_t *, const uint8_t *);
void alt_sc_x25519_base(uint8_t *, const uint8_t *);
int alt_sc_ristretto_mul(uint8_t *, const uint8_t *, const uint8_t *);
int alt_sc_ristretto_add(uint8_t *, const uint8_t *, const uint8_t *);
int alt_sc_ristretto_sub(uint8_t *, const uint8_t *, const uint8_t *);
int alt_sc_ristretto_valid(const uint8_t *);
void alt_sc_ristretto_map(uint8_t *, const uint8_t *);
void alt_sc_scalar_reduce(uint8_t *, const uint8_t *);
int alt_sc_bd_key(uint8_t *, const uint8_t *, const uint8_t *, size_t);
void alt_sc_ed25519_public(uint8_t *, const uint8_t *);
void alt_sc_ed25519_sign(uint8_t *, const uint8_t *, const uint8_t *, const uint8_t *, size_t);
int alt_sc_ed25519_verify(const uint8_t *, const uint8_t *, const uint8_t *, size_t);

#define MUST(condition) do { if (!(condition)) { __builtin_trap(); } } while (0)

static const uint8_t *input;
static size_t input_left;
static void *blocks[32];
static int used;

static uint8_t *block(size_t n) {
    uint8_t *p = malloc(n ? n : 1);
    MUST(p && used < 32);
    blocks[used++] = p;
    memset(p, 0xa5, n);
    return p;
}

// The next n bytes of the input, continued with zeros.
static uint8_t *take(size_t n) {
    uint8_t *p = block(n);
    size_t have = n < input_left ? n : input_left;
    memset(p, 0, n);
    if (have) {
        memcpy(p, input, have);
    }
    input += have;
    input_left -= have;
    return p;
}

static unsigned number(unsigned below) {
    uint8_t *p = take(2);
    return (p[0] | (unsigned)p[1] << 8) % below;
}

// All that is left, at most limit.
static uint8_t *rest(size_t *n, size_t limit) {
    *n = input_left < limit ? input_left : limit;
    return take(*n);
}

// A canonical point most of the time, raw input otherwise.
static uint8_t *point(void) {
    if (number(4)) {
        uint8_t *p = block(32);
        sc_ristretto_map(p, take(64));
        return p;
    }
    return take(32);
}

static void same(const uint8_t *a, const uint8_t *b, size_t n) {
    MUST(memcmp(a, b, n) == 0);
}

// --- the curve half -----------------------------------------------------------

static void try_x25519(void) {
    uint8_t *k = take(32), *u = take(32), *a = block(32), *b = block(32);
    sc_x25519(a, k, u);
    alt_sc_x25519(b, k, u);
    same(a, b, 32);
    sc_x25519(u, k, u);
    same(a, u, 32);
}

static void try_x25519_base(void) {
    uint8_t *k = take(32), *u = block(32), *a = block(32), *b = block(32);
    memset(u, 0, 32);
    u[0] = 9;
    sc_x25519_base(a, k);
    alt_sc_x25519_base(b, k);
    same(a, b, 32);
    sc_x25519(b, k, u);
    same(a, b, 32);
}

static void try_ristretto_mul(void) {
    uint8_t *s = take(32), *P = point(), *a = block(32), *b = block(32);
    int result = sc_ristretto_mul(a, s, P);
    MUST(result == alt_sc_ristretto_mul(b, s, P));
    same(a, b, 32);     // both untouched on failure
}

static void try_ristretto_add(void) {
    uint8_t *P = point(), *Q = point(), *a = block(32), *b = block(32);
    int result = sc_ristretto_add(a, P, Q);
    MUST(result == alt_sc_ristretto_add(b, P, Q));
    same(a, b, 32);
    if (result == SC_OK) {
        MUST(sc_ristretto_sub(a, a, Q) == SC_OK);   // (P + Q) - Q = P
        same(a, P, 32);
    }
    result = sc_ristretto_sub(a, P, Q);
    MUST(result == alt_sc_ristretto_sub(b, P, Q));
    if (result == SC_OK) {
        same(a, b, 32);
    }
}

static void try_ristretto_valid(void) {
    uint8_t *P = take(32);
    MUST(sc_ristretto_valid(P) == alt_sc_ristretto_valid(P));
}

static void try_ristretto_map(void) {
    uint8_t *uniform = take(64), *a = block(32), *b = block(32);
    sc_ristretto_map(a, uniform);
    alt_sc_ristretto_map(b, uniform);
    same(a, b, 32);
}

static void try_scalar(void) {
    uint8_t *wide = take(64), *a = block(32), *b = block(32), any = 0;
    sc_scalar_reduce(a, wide);
    alt_sc_scalar_reduce(b, wide);
    same(a, b, 32);
    for (int i = 0; i < 32; i++) {
        any |= a[i];
    }
    MUST(sc_scalar_nonzero(a) == (any != 0));
}

static void try_bd_key(void) {
    size_t n = 2 + number(4);
    uint8_t *A = point(), *xs = block(32 * n), *a = block(32), *b = block(32), *sum = block(32);
    memset(sum, 0, 32);
    for (size_t i = 0; i < n; i++) {
        memcpy(xs + 32 * i, point(), 32);
        if (i + 1 < n) {
            (void)sc_ristretto_sub(sum, sum, xs + 32 * i);
        }
    }
    if (number(4)) {
        memcpy(xs + 32 * (n - 1), sum, 32);
    }
    int result = sc_bd_key(a, A, xs, n);
    MUST(result == alt_sc_bd_key(b, A, xs, n));
    same(a, b, 32);
}

static void try_ed25519(void) {
    size_t n;
    uint8_t *seed = take(32), *a = block(64), *b = block(64), *A = block(32);
    unsigned flip = number(1024);
    uint8_t *text = rest(&n, 300);
    sc_ed25519_public(A, seed);
    alt_sc_ed25519_public(b, seed);
    same(A, b, 32);
    sc_ed25519_sign(a, seed, A, text, n);
    alt_sc_ed25519_sign(b, seed, A, text, n);
    same(a, b, 64);
    MUST(sc_ed25519_verify(A, a, text, n) == 1);
    if (flip < 512) {
        a[flip / 8] ^= 1 << (flip & 7);
        MUST(sc_ed25519_verify(A, a, text, n) == 0);
    }
}

static void try_ed25519_verify(void) {
    size_t n;
    uint8_t *A = take(32), *signature = take(64), *text = rest(&n, 100);
    MUST(sc_ed25519_verify(A, signature, text, n) == alt_sc_ed25519_verify(A, signature, text, n));
}

// --- the symmetric half -------------------------------------------------------

static void try_blake2b(void) {
    size_t size = 1 + number(64), key_length = number(65), salt_length = number(17), person_length = number(17), n, cut;
    uint8_t *key = take(key_length), *salt = take(salt_length), *person = take(person_length);
    unsigned where = number(65536);
    uint8_t *data = rest(&n, 600), *a = block(size), *b = block(size);
    sc_blake2b s;
    cut = where % (n + 1);
    for (int pieces = 0; pieces < 2; pieces++) {
        sc_blake2b_init(&s, size, key, key_length, salt, salt_length, person, person_length);
        sc_blake2b_update(&s, data, pieces ? cut : n);
        sc_blake2b_update(&s, data + (pieces ? cut : n), pieces ? n - cut : 0);
        sc_blake2b_final(&s, pieces ? b : a);
    }
    same(a, b, size);
}

static void try_sha(void) {
    unsigned x = number(65536), y = number(65536);
    size_t n, first, second;
    uint8_t *data = rest(&n, 600), *a = block(64), *b = block(64);
    sc_sha256 s;
    first = x % (n + 1);
    second = first + y % (n - first + 1);
    sc_sha512(a, data, n, data, 0, data, 0);
    sc_sha512(b, data, first, data + first, second - first, data + second, n - second);
    same(a, b, 64);
    for (int pieces = 0; pieces < 2; pieces++) {
        sc_sha256_init(&s);
        sc_sha256_update(&s, data, pieces ? first : 0);
        sc_sha256_update(&s, data + (pieces ? first : 0), pieces ? n - first : n);
        sc_sha256_final(&s, pieces ? b : a);
    }
    same(a, b, 32);
}

static void try_xsalsa20(void) {
    uint8_t *key = take(32), *nonce = take(24);
    unsigned x = number(65536);
    size_t n, cut;
    uint8_t *data = rest(&n, 500), *a = block(n), *b = block(n);
    sc_xsalsa20 s;
    cut = x % (n + 1);
    sc_xsalsa20_init(&s, key, nonce);
    sc_xsalsa20_xor(&s, a, data, n);
    sc_xsalsa20_init(&s, key, nonce);
    sc_xsalsa20_xor(&s, b, data, cut);
    sc_xsalsa20_xor(&s, b + cut, data + cut, n - cut);
    same(a, b, n);
    sc_xsalsa20_init(&s, key, nonce);
    sc_xsalsa20_xor(&s, a, a, n);
    same(a, data, n);
}

static void try_secretbox(void) {
    uint8_t *key = take(32), *nonce = take(24);
    unsigned from = number(49), to = number(49), flip = number(65536);
    size_t n;
    uint8_t *text = rest(&n, 400), *box = block(n + 16), *room = block(n + 16 + 48), *opened = block(n);
    sc_secretbox_seal(box, key, nonce, text, n);
    // Any overlap of text and box gives the same box.
    memcpy(room + from, text, n);
    sc_secretbox_seal(room + to, key, nonce, room + from, n);
    same(room + to, box, n + 16);
    MUST(sc_secretbox_open(room + from, key, nonce, room + to, n + 16) == 1);
    same(room + from, text, n);
    box[flip / 8 % (n + 16)] ^= 1 << (flip & 7);
    memset(opened, 0x5a, n);
    MUST(sc_secretbox_open(opened, key, nonce, box, n + 16) == 0);
    for (size_t i = 0; i < n; i++) {
        MUST(opened[i] == 0x5a);
    }
}

static void try_poly1305(void) {
    uint8_t *key = take(32), *tag = block(16);
    size_t n;
    uint8_t *data = rest(&n, 400);
    sc_poly1305(tag, key, data, n);
}

static void scrypt(
    uint8_t *out, size_t memory, const unsigned *cost, const uint8_t *password, size_t n, unsigned mixes) {
    uint32_t *room = (uint32_t *)block(memory);
    sc_scrypt_begin(room, memory, cost[0], cost[1], cost[2], password, n, password, n / 2);
    while (sc_scrypt_step(room, memory, mixes) == 0) {
    }
    MUST(sc_scrypt_end(room, memory, out, 40) == 0);
}

static void try_scrypt(void) {
    unsigned cost[3] = { 2u << number(4), 1 + number(2), 1 + number(2) };
    size_t least = sc_scrypt_memory_min(cost[1], cost[2]), n;
    size_t more = least + 4 * number(2048);
    unsigned mixes = 1 + number(40);
    uint8_t *password = rest(&n, 100), *a = block(40), *b = block(40);
    scrypt(a, least, cost, password, n, 1000);
    scrypt(b, more, cost, password, n, mixes);
    same(a, b, 40);
}

static void try_memory(void) {
    size_t n;
    unsigned shift = number(8);
    uint8_t *data = rest(&n, 100), *copy = block(n + 8);
    sc_copy(copy + shift, data, n);
    MUST(sc_equal(copy + shift, data, n) == 1);
    if (n) {
        copy[shift + n / 2] ^= 0x10;
        MUST(sc_equal(copy + shift, data, n) == 0);
    }
    sc_wipe(copy + shift, n);
    for (size_t i = 0; i < n; i++) {
        MUST(copy[shift + i] == 0);
    }
    for (size_t i = 0; i < n + 8; i++) {
        MUST((i >= shift && i < shift + n) || copy[i] == 0xa5);
    }
}

static void (*const targets[])(void) = {
    try_x25519, try_x25519_base, try_ristretto_mul, try_ristretto_add, try_ristretto_valid, try_ristretto_map,
    try_scalar, try_bd_key, try_ed25519, try_ed25519_verify, try_blake2b, try_sha, try_xsalsa20, try_secretbox,
    try_poly1305, try_scrypt, try_memory,
};
#define TARGETS (sizeof(targets) / sizeof(targets[0]))

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    input = data + 1;
    input_left = size - 1;
    used = 0;
    targets[data[0] % TARGETS]();
    while (used) {
        free(blocks[--used]);
    }
    return 0;
}
