# For custom firmware: -DUSER_C_MODULES=<checkout>/firmware/curve25519/micropython.cmake
add_library(usermod_sealcast INTERFACE)
target_sources(usermod_sealcast INTERFACE
    ${CMAKE_CURRENT_LIST_DIR}/curve25519_module.c
    ${CMAKE_CURRENT_LIST_DIR}/symcrypto_module.c
    ${CMAKE_CURRENT_LIST_DIR}/scrypt_module.c
    ${CMAKE_CURRENT_LIST_DIR}/curve25519.c
    ${CMAKE_CURRENT_LIST_DIR}/memory.c
    ${CMAKE_CURRENT_LIST_DIR}/blake2b.c
    ${CMAKE_CURRENT_LIST_DIR}/sha256.c
    ${CMAKE_CURRENT_LIST_DIR}/sha512.c
    ${CMAKE_CURRENT_LIST_DIR}/salsa20.c
    ${CMAKE_CURRENT_LIST_DIR}/poly1305.c
    ${CMAKE_CURRENT_LIST_DIR}/secretbox.c
    ${CMAKE_CURRENT_LIST_DIR}/frames.c
    ${CMAKE_CURRENT_LIST_DIR}/ratchet.c
    ${CMAKE_CURRENT_LIST_DIR}/scrypt.c
)
target_include_directories(usermod_sealcast INTERFACE ${CMAKE_CURRENT_LIST_DIR})
target_link_libraries(usermod INTERFACE usermod_sealcast)
