// The chip's source of randomness: virtio-rng (VIRTIO 1.2, section 5.4).
// Without that device (where instructions are counted, and waiting for it would count) the bytes are those of a fixed
// generator.
#include <stddef.h>
#include "virtio.h"

static void fixed(uint8_t *to, size_t size) {
    static uint32_t state = 1;
    while (size--) {
        state = state * 1664525 + 1013904223;
        *to++ = state >> 24;
    }
}

void chip_fill_random(uint8_t *to, size_t size) {
    static queue_t queue;
    static uintptr_t base;
    static uint8_t buffer[64];
    if (!base) {
        if (virtio_find(DEVICE_RANDOM, &base) < 0) {
            fixed(to, size);
            return;
        }
        virtio_begin(base, 0);
        virtio_queue(base, 0, &queue);
        virtio_ready(base);
    }
    while (size) {
        uint32_t id, length;
        queue.descriptors[0].address = (uintptr_t)buffer;
        queue.descriptors[0].length = size < sizeof(buffer) ? size : sizeof(buffer);
        queue.descriptors[0].flags = DESCRIPTOR_WRITE;
        virtio_offer(base, 0, &queue, 0);
        while (!virtio_used(&queue, &id, &length)) {
        }
        queue.seen++;
        virtio_quiet(base);
        for (uint32_t i = 0; i < length && size; i++, size--) {
            *to++ = buffer[i];
        }
    }
}
