// The MicroPython module symcrypto: BLAKE2b, XSalsa20-Poly1305, frames, comparison, wiping.
// The /// lines are the type stub (stubs.py makes symcrypto.pyi of them).

#include "port.h"
#include "frames.h"

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

static mp_obj_t blake2b(size_t n_args, const mp_obj_t *args) {
    uint32_t size = get_number(args[0], "size", 1, 64, "must be 1 to 64");
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

// --- frames: one call for what each of them does (docs/PROTOCOL.md 3, 5, 10, 17) -----------

// Room for a result of n bytes that is made aside, for the reason above.
static uint8_t *room(size_t n) {
    return m_new(uint8_t, n + 1);
}

// The result as an object, or None when it is not good; what it was made in is wiped and given back.
static __attribute__((noinline)) mp_obj_t finish(uint8_t *made, size_t n, int good) {
    sc_burn();
    mp_obj_t result = good ? mp_obj_new_bytes(made, n) : mp_const_none;
    sc_wipe(made, n);
    m_del(uint8_t, made, n + 1);
    return result;
}

// Items that carry 2 bytes of length.
static void short_enough(sc_bytes item, const char *name) {
    if (item.n > 0xffff) {
        fail_value(name, "must be at most 65535 bytes");
    }
}

#define PLACE "\x20"
#define HEAD "\x16"
#define NONCE "\x18"
#define LEAD "\x36"

/// def seal_frame(key: bytes, head: bytes, place: bytes, nonce: bytes, pt: bytes, hk: bytes | None = None) -> bytes:
///     """head (22) || nonce (24) || box, bound to place (32); and the mac (16) under hk, if there is one. Keys: 32."""
static mp_obj_t seal_frame(size_t n_args, const mp_obj_t *args) {
    sc_seal_in in;
    get_all(SC_ARG("key", "\x20") SC_ARG("head", HEAD) SC_ARG("place", PLACE) SC_ARG("nonce", NONCE)
        SC_ARG("pt", "\0"), args, &in.key);
    const uint8_t *hk = n_args < 6 || args[5] == mp_const_none ? NULL : get(args[5], "hk", MP_BUFFER_READ, 32, 32).p;
    size_t n = SC_FRAME + in.pt.n + (hk ? 16 : 0);
    uint8_t *frame = room(n);
    sc_frame_seal(frame, &in, hk);
    return finish(frame, n, 1);
}
SC_FUNCTION(seal_frame, 5, 6);

/// def open_frame(key: bytes, frame: bytes, place: bytes) -> bytes | None:
///     """What a frame without a mac (62 bytes or more) holds; None if it is not genuine, or from another place."""
static mp_obj_t open_frame(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    sc_open_in in;
    get_all(SC_ARG("key", "\x20") SC_ARG("frame", "\0") SC_ARG("place", PLACE), args, &in.key);
    get(args[1], "frame", MP_BUFFER_READ, SC_FRAME, SIZE_MAX);
    size_t n = in.frame.n - SC_FRAME;
    uint8_t *pt = room(n);
    return finish(pt, n, sc_frame_open(pt, &in));
}
SC_FUNCTION(open_frame, 3, 3);

/// def genuine_frame(hk: bytes, frame: bytes, place: bytes) -> bool:
///     """Is the mac right that ends a conversation's frame (78 bytes or more)?"""
static mp_obj_t genuine_frame(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    sc_open_in in;
    get_all(SC_ARG("hk", "\x20") SC_ARG("frame", "\0") SC_ARG("place", PLACE), args, &in.key);
    get(args[1], "frame", MP_BUFFER_READ, SC_FRAME + 16, SIZE_MAX);
    int genuine = sc_frame_genuine(&in);
    sc_burn();
    return mp_obj_new_bool(genuine);
}
SC_FUNCTION(genuine_frame, 3, 3);

/// def frame_nonce(seed: bytes, count: bytes, hardware: bytes, ad: bytes, pt: bytes) -> bytes:
///     """24 bytes that a broken generator alone cannot repeat for two texts. seed 32, count 8."""
static mp_obj_t frame_nonce(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    sc_nonce_in in;
    get_all(SC_ARG("seed", "\x20") SC_ARG("count", "\x08") SC_ARG("hardware", "\0") SC_ARG("ad", "\0")
        SC_ARG("pt", "\0"), args, &in.seed);
    short_enough(in.hardware, "hardware");
    short_enough(in.ad, "ad");
    uint8_t *nonce = room(64);
    sc_frame_nonce(nonce, &in);
    sc_wipe(nonce + 24, 40);
    return finish(nonce, 24, 1);
}
SC_FUNCTION(frame_nonce, 5, 5);

/// def signable(ad: bytes, extra: bytes, pt: bytes) -> bytes:
///     """The 32 bytes that a session signs for a frame."""
static mp_obj_t signable(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    sc_signable_in in;
    get_all(SC_ARG("ad", "\0") SC_ARG("extra", "\0") SC_ARG("pt", "\0"), args, &in.ad);
    short_enough(in.ad, "ad");
    short_enough(in.extra, "extra");
    uint8_t *digest = room(32);
    sc_signable(digest, &in);
    return finish(digest, 32, 1);
}
SC_FUNCTION(signable, 3, 3);

/// def chain(key: bytes, skip: int, keep: int) -> bytes:
///     """A sender's chain: after skip (to 1024) steps, keep (to 65) message keys and the next chain key. Each 32."""
static mp_obj_t chain(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    sc_bytes key;
    get_all(SC_ARG("key", "\x20"), args, &key);
    uint32_t skip = get_number(args[1], "skip", 0, SC_CHAIN_SKIP, "must be 0 to 1024");
    uint32_t keep = get_number(args[2], "keep", 0, SC_CHAIN_KEEP, "must be 0 to 65");
    size_t n = 32 * (keep + 1);
    uint8_t *keys = room(n);
    sc_chain(keys, key.p, skip, keep);
    return finish(keys, n, 1);
}
SC_FUNCTION(chain, 3, 3);

/// def pad(lead: bytes, body: bytes) -> bytes:
///     """lead || body || 0x80 || zeros: what follows lead has a Padme length, 32 or more."""
static mp_obj_t pad(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    sc_bytes v[2];
    get_all(SC_ARG("lead", "\0") SC_ARG("body", "\0"), args, v);
    size_t n = v[0].n + sc_padded(v[1].n + 1);
    uint8_t *padded = room(n);
    sc_copy(padded, v[0].p, v[0].n);
    sc_pad(padded + v[0].n, v[1].p, v[1].n);
    return finish(padded, n, 1);
}
SC_FUNCTION(pad, 2, 2);

/// def unpad(data: bytes, limit: int) -> int:
///     """The length of the body in what pad(b"", body) gave; -1 for anything else and for more than limit bytes."""
static mp_obj_t unpad(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    sc_bytes data;
    get_all(SC_ARG("data", "\0"), args, &data);
    int32_t limit = (int32_t)get_number(args[1], "limit", 0, 0x3fffffff, "must be 0 to 1073741823");
    int32_t n = sc_unpad(data.p, data.n);
    return mp_obj_new_int(n > limit ? -1 : n);
}
SC_FUNCTION(unpad, 2, 2);

/// def ratchet_frame(z: bytes, statics: bytes, HK: bytes, digest: bytes, mk: bytes, lead: bytes, nonce: bytes,
///                   R_new: bytes, message: bytes, j: int) -> bytes:
///     """A ratchet frame of member j up to its check.
///
///     lead: header || prev (54); statics: 32 bytes a member; z: as many, without j.
///     """
static mp_obj_t ratchet_frame(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    sc_ratchet_in in;
    get_all(SC_ARG("z", "\0") SC_ARG("statics", "\0") SC_ARG("HK", "\x20") SC_ARG("digest", "\x20")
        SC_ARG("mk", "\x20") SC_ARG("lead", LEAD) SC_ARG("nonce", NONCE) SC_ARG("R_new", "\x20")
        SC_ARG("message", "\0"), args, &in.z);
    size_t of = members(in.statics, "statics"), length = in.message.n;
    uint32_t j = member(args[9], "j", of);
    if (in.z.n != 32 * (of - 1)) {
        fail_value("z", "must be 32 bytes for each other member");
    }
    if (length > 0xf000) {
        fail_value("message", "must be at most 61440 bytes");
    }
    size_t n = SC_RATCHET(of, length);
    uint8_t *frame = room(n);
    sc_ratchet_seal(frame, &in, j);
    return finish(frame, n, 1);
}
SC_FUNCTION(ratchet_frame, 10, 10);

static size_t box_of(sc_bytes frame) {
    size_t box = sc_ratchet_box(frame.p, frame.n);
    if (!box) {
        fail_value("frame", "is no ratchet frame");
    }
    return box;
}

/// def ratchet_header(z: bytes, common: bytes, HK: bytes, digest: bytes, frame: bytes, i: int) -> bytes | None:
///     """R_new out of member i's header of a whole frame; None if it is not genuine.
///
///     z: X25519(r_i, R_j); common: X25519(b_i, B_j).
///     """
static mp_obj_t ratchet_header(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    sc_header_in in;
    get_all(SC_ARG("z", "\x20") SC_ARG("common", "\x20") SC_ARG("HK", "\x20") SC_ARG("digest", "\x20")
        SC_ARG("frame", "\0"), args, &in.z);
    size_t box = box_of(in.frame);
    const uint8_t *frame = in.frame.p;
    uint32_t i = member(args[5], "i", frame[SC_LEAD + 1]);
    if (i == frame[SC_LEAD]) {
        fail_value("i", "is no member's place");
    }
    uint8_t *R_new = room(32);
    return finish(R_new, 32, sc_ratchet_header(R_new, &in, box, i));
}
SC_FUNCTION(ratchet_header, 6, 6);

/// def ratchet_body(mk: bytes, frame: bytes) -> bytes | None:
///     """The padded message of a whole frame; None if it is not genuine."""
static mp_obj_t ratchet_body(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    sc_body_in in;
    get_all(SC_ARG("mk", "\x20") SC_ARG("frame", "\0"), args, &in.mk);
    size_t box = box_of(in.frame);
    uint8_t *padded = room(box - 16);
    return finish(padded, box - 16, sc_ratchet_body(padded, &in, box));
}
SC_FUNCTION(ratchet_body, 2, 2);

/// def ratchet_keys(z: bytes, RK: bytes, digest: bytes, R: bytes, epoch: bytes, message: bytes, j: int) -> bytes:
///     """RK || NHK || mk || v || digest after member j's message.
///
///     z: X25519(v, xor of R); R: with R_new in it; epoch: 4 bytes.
///     """
static mp_obj_t ratchet_keys(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    sc_step_in in;
    get_all(SC_ARG("z", "\x20") SC_ARG("RK", "\x20") SC_ARG("digest", "\x20") SC_ARG("R", "\0") SC_ARG("epoch", "\x04")
        SC_ARG("message", "\0"), args, &in.z);
    uint32_t j = member(args[6], "j", members(in.R, "R"));
    uint8_t *keys = room(160);
    sc_ratchet_step(keys, &in, j);
    return finish(keys, 160, 1);
}
SC_FUNCTION(ratchet_keys, 7, 7);

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
    X(MP_QSTR_seal_frame, seal_frame_obj) \
    X(MP_QSTR_open_frame, open_frame_obj) \
    X(MP_QSTR_genuine_frame, genuine_frame_obj) \
    X(MP_QSTR_frame_nonce, frame_nonce_obj) \
    X(MP_QSTR_signable, signable_obj) \
    X(MP_QSTR_chain, chain_obj) \
    X(MP_QSTR_pad, pad_obj) \
    X(MP_QSTR_unpad, unpad_obj) \
    X(MP_QSTR_ratchet_frame, ratchet_frame_obj) \
    X(MP_QSTR_ratchet_header, ratchet_header_obj) \
    X(MP_QSTR_ratchet_body, ratchet_body_obj) \
    X(MP_QSTR_ratchet_keys, ratchet_keys_obj) \
    X(MP_QSTR_equal, equal_obj) \
    X(MP_QSTR_wipe, wipe_obj)

SC_MODULE(MP_QSTR_symcrypto, FUNCTIONS, symcrypto)
#if !MICROPY_ENABLE_DYNRUNTIME
MP_REGISTER_MODULE(MP_QSTR_symcrypto, symcrypto_module);
#endif
