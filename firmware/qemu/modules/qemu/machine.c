// Clock, sleep and reset of the two emulated machines, and MicroPython's time functions on them.
#include "py/mphal.h"
#include "py/runtime.h"
#include "machine.h"

#define REG32(address) (*(volatile uint32_t *)(address))
#define REG8(address) (*(volatile uint8_t *)(address))

int machine_wake_irq = 10;  // the UART's own

#if defined(QEMU_SOC_VIRT)

// CLINT timer of 10 MHz; the UART's interrupt is line 10 of the PLIC.
#define MTIME_LOW (0x0200bff8)
#define MTIME_HIGH (0x0200bffc)
#define MTIMECMP (0x02004000)
#define PLIC (0x0c000000)
#define UART (0x10000000)
#define UART_IRQ (10)
#define GOLDFISH_RTC (0x00101000)
#define TEST_DEVICE (0x00100000)
#define CSR(instruction) ".option push\n.option arch, +zicsr\n" instruction "\n.option pop"

static uint64_t mtime(void) {
    uint32_t high, low;
    do {
        high = REG32(MTIME_HIGH);
        low = REG32(MTIME_LOW);
    } while (high != REG32(MTIME_HIGH));
    return (uint64_t)high << 32 | low;
}

uint64_t machine_us(void) {
    return mtime() / 10;
}

mp_uint_t mp_hal_ticks_cpu(void) {
    uint32_t n;
    __asm__ volatile (CSR("csrr %0, mcycle") : "=r" (n));
    return n;
}

uint64_t mp_hal_time_ns(void) {
    uint32_t low = REG32(GOLDFISH_RTC);     // reading the low half latches the high one
    // As on an ESP32, time counts from the year 2000.
    return ((uint64_t)REG32(GOLDFISH_RTC + 4) << 32 | low) - 946684800000000000ull;
}

static void idle(int64_t timeout_us) {
    uint64_t until = timeout_us < 0 ? UINT64_MAX : mtime() + timeout_us * 10;
    // Interrupts stay masked: they only end the wfi, so no handler is needed.
    __asm__ volatile (CSR("csrci mstatus, 8"));
    REG32(MTIMECMP + 4) = 0xffffffff;
    REG32(MTIMECMP) = until;
    REG32(MTIMECMP + 4) = until >> 32;
    REG32(PLIC + 4 * UART_IRQ) = 1;
    REG32(PLIC + 4 * machine_wake_irq) = 1;
    REG32(PLIC + 0x2000) = 1 << UART_IRQ | 1 << machine_wake_irq;
    REG8(UART + 1) = 1;
    __asm__ volatile (CSR("csrs mie, %0") : : "r" (1 << 7 | 1 << 11));
    __asm__ volatile ("wfi");
    __asm__ volatile (CSR("csrc mie, %0") : : "r" (1 << 7 | 1 << 11));
    REG8(UART + 1) = 0;
    uint32_t claimed = REG32(PLIC + 0x200004);
    if (claimed) {
        REG32(PLIC + 0x200004) = claimed;
    }
    __asm__ volatile (CSR("csrsi mstatus, 8"));
}

void machine_reset(void) {
    REG32(TEST_DEVICE) = 0x7777;
    for (;;) {
    }
}

#elif defined(QEMU_SOC_MPS2)

// CMSDK timers of 25 MHz counting down: the first is the clock, the second ends a sleep.
typedef struct { volatile uint32_t control, value, reload, interrupt; } timer_regs_t;
#define CLOCK ((timer_regs_t *)0x40000000)
#define ALARM ((timer_regs_t *)0x40001000)
#define HZ_PER_US (25)
#define UART_CONTROL (0x40004008)
#define UART_INTERRUPT (0x4000400c)
#define NVIC_ENABLE (0xe000e100)
#define NVIC_DISABLE (0xe000e180)
#define NVIC_UNPEND (0xe000e280)
#define AIRCR (0xe000ed0c)
#define UART_RX_IRQ (0)
#define ALARM_IRQ (9)
#define LONGEST_SLEEP_US (60 * 1000 * 1000)

static uint32_t last_value;
static uint64_t ticks;

static uint64_t clock_ticks(void) {
    if (!(CLOCK->control & 1)) {
        CLOCK->reload = CLOCK->value = last_value = 0xffffffff;
        CLOCK->control = 1;
    }
    // 32 bits wrap in 171 s; qemu_poll() and every sleep come by more often.
    uint32_t value = CLOCK->value;
    ticks += last_value - value;
    last_value = value;
    return ticks;
}

uint64_t machine_us(void) {
    return clock_ticks() / HZ_PER_US;
}

mp_uint_t mp_hal_ticks_cpu(void) {
    return clock_ticks();
}

// This machine has no calendar: time starts at the epoch, as on a board before it asked the network.
uint64_t mp_hal_time_ns(void) {
    return machine_us() * 1000;
}

static void idle(int64_t timeout_us) {
    if (timeout_us < 0 || timeout_us > LONGEST_SLEEP_US) {
        timeout_us = LONGEST_SLEEP_US;
    }
    // Interrupts stay masked: they only end the wfi, so no handler is needed.
    __asm__ volatile ("cpsid i");
    ALARM->control = 0;
    ALARM->interrupt = 1;
    ALARM->value = ALARM->reload = timeout_us * HZ_PER_US + 1;
    ALARM->control = 1 | 8;
    REG32(UART_CONTROL) |= 8;
    REG32(NVIC_UNPEND) = 1 << ALARM_IRQ | 1 << UART_RX_IRQ;
    REG32(NVIC_ENABLE) = 1 << ALARM_IRQ | 1 << UART_RX_IRQ;
    // Input that came before its interrupt was switched on would not end the sleep.
    if (!(REG32(0x40004004) & 2)) {
        __asm__ volatile ("wfi");
    }
    REG32(NVIC_DISABLE) = 1 << ALARM_IRQ | 1 << UART_RX_IRQ;
    ALARM->control = 0;
    ALARM->interrupt = 1;
    REG32(UART_CONTROL) &= ~8;
    REG32(UART_INTERRUPT) = 2;
    REG32(NVIC_UNPEND) = 1 << ALARM_IRQ | 1 << UART_RX_IRQ;
    __asm__ volatile ("cpsie i");
}

void machine_reset(void) {
    REG32(AIRCR) = 0x05fa0004;
    for (;;) {
    }
}

#endif

uint64_t machine_idle_us;

void machine_sleep(int64_t timeout_us) {
    uint64_t start = machine_us();
    idle(chip_sleep_us(timeout_us));
    machine_idle_us += machine_us() - start;
}

// The port ends the emulator where a board would start again: machine.reset() is exit(0) there.
void __real_exit(int status);
void __wrap_exit(int status) {
    if (status == 0) {
        machine_reset();
    }
    __real_exit(status);
}

mp_uint_t mp_hal_ticks_us(void) {
    return machine_us();
}

mp_uint_t mp_hal_ticks_ms(void) {
    return machine_us() / 1000;
}

void mp_hal_delay_us(mp_uint_t us) {
    for (uint64_t until = machine_us() + us; machine_us() < until;) {
    }
}

void mp_hal_delay_ms(mp_uint_t ms) {
    uint64_t until = machine_us() + (uint64_t)ms * 1000;
    for (;;) {
        mp_handle_pending(true);
        qemu_poll();
        MP_THREAD_GIL_EXIT();
        MP_THREAD_GIL_ENTER();
        int64_t left = until - machine_us();
        if (left <= 0) {
            return;
        }
        machine_sleep(left);
    }
}
