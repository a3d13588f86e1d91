// scrypt (RFC 7914) in memory that the caller gives, in slices that the caller paces.
//
// ROMix wants N blocks of 128 r bytes: 32 MB for the desktop's N = 2^15, r = 8. A board has
// a fraction of that. So only every k-th block V_0, V_k, V_2k, ... is kept, with the
// smallest k that fits, and a block between them is computed again: j mod k BlockMix calls
// from V_(j - j mod k). The result is the same for every k; the expected cost is
// p (N + N (1 + (k - 1) / 2)) BlockMix calls, so about k / 4 times the full-memory cost.
//
// begin() lays the memory out, step() runs a given number of BlockMix calls (a board feeds
// its watchdog between two steps), end() extracts the key and wipes. A memory's header is
// checked at every step: a caller that scribbles over it gets an error, not a wild write.

#include "symmetric.h"
#include "words.h"

typedef struct {
    uint32_t magic;
    uint32_t n, r, p;
    uint32_t k_log;         // k = 2^k_log
    uint32_t lane;          // 0..p: which of the p independent ROMix calls
    uint32_t i;             // 0..2n: N filling steps, then N mixing steps
    uint32_t again;         // BlockMix calls left to recompute V_j
    uint32_t pending;       // 1: V_j is being recomputed into block t
    uint32_t x, t, y;       // which of the three work blocks is X, V_j, and free
    uint32_t inner[8], outer[8];  // SHA-256 states after HMAC's padded keys
} header;

#define MAGIC 0x79726373

// --- PBKDF2-HMAC-SHA-256 with one iteration (RFC 8018, 5.2; RFC 2104) -------------

static void hmac_key(header *s, const uint8_t *password, size_t n) {
    sc_sha256 hash;
    uint8_t pad[64];
    sc_wipe(pad, 64);
    if (n > 64) {
        sc_sha256_init(&hash);
        sc_sha256_update(&hash, password, n);
        sc_sha256_final(&hash, pad);
    } else {
        sc_copy(pad, password, n);
    }
    for (unsigned which = 0; which < 2; which++) {
        uint8_t mask = which ? 0x36 ^ 0x5c : 0x36;  // the second turns ipad into opad
        for (unsigned i = 0; i < 64; i++) {
            pad[i] ^= mask;
        }
        sc_sha256_init(&hash);
        sc_sha256_update(&hash, pad, 64);
        sc_copy(which ? s->outer : s->inner, hash.h, 32);
    }
    sc_wipe(pad, sizeof pad);
    sc_wipe(&hash, sizeof hash);
}

static void pbkdf2(const header *s, const uint8_t *salt, size_t salt_length, uint8_t *out, size_t size) {
    sc_sha256 hash;
    uint8_t digest[32], number[4];
    for (uint32_t i = 1; size; i++) {
        uint32_t big_endian = sc_bswap32(i);
        sc_copy(number, &big_endian, 4);
        sc_copy(hash.h, s->inner, 32);
        hash.length = 64;
        sc_sha256_update(&hash, salt, salt_length);
        sc_sha256_update(&hash, number, 4);
        sc_sha256_final(&hash, digest);
        sc_copy(hash.h, s->outer, 32);
        hash.length = 64;
        sc_sha256_update(&hash, digest, 32);
        sc_sha256_final(&hash, digest);
        size_t n = size < 32 ? size : 32;
        sc_copy(out, digest, n);
        out += n;
        size -= n;
    }
    sc_wipe(digest, sizeof digest);
}

// --- memory layout: header, B (p blocks), X, T, Y, then the kept V ------------------

#define BLOCK_WORDS(r) (32 * (size_t)(r))

// Bytes for `kept` kept blocks, or 0 beyond 2^31 - 1.
static size_t bytes_for(uint32_t r, uint32_t p, uint32_t kept) {
    if (r >> 24 || p >> 24 || kept >> 24) {
        return 0;
    }
    uint64_t units = sc_mul64(p + 3 + kept, r);  // of 128 bytes; below 2^50
    if (units >> 32 || (uint32_t)units >= (1u << 24) - 8) {
        return 0;
    }
    return ((size_t)(uint32_t)units << 7) + sizeof(header);
}

size_t sc_scrypt_memory_min(uint32_t r, uint32_t p) {
    return bytes_for(r, p, 1);
}

// The smallest spacing k, a power of two, whose n / k blocks fit: with n a power of two as
// well, no kept block is wasted and j mod k is a mask.
static uint32_t spacing_log(uint32_t n, uint32_t r, uint32_t p, size_t memory) {
    uint32_t k_log = 0;
    size_t bytes;
    while (n >> k_log > 1 && ((bytes = bytes_for(r, p, n >> k_log)) == 0 || bytes > memory)) {
        k_log++;
    }
    return k_log;
}

uint32_t sc_scrypt_cost(uint32_t n, uint32_t r, uint32_t p, size_t memory) {
    // Per lane n + n (1 + (k - 1) / 2) = n (k + 3) / 2, n even.
    uint64_t lane = sc_mul64(n >> 1, (1u << spacing_log(n, r, p, memory)) + 3);
    uint64_t cost = lane >> 32 ? UINT32_MAX : sc_mul64((uint32_t)lane, p);
    return cost >> 32 ? UINT32_MAX : (uint32_t)cost;
}

