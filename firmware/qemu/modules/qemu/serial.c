// Serial input that never blocks the interpreter: a ring filled whenever Python runs, so that Ctrl-C stops a program
// and select.poll() works on stdin. What does not fit stays in the emulator: nothing is ever lost.
#include "py/mphal.h"
#include "py/runtime.h"
#include "py/stream.h"
#include "shared/runtime/interrupt_char.h"
#include "uart.h"
#include "machine.h"

#define RING (4096)

static uint8_t ring[RING];
static unsigned int ring_in, ring_out;      // free-running; their difference is the fill

void qemu_poll(void) {
    #if defined(QEMU_SOC_VIRT)
    // After reset the 16-byte FIFO is off. With its interrupt at 14 bytes the emulator hands over as many at a time,
    // else one; what is fewer interrupts after four characters' time, so that is made short (divisor 1).
    volatile uint8_t *uart = (volatile uint8_t *)0x10000000;
    if (uart[3] != 3) {
        uart[3] = 0x80;
        uart[0] = 1;
        uart[1] = 0;
        uart[3] = 3;
        uart[2] = 0xc1;
    }
    #else
    machine_us();
    #endif
    chip_poll();
    while (ring_in - ring_out < RING) {
        int c = uart_rx_chr();
        if (c == UART_RX_NO_CHAR) {
            return;
        }
        if (c == mp_interrupt_char) {
            mp_sched_keyboard_interrupt();
        } else {
            ring[ring_in++ % RING] = c;
        }
    }
}

void qemu_wait(int timeout_ms) {
    qemu_poll();
    if (ring_in == ring_out && !chip_heard()) {
        machine_sleep(timeout_ms < 0 ? -1 : (int64_t)timeout_ms * 1000);
        qemu_poll();
    }
}

int __wrap_mp_hal_stdin_rx_chr(void) {
    for (;;) {
        qemu_poll();
        if (ring_in != ring_out) {
            return ring[ring_out++ % RING];
        }
        mp_handle_pending(true);
        qemu_wait(-1);
    }
}

uintptr_t __wrap_mp_hal_stdio_poll(uintptr_t flags) {
    uintptr_t ready = flags & MP_STREAM_POLL_WR;
    qemu_poll();
    if ((flags & MP_STREAM_POLL_RD) && ring_in != ring_out) {
        ready |= MP_STREAM_POLL_RD;
    }
    return ready;
}
