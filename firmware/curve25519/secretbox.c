// XSalsa20-Poly1305, NaCl's crypto_secretbox without its zero padding: tag || ciphertext.

#include "symmetric.h"

typedef struct {
    sc_xsalsa20 stream;
    uint32_t mac_key[8];
    uint32_t tag[4];
} state;

// The first 32 bytes of key stream are the Poly1305 key, the text takes what follows.
static void begin(state *s, const uint8_t key[32], const uint8_t nonce[24]) {
    sc_xsalsa20_init(&s->stream, key, nonce);
    sc_xsalsa20_block(&s->stream);
    sc_copy(s->mac_key, s->stream.block, 32);
    s->stream.used = 32;
}

void sc_secretbox_seal(uint8_t *box, const uint8_t key[32], const uint8_t nonce[24],
    const uint8_t *text, size_t n) {
    state s;
    begin(&s, key, nonce);
    sc_xsalsa20_xor(&s.stream, box + 16, text, n);
    sc_poly1305(box, (const uint8_t *)s.mac_key, box + 16, n);
    sc_wipe(&s, sizeof s);
}

int sc_secretbox_open(uint8_t *text, const uint8_t key[32], const uint8_t nonce[24],
    const uint8_t *box, size_t box_length) {
    state s;
    size_t n = box_length - 16;
    begin(&s, key, nonce);
    sc_poly1305((uint8_t *)s.tag, (const uint8_t *)s.mac_key, box + 16, n);
    int genuine = SC_PUBLIC(sc_equal((const uint8_t *)s.tag, box, 16));
    if (genuine) {  // the outcome is public: the caller returns it
        sc_xsalsa20_xor(&s.stream, text, box + 16, n);
    }
    sc_wipe(&s, sizeof s);
    return genuine;
}