static inline uint32_t *block(header *s, uint32_t index) {
    return (uint32_t *)(s + 1) + index * BLOCK_WORDS(s->r);
}

// --- ROMix ----------------------------------------------------------------------

// out = scryptBlockMix(in) (RFC 7914, section 4): 2r Salsa20/8 calls, even outputs first.
static void block_mix(uint32_t *out, const uint32_t *in, uint32_t r) {
    uint32_t x[16], t[16];
    sc_copy(x, in + 32 * r - 16, 64);
    for (uint32_t i = 0; i < 2 * r; i++) {
        for (unsigned w = 0; w < 16; w++) {
            x[w] ^= in[w];
        }
        sc_salsa20_rounds(t, x, 4);
        uint32_t *o = out + 16 * ((i >> 1) + (i & 1) * r);
        for (unsigned w = 0; w < 16; w++) {
            o[w] = x[w] += t[w];
        }
        in += 16;
    }
}

static void xor_block(uint32_t *x, const uint32_t *v, size_t words) {
    do {
        x[0] ^= v[0], x[1] ^= v[1], x[2] ^= v[2], x[3] ^= v[3];
        x += 4, v += 4;
    } while (words -= 4);
}

// Returns where the result is; the place of `which` is free then.
static uint32_t mix(header *s, uint32_t which) {
    uint32_t free_block = s->y;
    block_mix(block(s, free_block), block(s, which), s->r);
    s->y = which;
    return free_block;
}

void sc_scrypt_begin(void *memory, size_t memory_length, uint32_t n, uint32_t r, uint32_t p,
    const uint8_t *password, size_t password_length, const uint8_t *salt, size_t salt_length) {
    header *s = memory;
    sc_wipe(s, sizeof *s);
    s->magic = MAGIC;
    s->n = n, s->r = r, s->p = p;
    s->k_log = spacing_log(n, r, p, memory_length);
    hmac_key(s, password, password_length);
    pbkdf2(s, salt, salt_length, (uint8_t *)block(s, 0), 4 * BLOCK_WORDS(r) * p);
}

static header *valid(void *memory, size_t length) {
    header *s = memory;
    size_t bytes;
    if (length < sizeof *s || s->magic != MAGIC || s->n < 2 || s->n & (s->n - 1) || s->r == 0 || s->p == 0
        || s->k_log > 31 || s->n >> s->k_log == 0
        || (bytes = bytes_for(s->r, s->p, s->n >> s->k_log)) == 0 || bytes > length
        || s->lane > s->p || s->i > 2 * s->n || s->pending > 1) {
        return NULL;
    }
    // X, T and Y are the three blocks after B in some order.
    uint32_t x = s->x - s->p, t = s->t - s->p, y = s->y - s->p;
    if (s->i && (x > 2 || t > 2 || y > 2 || x == t || x == y || t == y)) {
        return NULL;
    }
    return s;
}

int sc_scrypt_step(void *memory, size_t memory_length, uint32_t mixes) {
    header *s = valid(memory, memory_length);
    if (!s) {
        return -1;
    }
    size_t words = BLOCK_WORDS(s->r);
    const uint32_t skipped = (1u << s->k_log) - 1;  // j & skipped: BlockMix calls from a kept block to V_j
    while (s->lane < s->p) {
        uint32_t *b = block(s, s->lane), first = s->p + 3;
        if (s->i == 0) {
            s->x = s->p, s->t = s->p + 1, s->y = s->p + 2;
            s->pending = 0;
            sc_copy(block(s, s->x), b, 4 * words);
        }
        while (s->i < 2 * s->n) {
            if (mixes-- == 0) {
                return 0;
            }
            if (s->i < s->n) {  // step 2 of ROMix: fill
                if ((s->i & skipped) == 0) {
                    sc_copy(block(s, first + (s->i >> s->k_log)), block(s, s->x), 4 * words);
                }
                s->x = mix(s, s->x);
                s->i++;
                continue;
            }
            // Step 3: X = BlockMix(X xor V_j), j = Integerify(X) mod N.
            uint32_t j = block(s, s->x)[words - 16] & (s->n - 1);
            uint32_t *v = block(s, first + (j >> s->k_log));
            if (!s->pending && (j & skipped)) {
                sc_copy(block(s, s->t), v, 4 * words);
                s->again = j & skipped;
                s->pending = 1;
            }
            if (s->pending) {
                if (s->again) {
                    s->t = mix(s, s->t);
                    s->again--;
                    continue;
                }
                v = block(s, s->t);
                s->pending = 0;
            }
            xor_block(block(s, s->x), v, words);
            s->x = mix(s, s->x);
            s->i++;
        }
        sc_copy(b, block(s, s->x), 4 * words);
        s->i = 0;
        s->lane++;
    }
    return 1;
}

int sc_scrypt_end(void *memory, size_t memory_length, uint8_t *out, size_t size) {
    header *s = valid(memory, memory_length);
    if (!s || s->lane != s->p) {
        return -1;
    }
    pbkdf2(s, (const uint8_t *)block(s, 0), 4 * BLOCK_WORDS(s->r) * s->p, out, size);
    sc_wipe(memory, bytes_for(s->r, s->p, s->n >> s->k_log));
    return 0;
}
