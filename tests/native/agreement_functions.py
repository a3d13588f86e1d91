"""The functions of a crypto suite in the order of their numbers in
the files that agreement.py and on_module.py exchange.
"""

FUNCTIONS = (
    "h", "secretbox", "secretbox_open", "xsalsa20_xor", "equal", "scalar_reduce", "x25519", "x25519_base",
    "ed25519_public", "ed25519_sign", "ed25519_verify", "ristretto_map", "ristretto_mul", "ristretto_add",
    "ristretto_sub", "ristretto_valid", "bd_key", "scrypt", "seal_frame", "open_frame", "genuine_frame", "frame_nonce",
    "signable", "chain", "pad", "unpad", "x25519_xor", "x25519_column", "ratchet_frame", "ratchet_header",
    "ratchet_body", "ratchet_keys",
)  # fmt: skip
