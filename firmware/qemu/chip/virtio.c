// The radio's antenna: QEMU's virtio-net on the memory bus (Virtual I/O Device 1.2, sections 4.2.2, 2.7 and 5.1), whose other end is
// QEMU's user network. Its rings are no memory of the chip.
#include <string.h>
#include "py/mphal.h"
#include "modules/qemu/machine.h"
#include "chip.h"

#define SLOTS (8)
#define SLOT(i) (0x10001000 + 0x1000 * (i))
#define REG(offset) (*(volatile uint32_t *)(base + (offset)))
#define CONFIG8(offset) (*(volatile uint8_t *)(base + 0x100 + (offset)))
#define NET_DEVICE (1)
#define RING (16)
#define HEADER (12)
enum { RX, TX };
enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8 };
enum { F_MAC = 1 << 5, F_STATUS = 1 << 16, F_VERSION_1_HIGH = 1 };
enum { DESCRIPTOR_WRITE = 2 };

typedef struct { uint64_t address; uint32_t length; uint16_t flags, next; } descriptor_t;
static struct {
    descriptor_t descriptors[RING] __attribute__((aligned(16)));
    struct { uint16_t flags, index, ring[RING]; } available __attribute__((aligned(4)));
    struct { uint16_t flags, index; struct { uint32_t id, length; } ring[RING]; } used __attribute__((aligned(4)));
    uint8_t buffers[RING][HEADER + FRAME_BYTES] __attribute__((aligned(16)));
    uint16_t seen;
} queues[2];
static uintptr_t base;

static void offer(int queue, uint16_t buffer) {
    queues[queue].available.ring[queues[queue].available.index % RING] = buffer;
    __asm__ volatile ("fence" : : : "memory");
    queues[queue].available.index++;
    __asm__ volatile ("fence" : : : "memory");
    REG(0x50) = queue;      // QueueNotify
}

static void set_up(int queue) {
    REG(0x30) = queue;      // QueueSel
    REG(0x38) = RING;       // QueueNum
    uintptr_t parts[3] = { (uintptr_t)queues[queue].descriptors, (uintptr_t)&queues[queue].available, (uintptr_t)&queues[queue].used };
    for (int i = 0; i < 3; i++) {
        REG(0x80 + 0x10 * i) = parts[i];
        REG(0x84 + 0x10 * i) = 0;
    }
    REG(0x44) = 1;          // QueueReady
    for (int i = 0; i < RING; i++) {
        queues[queue].descriptors[i] = (descriptor_t) {
            (uintptr_t)queues[queue].buffers[i], HEADER + FRAME_BYTES, queue == RX ? DESCRIPTOR_WRITE : 0, 0
        };
    }
}

bool frames_start(uint8_t mac[6]) {
    int slot = 0;
    for (base = SLOT(0); slot < SLOTS && REG(0x08) != NET_DEVICE; base = SLOT(slot)) {
        slot++;
    }
    if (slot == SLOTS) {
        base = 0;
        return false;
    }
    memset(queues, 0, sizeof(queues));
    REG(0x70) = 0;          // Status: reset
    REG(0x70) = ACKNOWLEDGE | DRIVER;
    REG(0x24) = 0;          // DriverFeaturesSel
    REG(0x20) = F_MAC | F_STATUS;
    REG(0x24) = 1;
    REG(0x20) = F_VERSION_1_HIGH;
    REG(0x70) = ACKNOWLEDGE | DRIVER | FEATURES_OK;
    set_up(RX);
    set_up(TX);
    REG(0x70) = ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK;
    for (int i = 0; i < RING; i++) {
        offer(RX, i);
    }
    for (int i = 0; i < 6; i++) {
        mac[i] = CONFIG8(i);
    }
    machine_wake_irq = 1 + slot;
    return true;
}

bool frames_link(void) {
    return base && CONFIG8(6) & 1;
}

size_t frames_receive(uint8_t **frame) {
    if (!base) {
        return 0;
    }
    __asm__ volatile ("fence" : : : "memory");
    uint16_t seen = queues[RX].seen;
    if (*(volatile uint16_t *)&queues[RX].used.index == seen) {
        return 0;
    }
    uint32_t status = REG(0x60);    // InterruptStatus
    if (status) {
        REG(0x64) = status;         // InterruptACK
    }
    *frame = queues[RX].buffers[queues[RX].used.ring[seen % RING].id] + HEADER;
    return queues[RX].used.ring[seen % RING].length - HEADER;
}

void frames_received(void) {
    offer(RX, queues[RX].used.ring[queues[RX].seen++ % RING].id);
}

void frames_quiet(void) {
    uint32_t status = base ? REG(0x60) : 0;
    if (status) {
        REG(0x64) = status;
    }
}

bool frames_send(const void *frame, size_t size) {
    uint16_t index = queues[TX].available.index;
    if (!base || size > FRAME_BYTES || (uint16_t)(index - *(volatile uint16_t *)&queues[TX].used.index) >= RING) {
        return false;
    }
    memset(queues[TX].buffers[index % RING], 0, HEADER);
    memcpy(queues[TX].buffers[index % RING] + HEADER, frame, size);
    queues[TX].descriptors[index % RING].length = HEADER + size;
    offer(TX, index % RING);
    return true;
}
