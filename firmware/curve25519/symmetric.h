// The symmetric half of Sealcast's cryptography, in portable C99: no heap, no
// libc beyond memcpy/memmove/memset, no writable static data.
//
//   BLAKE2b               RFC 7693          blake2b.c
//   SHA-512, SHA-256      FIPS 180-4        sha512.c, sha256.c
//   XSalsa20, HSalsa20    Bernstein 2008/11 salsa20.c
//   Poly1305              Bernstein 2005    poly1305.c
//   XSalsa20-Poly1305     NaCl secretbox    secretbox.c
//   scrypt                RFC 7914          scrypt.c
//   compare, wipe, burn                     memory.c
//
// Everything here takes its lengths on trust: the bindings check them first.
// Time depends on lengths and on public parameters only; the one exception is
// scrypt, whose second loop reads memory at password-dependent places by design.

#ifndef SC_SYMMETRIC_H
#define SC_SYMMETRIC_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if !defined(__BYTE_ORDER__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "all supported targets are little endian; words are read from memory as they are"
#endif

// Marks the outcome of a check that everybody may know; the constant-time tests allow branches on it.
#ifndef SC_PUBLIC
#define SC_PUBLIC(outcome) (outcome)
#endif

// Some bytes that a binding was given.
typedef struct {
    uint8_t *p;
    size_t n;
} sc_bytes;

// --- memory.c -------------------------------------------------------------

// 1 if the n bytes are equal, else 0; the time depends on n alone.
int sc_equal(const uint8_t *a, const uint8_t *b, size_t n);

// Zeroes n bytes, also when the compiler sees that nobody reads them again.
void sc_wipe(void *p, size_t n);

// memcpy that goes by words where both ends are aligned: some boards' own goes by bytes.
void sc_copy(void *to, const void *from, size_t n);

// Overwrites SC_BURN_BYTES of stack below the caller: what functions called just before, at
// the same depth, left in their frames (spilled registers, compiler temporaries). The bindings of
// symcrypto end with it; the curve half burns its own stack. tests/native/test_stack_wiped.py
// measures how deep the operations go.
#ifndef SC_BURN_BYTES
#define SC_BURN_BYTES 1088
#endif
void sc_burn(void);

// --- blake2b.c --------------------------------------------------------------

typedef struct {
    uint64_t h[8];      // chaining value
    uint64_t m[16];     // block being filled
    uint64_t v[22];     // working vector: here, so that one wipe covers it
    uint32_t counter[2];  // bytes compressed so far, low word first
    uint32_t used;      // bytes waiting in m, 0..128
    uint32_t size;      // digest length, 1..64
} sc_blake2b;

// key, salt, person: key_length 0..64; salt and person 0..16 (padded with zeros).
void sc_blake2b_init(sc_blake2b *s, size_t size, const uint8_t *key, size_t key_length,
    const uint8_t *salt, size_t salt_length, const uint8_t *person, size_t person_length);
void sc_blake2b_update(sc_blake2b *s, const uint8_t *data, size_t n);
// Writes `size` bytes and wipes the state.
void sc_blake2b_final(sc_blake2b *s, uint8_t *out);

// --- sha512.c, sha256.c -------------------------------------------------------

// SHA-512 of the concatenation a || b || c (any of them may be empty).
void sc_sha512(uint8_t out[64], const uint8_t *a, size_t a_length,
    const uint8_t *b, size_t b_length, const uint8_t *c, size_t c_length);

typedef struct {
    uint32_t h[8];
    uint8_t block[64];
    uint32_t length;    // bytes so far: below 2^29, far above anything a board holds
} sc_sha256;

void sc_sha256_init(sc_sha256 *s);
void sc_sha256_update(sc_sha256 *s, const uint8_t *data, size_t n);
void sc_sha256_final(sc_sha256 *s, uint8_t out[32]);  // wipes the state

// --- salsa20.c ----------------------------------------------------------------

// The Salsa20 double rounds alone, without the final addition; out may be in.
void sc_salsa20_rounds(uint32_t out[16], const uint32_t in[16], unsigned double_rounds);

typedef struct {
    uint32_t in[16];     // constants, key, nonce, counter, in the cipher's order
    uint32_t block[16];  // current key stream block
    uint32_t used;       // bytes of it used up, 64: none left
} sc_xsalsa20;

void sc_xsalsa20_init(sc_xsalsa20 *s, const uint8_t key[32], const uint8_t nonce[24]);
// Puts the next 64 bytes of key stream into block; used = 0.
void sc_xsalsa20_block(sc_xsalsa20 *s);
// out = in ^ next n bytes of key stream. The two may overlap in any way.
void sc_xsalsa20_xor(sc_xsalsa20 *s, uint8_t *out, const uint8_t *in, size_t n);

// --- poly1305.c, secretbox.c ----------------------------------------------------

void sc_poly1305(uint8_t tag[16], const uint8_t key[32], const uint8_t *data, size_t n);

// box = tag(16) || ciphertext(n). The text may overlap the box in any way, and so may
// key and nonce: they are read before anything is written.
void sc_secretbox_seal(uint8_t *box, const uint8_t key[32], const uint8_t nonce[24],
    const uint8_t *text, size_t n);
// box_length >= 16. Returns 1 and writes box_length - 16 bytes to text, which may overlap
// the box in any way; or returns 0 and writes nothing.
int sc_secretbox_open(uint8_t *text, const uint8_t key[32], const uint8_t nonce[24],
    const uint8_t *box, size_t box_length);

// --- scrypt.c -------------------------------------------------------------------

// All working memory is the caller's: n * 128 * r bytes and a little more for full
// speed, less for a slower but identical result (see scrypt.c). It is aligned to 4 bytes.
// Smallest length that works, 0 if that is beyond 2^31. 128 r (n + p + 3) + 256 keeps everything.
size_t sc_scrypt_memory_min(uint32_t r, uint32_t p);
// Expected number of BlockMix calls with that much memory (the exact number depends on
// the password); saturates at 2^32 - 1.
uint32_t sc_scrypt_cost(uint32_t n, uint32_t r, uint32_t p, size_t memory);
// n a power of two > 1; r, p >= 1; memory >= sc_scrypt_memory_min, and no overlap of password,
// salt or out with it.
void sc_scrypt_begin(void *memory, size_t memory_length, uint32_t n, uint32_t r, uint32_t p,
    const uint8_t *password, size_t password_length, const uint8_t *salt, size_t salt_length);
// Runs about `mixes` BlockMix calls. Returns 1 when finished, 0 when there is more to do,
// -1 if memory does not hold a computation begun with this length.
int sc_scrypt_step(void *memory, size_t memory_length, uint32_t mixes);
// After step returned 1: writes the key and wipes what it came from. Returns 0, or -1 as above.
int sc_scrypt_end(void *memory, size_t memory_length, uint8_t *out, size_t size);

#endif
