// The chip's source of randomness: virtio-rng (VIRTIO 1.2, section 5.4).
#include "py/mperrno.h"
#include "py/runtime.h"
#include "virtio.h"

void chip_fill_random(uint8_t *to, size_t size) {
    static queue_t queue;
    static uintptr_t base;
    static uint8_t buffer[64];
    if (!base) {
        if (virtio_find(DEVICE_RANDOM, &base) < 0) {
            mp_raise_OSError(MP_ENODEV);
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
