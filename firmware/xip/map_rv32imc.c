// Shows pages of flash to an ESP32-C3's data bus, as Espressif's bootloader does it, through functions of the chip's
// ROM.
// NOT TRIED ON SILICON: only the order of the calls is tested (tests/xip/test_mappers.py); see docs/HARDWARE.md.
//
// Source: ESP-IDF, esp_rom/esp32c3/ld/esp32c3.rom.ld (addresses), esp_rom/include/esp32c3/rom/cache.h (arguments).
#include "xip.h"

enum { ADDRESS, FLASH, PAGES, ENTRIES, INVALID, SUSPEND, SET, INVALIDATE, RESUME };

int xip_map(const word *w) {
    const volatile word *entries = (const volatile word *)w[ENTRIES];  // the MMU's, of the first page
    word page = w[FLASH] >> 16;
    size_t ours = 0;
    for (size_t i = 0; i < w[PAGES]; i++) {
        if (entries[i] == page + i) {
            ours++;
        } else if (!(entries[i] & w[INVALID])) {
            return XIP_IN_USE;
        }
    }
    if (ours == w[PAGES]) {
        return XIP_MAPPED;      // a soft reset leaves them
    }
    word status;
    // No interrupt may want code out of flash while the cache is suspended; this code is in RAM.
    __asm__ volatile ("csrrci %0, 0x300, 8" : "=r" (status) : : "memory");
    uint32_t autoload = ((uint32_t (*)(void))w[SUSPEND])();
    int (*set)(uint32_t, uint32_t, uint32_t, uint32_t, uint32_t, uint32_t) = (void *)w[SET];
    int refused = set(0, w[ADDRESS], w[FLASH], 64, w[PAGES], 0);
    ((int (*)(uint32_t, uint32_t))w[INVALIDATE])(w[ADDRESS], w[PAGES] << 16);
    ((void (*)(uint32_t))w[RESUME])(autoload);
    __asm__ volatile ("csrs 0x300, %0" : : "r" (status & 8) : "memory");
    return refused ? XIP_REFUSED : XIP_MAPPED;
}
