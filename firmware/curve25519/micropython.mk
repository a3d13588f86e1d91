# For custom firmware: make USER_C_MODULES=<checkout>/firmware ...  (the folder above this one)
SEALCAST_NATIVE_DIR := $(USERMOD_DIR)
SRC_USERMOD_C += $(addprefix $(SEALCAST_NATIVE_DIR)/, curve25519_module.c symcrypto_module.c scrypt_module.c)
# Without bindings in them, so not searched for qstrs.
SRC_USERMOD_LIB_C += $(addprefix $(SEALCAST_NATIVE_DIR)/, \
    curve25519.c memory.c blake2b.c sha256.c sha512.c salsa20.c poly1305.c secretbox.c frames.c \
    ratchet.c scrypt.c)
CFLAGS_USERMOD += -I$(SEALCAST_NATIVE_DIR)
