// Devices on QEMU's memory bus. Source: Virtual I/O Device (VIRTIO) 1.2, OASIS, 2.7 (rings) and 4.2.2 (registers).
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define RING (16)
enum { DEVICE_NET = 1, DEVICE_RANDOM = 4 };
enum { DESCRIPTOR_WRITE = 2 };

typedef struct {
    struct { uint64_t address; uint32_t length; uint16_t flags, next; } descriptors[RING] __attribute__((aligned(16)));
    struct { uint16_t flags, index, ring[RING]; } available __attribute__((aligned(4)));
    struct { uint16_t flags, index; struct { uint32_t id, length; } ring[RING]; } used __attribute__((aligned(4)));
    uint16_t seen;
} queue_t;

int virtio_find(int device, uintptr_t *base);       // its slot; -1: there is none
void virtio_begin(uintptr_t base, uint32_t features);
void virtio_queue(uintptr_t base, int number, queue_t *queue);
void virtio_ready(uintptr_t base);
void virtio_offer(uintptr_t base, int number, queue_t *queue, uint16_t descriptor);
// The oldest that the device has done; queue->seen++ takes it.
bool virtio_used(queue_t *queue, uint32_t *id, uint32_t *length);
void virtio_quiet(uintptr_t base);                  // takes back its interrupt
