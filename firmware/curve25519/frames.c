// What a note, a presence, a handshake's frame and a conversation do: docs/PROTOCOL.md 3.2 to 3.4, 5 and 10.

#include "frames.h"

void sc_begin(sc_blake2b *s, const uint8_t *key, const uint8_t *salt, const char *person) {
    size_t n = 0;
    while (person[n]) {
        n++;
        __asm__ ("" : "+r" (n));  // else compilers call strlen, which a native .mpy lacks
    }
    sc_blake2b_init(s, 32, key, key ? 32 : 0, salt, salt ? 16 : 0, (const uint8_t *)person, n);
}

void sc_item(sc_blake2b *s, const uint8_t *item, size_t n) {
    uint8_t length[2] = { (uint8_t)(n >> 8), (uint8_t)n };
    sc_blake2b_update(s, length, 2);
    sc_blake2b_update(s, item, n);
}

void sc_part(sc_blake2b *s, const sc_bytes *part) {
    sc_blake2b_update(s, part->p, part->n);
}

// Under a key that is mixed with ad = header || place: secretbox has no associated data, so the message key binds it.
static void begin_bound(sc_blake2b *s, const uint8_t *key, const uint8_t *salt, const char *person,
    const uint8_t *frame, const sc_bytes *place) {
    sc_begin(s, key, salt, person);
    sc_blake2b_update(s, frame, SC_HEAD);
    sc_part(s, place);
}

static void message_key(uint8_t mk[32], const uint8_t *key, const uint8_t *frame, const sc_bytes *place) {
    sc_blake2b s;
    begin_bound(&s, key, frame + SC_HEAD, "sc/aead", frame, place);
    sc_blake2b_final(&s, mk);
}

// n: of the frame without its mac.
static void frame_mac(uint8_t mac[32], const uint8_t *hk, const uint8_t *frame, size_t n, const sc_bytes *place) {
    sc_blake2b s;
    begin_bound(&s, hk, NULL, "sc/hmac", frame, place);
    sc_blake2b_update(&s, frame + SC_HEAD, n - SC_HEAD);
    sc_blake2b_final(&s, mac);
}

void sc_frame_seal(uint8_t *frame, const sc_seal_in *in, const uint8_t *hk) {
    uint8_t k[32];
    uint8_t *nonce = frame + SC_HEAD;
    size_t n = in->pt.n;
    sc_copy(frame, in->head.p, SC_HEAD);
    sc_copy(nonce, in->nonce.p, SC_NONCE);
    message_key(k, in->key.p, frame, &in->place);
    sc_secretbox_seal(frame + SC_BOX, k, nonce, in->pt.p, n);
    if (hk) {
        frame_mac(k, hk, frame, SC_FRAME + n, &in->place);
        sc_copy(frame + SC_FRAME + n, k, 16);
    }
    sc_wipe(k, sizeof k);
}

int sc_frame_open(uint8_t *pt, const sc_open_in *in) {
    uint8_t k[32];
    const uint8_t *frame = in->frame.p;
    message_key(k, in->key.p, frame, &in->place);
    int genuine = sc_secretbox_open(pt, k, frame + SC_HEAD, frame + SC_BOX, in->frame.n - SC_BOX);
    sc_wipe(k, sizeof k);
    return genuine;
}

int sc_frame_genuine(const sc_open_in *in) {
    uint8_t mac[32];
    size_t n = in->frame.n - 16;
    frame_mac(mac, in->key.p, in->frame.p, n, &in->place);
    int genuine = SC_PUBLIC(sc_equal(mac, in->frame.p + n, 16));
    sc_wipe(mac, sizeof mac);
    return genuine;
}

void sc_frame_nonce(uint8_t nonce[64], const sc_nonce_in *in) {
    sc_blake2b s;
    sc_begin(&s, NULL, NULL, "sc/bind");
    sc_item(&s, in->ad.p, in->ad.n);
    sc_part(&s, &in->pt);
    sc_blake2b_final(&s, nonce);
    sc_blake2b_init(&s, 64, in->seed.p, 32, NULL, 0, (const uint8_t *)"sc/nonce", 8);
    sc_part(&s, &in->count);
    sc_item(&s, in->hardware.p, in->hardware.n);
    sc_blake2b_update(&s, nonce, 32);
    sc_blake2b_final(&s, nonce);
}

void sc_signable(uint8_t digest[32], const sc_signable_in *in) {
    sc_blake2b s;
    sc_begin(&s, NULL, NULL, "sc/sign");
    sc_item(&s, in->ad.p, in->ad.n);
    sc_item(&s, in->extra.p, in->extra.n);
    sc_part(&s, &in->pt);
    sc_blake2b_final(&s, digest);
}

static void derive(uint8_t out[32], const uint8_t key[32], const char *label) {
    sc_blake2b s;
    sc_begin(&s, key, NULL, label);
    sc_blake2b_final(&s, out);
}

void sc_chain(uint8_t *out, const uint8_t key[32], unsigned skip, unsigned keep) {
    uint8_t k[32];
    sc_copy(k, key, 32);
    for (; skip; skip--) {
        derive(k, k, "sc/next");
    }
    for (; keep; keep--, out += 32) {
        derive(out, k, "sc/msg");
        derive(k, k, "sc/next");
    }
    sc_copy(out, k, 32);
    sc_wipe(k, sizeof k);
}

// Padme (Nikitin et al., PETS 2019): e = floor(log2 n), s = floor(log2 e) + 1 bits, n rounded up to a multiple of
// 2^(e - s).
size_t sc_padded(size_t n) {
    unsigned e = 5, s = 0;
    if (n <= 32) {
        return 32;
    }
    while (n >> (e + 1)) {
        e++;
    }
    while (e >> s) {
        s++;
    }
    size_t mask = ((size_t)1 << (e - s)) - 1;
    return (n + mask) & ~mask;
}

void sc_pad(uint8_t *padded, const uint8_t *body, size_t n) {
    sc_copy(padded, body, n);
    padded[n] = 0x80;
    sc_wipe(padded + n + 1, sc_padded(n + 1) - n - 1);
}

int32_t sc_unpad(const uint8_t *padded, size_t n) {
    // The last byte that is not zero and its place, by looking at all of them alike.
    uint32_t place = 0, last = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t byte = padded[i];
        uint32_t some = 0 - ((byte + 0xff) >> 8);  // all ones unless byte is zero
        __asm__ ("" : "+r" (some));
        place = (place & ~some) | (i & some);
        last = (last & ~some) | byte;
    }
    // How long the text is decides what the caller does next: public from here on.
    place = (uint32_t)SC_PUBLIC((int)place);
    return SC_PUBLIC(last == 0x80) && sc_padded(place + 1) == n ? (int32_t)place : -1;
}
