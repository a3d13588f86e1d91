// The chip's own heap, of which MicroPython's heap is one customer among others. Implemented in idfheap.c.
#pragma once
#include <stdbool.h>
#include "profile.h"

typedef struct {
    size_t total, free, largest, least;
} idf_info_t;

void *idf_malloc(size_t size);
void *idf_malloc_caps(size_t size, uint32_t caps);
void *idf_malloc_near(size_t size, size_t region);      // from this region first
void idf_free(void *piece);
size_t idf_largest(void);               // the largest piece that one request could have
bool idf_info(size_t region, uint32_t caps, idf_info_t *info);  // false: no such region (NULL info.total: other caps)
void idf_forget_least(void);            // from now on `least` is of what comes
