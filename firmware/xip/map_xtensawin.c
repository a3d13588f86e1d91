// Shows pages of flash to an ESP32's data bus, on both cores, through functions of the chip's ROM.
// NOT TRIED ON SILICON; see docs/HARDWARE.md. Runs before the radio is on, so that the other core has next to
// nothing to do.
//
// Source: ESP-IDF, esp_rom/esp32/ld/esp32.rom.ld (addresses), esp_rom/include/esp32/rom/cache.h (arguments),
// esp32/cpu_util.c (stalling a core), soc/esp32/include/soc/dport_reg.h and rtc_cntl_reg.h (registers).
#include "xip.h"

enum { ADDRESS, FLASH, PAGES, ENTRIES_0, ENTRIES_1, INVALID, DISABLE, FLUSH, SET, ENABLE };

#define OPTIONS0 (*(volatile uint32_t *)0x3ff48000)         // RTC_CNTL_OPTIONS0_REG
#define CPU_STALL (*(volatile uint32_t *)0x3ff480ac)        // RTC_CNTL_SW_CPU_STALL_REG
#define CACHE_CTRL_0 (*(volatile uint32_t *)0x3ff00040)     // DPORT_PRO_CACHE_CTRL_REG
#define CACHE_CTRL_1 (*(volatile uint32_t *)0x3ff00058)     // DPORT_APP_CACHE_CTRL_REG
#define CACHE_ENABLED (1 << 3)

// The hardware stops a core while two fields read 0x86 together.
static void stall(int core, bool on) {
    uint32_t high = core ? 20 : 26, low = core ? 0 : 2;
    CPU_STALL = (CPU_STALL & ~(0x3fu << high)) | (on ? 0x21u << high : 0);
    OPTIONS0 = (OPTIONS0 & ~(3u << low)) | (on ? 2u << low : 0);
}

int xip_map(const word *w) {
    const volatile word *entries[2] = { (const volatile word *)w[ENTRIES_0], (const volatile word *)w[ENTRIES_1] };
    void (*disable)(int) = (void (*)(int))w[DISABLE];
    void (*flush)(int) = (void (*)(int))w[FLUSH];
    void (*enable)(int) = (void (*)(int))w[ENABLE];
    unsigned (*set)(int, int, unsigned, unsigned, int, int) = (void *)w[SET];
    word page = w[FLASH] >> 16, status, id;
    // No interrupt may want code out of flash from here on; this code is in RAM. The other core stands still: the
    // tables must
    // not be read by both at once either (an erratum of the bus that they lie on).
    __asm__ volatile ("rsil %0, 5" : "=r" (status) : : "memory");
    __asm__ volatile ("rsr %0, prid" : "=r" (id));
    int core = id >> 13 & 1;
    stall(!core, true);
    size_t ours = 0;
    bool in_use = false;
    for (size_t i = 0; i < w[PAGES]; i++) {
        for (int c = 0; c < 2; c++) {
            word entry = entries[c][i];
            ours += entry == page + i;
            in_use = in_use || (entry != page + i && !(entry & w[INVALID]));
        }
    }
    unsigned refused = 0;
    if (!in_use && ours != 2 * w[PAGES]) {
        bool on[2] = { CACHE_CTRL_0 & CACHE_ENABLED, CACHE_CTRL_1 & CACHE_ENABLED };
        for (int c = 0; c < 2; c++) {
            disable(c);
        }
        for (int c = 0; c < 2; c++) {
            refused |= set(c, 0, w[ADDRESS], w[FLASH], 64, w[PAGES]);
            flush(c);
        }
        for (int c = 0; c < 2; c++) {
            if (on[c]) {
                enable(c);
            }
        }
    }
    stall(!core, false);
    __asm__ volatile ("wsr %0, ps\n\trsync" : : "r" (status) : "memory");
    return in_use ? XIP_IN_USE : refused ? XIP_REFUSED : XIP_MAPPED;
}
