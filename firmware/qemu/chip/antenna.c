// The radio's antenna: virtio-net (VIRTIO 1.2, section 5.1), whose other end is QEMU's user network. Its rings are no
// memory of the chip.
#include <string.h>
#include "modules/qemu/machine.h"
#include "chip.h"
#include "virtio.h"

#define CONFIG8(offset) (*(volatile uint8_t *)(base + 0x100 + (offset)))
#define HEADER (12)
enum { RX, TX };
enum { F_MAC = 1 << 5, F_STATUS = 1 << 16 };
enum { STATUS_AT = 6, LINK_UP = 1 };

static queue_t queues[2];
static uint8_t buffers[2][RING][HEADER + FRAME_BYTES] __attribute__((aligned(16)));
static uintptr_t base;

bool frames_start(uint8_t mac[6]) {
    int slot = virtio_find(DEVICE_NET, &base);
    if (slot < 0) {
        return false;
    }
    virtio_begin(base, F_MAC | F_STATUS);
    for (int number = RX; number <= TX; number++) {
        virtio_queue(base, number, &queues[number]);
        for (int i = 0; i < RING; i++) {
            queues[number].descriptors[i].address = (uintptr_t)buffers[number][i];
            queues[number].descriptors[i].length = HEADER + FRAME_BYTES;
            queues[number].descriptors[i].flags = number == RX ? DESCRIPTOR_WRITE : 0;
        }
    }
    virtio_ready(base);
    for (int i = 0; i < RING; i++) {
        virtio_offer(base, RX, &queues[RX], i);
    }
    for (int i = 0; i < 6; i++) {
        mac[i] = CONFIG8(i);
    }
    machine_wake_irq = 1 + slot;
    return true;
}

bool frames_link(void) {
    return base && CONFIG8(STATUS_AT) & LINK_UP;
}

size_t frames_receive(uint8_t **frame) {
    uint32_t id, length;
    if (!base || !virtio_used(&queues[RX], &id, &length)) {
        return 0;
    }
    *frame = buffers[RX][id] + HEADER;
    return length - HEADER;
}

void frames_received(void) {
    uint32_t id, length;
    if (virtio_used(&queues[RX], &id, &length)) {
        queues[RX].seen++;
        virtio_offer(base, RX, &queues[RX], id);
    }
}

void frames_quiet(void) {
    if (base) {
        virtio_quiet(base);
    }
}

bool frames_send(const void *frame, size_t size) {
    queue_t *queue = &queues[TX];
    uint16_t index = queue->available.index;
    if (!base || size > FRAME_BYTES || (uint16_t)(index - *(volatile uint16_t *)&queue->used.index) >= RING) {
        return false;
    }
    memset(buffers[TX][index % RING], 0, HEADER);
    memcpy(buffers[TX][index % RING] + HEADER, frame, size);
    queue->descriptors[index % RING].length = HEADER + size;
    virtio_offer(base, TX, queue, index % RING);
    return true;
}
