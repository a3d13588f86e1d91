// What the emulated machine offers, the same on both boards. Implemented in machine.c.
#include <stdbool.h>
#include <stdint.h>

uint64_t machine_us(void);                  // microseconds of virtual time since start
void machine_sleep(int64_t timeout_us);     // until then, or until serial input arrives; negative: no limit
void machine_reset(void);
extern uint64_t machine_idle_us;            // spent in machine_sleep() since start
extern int machine_wake_irq;                // a further interrupt that ends a sleep

// A profile's radio and threads (../../chip); other boards have none.
#if defined(CHIP_PROFILE)
#include "chip/chip.h"
#else
static inline void chip_poll(void) {
}
static inline bool chip_heard(void) {
    return false;
}
static inline int64_t chip_sleep_us(int64_t timeout_us) {
    return timeout_us;
}
#endif

#if defined(QEMU_SOC_VIRT)
#define DISK_BASE (0x80800000)              // RAM that the port's linker script leaves alone
#elif defined(QEMU_SOC_MPS2)
#define DISK_BASE (0x21000000)              // PSRAM
#endif
#define DISK_BLOCK (4096)
#define DISK_BLOCKS (256)
