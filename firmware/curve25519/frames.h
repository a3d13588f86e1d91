// frames.h: what every frame does, one call each (docs/PROTOCOL.md 3.2 to 3.4, 5, 10, 17). frames.c is the Zpinc half,
// ratchet.c the SMMP half. The bindings check sizes; what is written overlaps no input.
// Constant time in everything but lengths, numbers of the protocol and whether a frame is genuine.

#ifndef SC_FRAMES_H
#define SC_FRAMES_H

#include "symmetric.h"

#define SC_HEAD 22          // version, kind, epoch(16), seq(4)
#define SC_PLACE 32         // rp[:16] || P_i[:16]
#define SC_NONCE 24
#define SC_BOX (SC_HEAD + SC_NONCE)
#define SC_FRAME (SC_BOX + 16)
#define SC_CHAIN_SKIP 1024
#define SC_CHAIN_KEEP 65

// H with the 32-byte digest that nearly everything here is: key (32 bytes) and salt (16) may be NULL.
void sc_begin(sc_blake2b *s, const uint8_t *key, const uint8_t *salt, const char *person);
void sc_part(sc_blake2b *s, const sc_bytes *part);
// lv(item): 2 bytes of length, big endian, and the item.
void sc_item(sc_blake2b *s, const uint8_t *item, size_t n);

// What the functions below are given: the arguments of their bindings in that order, lengths checked.
typedef struct { sc_bytes key, head, place, nonce, pt; } sc_seal_in;        // 32, SC_HEAD, SC_PLACE, SC_NONCE, any
typedef struct { sc_bytes key, frame, place; } sc_open_in;                  // 32, SC_FRAME or more (mac: 16), SC_PLACE
typedef struct { sc_bytes seed, count, hardware, ad, pt; } sc_nonce_in;     // 32, 8, two below 65,536, any
typedef struct { sc_bytes ad, extra, pt; } sc_signable_in;                  // two below 65,536, any

// frame = head || nonce || box [|| mac]: SC_FRAME + n bytes, and 16 more with hk (NULL: without a mac).
void sc_frame_seal(uint8_t *frame, const sc_seal_in *in, const uint8_t *hk);
// 1, and n - SC_FRAME bytes in pt; or 0 and nothing written.
int sc_frame_open(uint8_t *pt, const sc_open_in *in);
// Is the mac under key that ends the frame right?
int sc_frame_genuine(const sc_open_in *in);
// The nonce is the first 24 bytes.
void sc_frame_nonce(uint8_t nonce[64], const sc_nonce_in *in);
// What a session signs for a frame.
void sc_signable(uint8_t digest[32], const sc_signable_in *in);

// `skip` steps of a chain, then `keep` message keys: keep * 32 bytes, and the next chain key.
void sc_chain(uint8_t *out, const uint8_t key[32], unsigned skip, unsigned keep);

// Padme, never under 32.
size_t sc_padded(size_t n);
// padded = body || 0x80 || zeros, sc_padded(n + 1) bytes; body may stand where it will stand.
void sc_pad(uint8_t *padded, const uint8_t *body, size_t n);
// The body's length, or -1 when this is not what sc_pad makes of one. The time depends on n alone.
int32_t sc_unpad(const uint8_t *padded, size_t n);

// --- ratchet.c ----------------------------------------------------------------------

#define SC_LEAD 54          // header(22) || prev(32)
#define SC_SEALED 48        // one sealed R_new
#define SC_GROUP_MAX 20
#define SC_RATCHET(members, n) (SC_LEAD + 2 + SC_SEALED * ((members) - 1) + SC_NONCE + 2 + 16 + sc_padded((n) + 1))

// 32 bytes each, but: z (X25519(r_j, R_i) of all i != j) and statics (of all i) columns of them, lead SC_LEAD, nonce
// SC_NONCE.
typedef struct { sc_bytes z, statics, HK, digest, mk, lead, nonce, R_new, message; } sc_ratchet_in;
typedef struct { sc_bytes z, common, HK, digest, frame; } sc_header_in;     // 32 each; a frame with a box
typedef struct { sc_bytes mk, frame; } sc_body_in;
typedef struct { sc_bytes z, RK, digest, R, epoch, message; } sc_step_in;   // 32 each, R a column, epoch 4

// The frame up to its check, SC_RATCHET(members, n) bytes.
void sc_ratchet_seal(uint8_t *frame, const sc_ratchet_in *in, unsigned j);
// Bytes of the box in a whole frame (its tag included), or 0 when the frame's lengths do not fit each other.
size_t sc_ratchet_box(const uint8_t *frame, size_t n);
// 1 and R_new; or 0. i is below the frame's N, and not its j.
int sc_ratchet_header(uint8_t R_new[32], const sc_header_in *in, size_t box, unsigned i);
// 1 and the padded message, box - 16 bytes; or 0.
int sc_ratchet_body(uint8_t *padded, const sc_body_in *in, size_t box);
// RK' || NHK' || mk' || v' || digest'. z: X25519(v, xor of R); R: with R_new in it.
void sc_ratchet_step(uint8_t keys[160], const sc_step_in *in, unsigned j);

#endif
