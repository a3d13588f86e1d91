// One step of the group ratchet, but for its scalar multiplications: docs/PROTOCOL.md 17.2 and 17.3.

#include "frames.h"

// Places in a frame: header(22) = version, kind, group(16), epoch(4); prev(32); j; N; headers; nonce; length of the
// box; the box.
#define GROUP 2
#define EPOCH 18
#define PREV 22
#define J 54
#define N 55
#define SEALED 56

static const uint8_t *nonce_of(const uint8_t *frame) {
    return frame + SEALED + SC_SEALED * (frame[N] - 1);
}

static void body_key(uint8_t key[32], const uint8_t mk[32], const uint8_t *frame, const uint8_t *nonce) {
    sc_blake2b s;
    sc_begin(&s, mk, nonce, "sc/body");
    sc_item(&s, frame + GROUP, 16);
    sc_item(&s, frame + EPOCH, 4);
    sc_item(&s, frame + PREV, 32);
    sc_item(&s, frame + J, 1);
    sc_blake2b_final(&s, key);
}

// Binds the body whose fresh nonce it carries: so each header key serves once.
static void body_hash(uint8_t hash[32], const uint8_t *nonce, size_t box) {
    sc_blake2b s;
    sc_begin(&s, NULL, NULL, "sc/bh");
    sc_blake2b_update(&s, nonce, SC_NONCE);
    sc_blake2b_update(&s, nonce + SC_NONCE + 2, box);
    sc_blake2b_final(&s, hash);
}

// z, common: where the two X25519 that only P_j and P_i can compute stand, of r and of the identities.
static void header_key(uint8_t key[32], const uint8_t *HK, const uint8_t *z, const uint8_t *common,
    const uint8_t *digest, const uint8_t *frame, uint8_t i, const uint8_t hash[32]) {
    sc_blake2b s;
    sc_begin(&s, HK, NULL, "sc/hdr");
    sc_blake2b_update(&s, z, 32);
    sc_blake2b_update(&s, common, 32);
    sc_blake2b_update(&s, digest, 32);
    sc_blake2b_update(&s, frame + J, 1);
    sc_blake2b_update(&s, &i, 1);
    sc_blake2b_update(&s, frame + EPOCH, 4 + 32);  // and prev, which follows it
    sc_blake2b_update(&s, hash, 32);
    sc_blake2b_final(&s, key);
}

void sc_ratchet_seal(uint8_t *frame, const sc_ratchet_in *in, unsigned j) {
    uint8_t key[32], hash[32], zero[SC_NONCE];
    size_t members = in->statics.n >> 5, box = 16 + sc_padded(in->message.n + 1);
    sc_copy(frame, in->lead.p, SC_LEAD);
    frame[J] = (uint8_t)j;
    frame[N] = (uint8_t)members;
    uint8_t *nonce = (uint8_t *)nonce_of(frame), *body = nonce + SC_NONCE + 2;
    sc_copy(nonce, in->nonce.p, SC_NONCE);
    body[-2] = (uint8_t)(box >> 8);
    body[-1] = (uint8_t)box;
    sc_pad(body + 16, in->message.p, in->message.n);
    body_key(key, in->mk.p, frame, nonce);
    sc_secretbox_seal(body, key, nonce, body + 16, box - 16);
    body_hash(hash, nonce, box);
    sc_wipe(zero, sizeof zero);
    const uint8_t *z = in->z.p;
    uint8_t *header = frame + SEALED;
    for (unsigned i = 0; i < members; i++) {
        if (i != j) {
            header_key(key, in->HK.p, z, in->statics.p + 32 * i, in->digest.p, frame, (uint8_t)i, hash);
            sc_secretbox_seal(header, key, zero, in->R_new.p, 32);
            header += SC_SEALED;
            z += 32;
        }
    }
    sc_wipe(key, sizeof key);
}

size_t sc_ratchet_box(const uint8_t *frame, size_t n) {
    size_t before = SEALED + SC_NONCE + 2, after = 16 + 16;  // check, mac
    if (n < before || !frame[N] || frame[N] > SC_GROUP_MAX || frame[J] >= frame[N]) {
        return 0;
    }
    before += SC_SEALED * (frame[N] - 1);
    if (n < before + 16 + after) {
        return 0;
    }
    const uint8_t *length = frame + before - 2;
    size_t box = (size_t)length[0] << 8 | length[1];
    return n == before + box + after ? box : 0;
}

int sc_ratchet_header(uint8_t R_new[32], const sc_header_in *in, size_t box, unsigned i) {
    uint8_t key[32], hash[32], zero[SC_NONCE];
    const uint8_t *frame = in->frame.p;
    body_hash(hash, nonce_of(frame), box);
    header_key(key, in->HK.p, in->z.p, in->common.p, in->digest.p, frame, (uint8_t)i, hash);
    sc_wipe(zero, sizeof zero);
    int genuine = sc_secretbox_open(R_new, key, zero, frame + SEALED + SC_SEALED * (i - (i > frame[J])), SC_SEALED);
    sc_wipe(key, sizeof key);
    return genuine;
}

int sc_ratchet_body(uint8_t *padded, const sc_body_in *in, size_t box) {
    uint8_t key[32];
    const uint8_t *nonce = nonce_of(in->frame.p);
    body_key(key, in->mk.p, in->frame.p, nonce);
    int genuine = sc_secretbox_open(padded, key, nonce, nonce + SC_NONCE + 2, box);
    sc_wipe(key, sizeof key);
    return genuine;
}

void sc_ratchet_step(uint8_t keys[160], const sc_step_in *in, unsigned j) {
    sc_blake2b s;
    uint8_t *digest = keys + 128, step = (uint8_t)j;
    sc_begin(&s, NULL, NULL, "sc/m");
    sc_part(&s, &in->message);
    sc_blake2b_final(&s, digest);
    sc_begin(&s, in->digest.p, NULL, "sc/cd");
    sc_part(&s, &in->epoch);
    sc_blake2b_update(&s, &step, 1);
    sc_blake2b_update(&s, digest, 32);
    sc_blake2b_final(&s, digest);
    sc_begin(&s, in->RK.p, NULL, "sc/rk");
    sc_part(&s, &in->z);
    sc_part(&s, &in->R);
    sc_blake2b_update(&s, digest, 32);
    sc_blake2b_final(&s, keys);
    for (step = 2; step < 5; step++) {  // NHK, mk, v: the paper's numbers
        sc_begin(&s, keys, NULL, "sc/kdf");
        sc_blake2b_update(&s, &step, 1);
        sc_blake2b_final(&s, keys + 32 * (step - 1));
    }
}
