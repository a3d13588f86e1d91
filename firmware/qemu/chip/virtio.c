// What every device on QEMU's memory bus asks of its driver: virtio.h.
#include <string.h>
#include "virtio.h"

#define SLOTS (8)
#define REG(offset) (*(volatile uint32_t *)(base + (offset)))
#define FENCE() __asm__ volatile ("fence" : : : "memory")
enum { DEVICE_ID = 0x08, FEATURES = 0x20, FEATURES_SELECT = 0x24, QUEUE_SELECT = 0x30, QUEUE_SIZE = 0x38 };
enum { QUEUE_READY = 0x44, NOTIFY = 0x50, INTERRUPT = 0x60, INTERRUPT_ACK = 0x64, STATUS = 0x70 };
enum { QUEUE_ADDRESSES = 0x80 };
enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8 };
enum { VERSION_1_HIGH = 1 };

int virtio_find(int device, uintptr_t *found) {
    for (int slot = 0; slot < SLOTS; slot++) {
        uintptr_t base = 0x10001000 + 0x1000 * slot;
        if (REG(DEVICE_ID) == (uint32_t)device) {
            *found = base;
            return slot;
        }
    }
    return -1;
}

void virtio_begin(uintptr_t base, uint32_t features) {
    REG(STATUS) = 0;
    REG(STATUS) = ACKNOWLEDGE | DRIVER;
    REG(FEATURES_SELECT) = 0;
    REG(FEATURES) = features;
    REG(FEATURES_SELECT) = 1;
    REG(FEATURES) = VERSION_1_HIGH;
    REG(STATUS) = ACKNOWLEDGE | DRIVER | FEATURES_OK;
}

void virtio_queue(uintptr_t base, int number, queue_t *queue) {
    memset(queue, 0, sizeof(*queue));
    REG(QUEUE_SELECT) = number;
    REG(QUEUE_SIZE) = RING;
    uintptr_t parts[3] = { (uintptr_t)queue->descriptors, (uintptr_t)&queue->available, (uintptr_t)&queue->used };
    for (int i = 0; i < 3; i++) {
        REG(QUEUE_ADDRESSES + 0x10 * i) = parts[i];
        REG(QUEUE_ADDRESSES + 0x10 * i + 4) = 0;
    }
    REG(QUEUE_READY) = 1;
}

void virtio_ready(uintptr_t base) {
    REG(STATUS) = ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK;
}

void virtio_offer(uintptr_t base, int number, queue_t *queue, uint16_t descriptor) {
    queue->available.ring[queue->available.index % RING] = descriptor;
    FENCE();
    queue->available.index++;
    FENCE();
    REG(NOTIFY) = number;
}

bool virtio_used(queue_t *queue, uint32_t *id, uint32_t *length) {
    FENCE();
    if (*(volatile uint16_t *)&queue->used.index == queue->seen) {
        return false;
    }
    *id = queue->used.ring[queue->seen % RING].id;
    *length = queue->used.ring[queue->seen % RING].length;
    return true;
}

void virtio_quiet(uintptr_t base) {
    uint32_t status = REG(INTERRUPT);
    if (status) {
        REG(INTERRUPT_ACK) = status;
    }
}
