// ESP-IDF's heap as MicroPython sees it: regions tried in order, four bytes of overhead a piece, and a largest piece
// that is told in the allocator's size classes. The real one is a TLSF; this one takes the best fit, which leaves the
// same holes but for chance.
#include <string.h>
#include "idfheap.h"

#define REGION_COUNT (sizeof(specs) / sizeof(specs[0]))
#define HEADER (4)
#define LEAST (12)              // no block has less room than this
#define USED (1)
#define CLASSES_PER_DOUBLING (5)    // a power of two: 32 size classes between one power of two and the next

static const region_spec_t specs[] = REGIONS;
#define ARENA_BYTES (192 * 1024)

// A block: its size with the header (a multiple of 4) and whether it is used, then its bytes.
static struct {
    uint32_t *start, *end;
    size_t free, least;
} regions[REGION_COUNT];
static uint32_t arena[ARENA_BYTES / 4] __attribute__((aligned(16)));
static bool ready;

static void prepare(void) {
    uint32_t *at = arena;
    for (size_t i = 0; i < REGION_COUNT; i++) {
        regions[i].start = at;
        at += specs[i].free / 4 + 1;
        regions[i].end = at;
        *regions[i].start = specs[i].free / 4 * 4 + HEADER;
        regions[i].free = regions[i].least = specs[i].free / 4 * 4;
    }
    ready = true;
}

// The next block; free neighbours become one on the way.
static uint32_t *next(uint32_t *block, uint32_t *end) {
    uint32_t *following = block + (*block & ~USED) / 4;
    while (!(*block & USED) && following < end && !(*following & USED)) {
        *block += *following;
        following = block + *block / 4;
    }
    return following;
}

static void *take(size_t region, size_t size) {
    uint32_t *best = NULL, *end = regions[region].end;
    size_t wanted = ((size < LEAST ? LEAST : size) + 3) / 4 * 4 + HEADER;
    for (uint32_t *block = regions[region].start, *following; block < end; block = following) {
        following = next(block, end);
        if (!(*block & USED) && *block >= wanted && (!best || *block < *best)) {
            best = block;
        }
    }
    if (!best) {
        return NULL;
    }
    if (*best - wanted >= HEADER + LEAST) {
        best[wanted / 4] = *best - wanted;
        *best = wanted;
    }
    regions[region].free -= *best;
    if (regions[region].free < regions[region].least) {
        regions[region].least = regions[region].free;
    }
    *best |= USED;
    return best + 1;
}

void *idf_malloc_caps(size_t size, uint32_t caps) {
    if (!ready) {
        prepare();
    }
    void *piece = NULL;
    for (size_t i = 0; i < REGION_COUNT && !piece; i++) {
        if ((specs[i].caps & caps) == caps) {
            piece = take(i, size);
        }
    }
    return piece;
}

void *idf_malloc(size_t size) {
    return idf_malloc_caps(size, CAP_8BIT);
}

void *idf_malloc_near(size_t size, size_t region) {
    if (!ready) {
        prepare();
    }
    void *piece = take(region, size);
    return piece ? piece : idf_malloc(size);
}

void idf_free(void *piece) {
    if (!piece) {
        return;
    }
    uint32_t *block = (uint32_t *)piece - 1;
    *block &= ~USED;
    for (size_t i = 0; i < REGION_COUNT; i++) {
        if (block >= regions[i].start && block < regions[i].end) {
            regions[i].free += *block;
        }
    }
}

static size_t largest_in(size_t region) {
    size_t most = 0;
    uint32_t *end = regions[region].end;
    for (uint32_t *block = regions[region].start, *following; block < end; block = following) {
        following = next(block, end);
        if (!(*block & USED) && *block - HEADER > most) {
            most = *block - HEADER;
        }
    }
    // A request is met from the class above it only, so a block counts as much as the class below it.
    size_t step = 4;
    while (most >> (CLASSES_PER_DOUBLING + 1) >= step) {
        step *= 2;
    }
    return most / step * step;
}

size_t idf_largest(void) {
    if (!ready) {
        prepare();
    }
    size_t most = 0;
    for (size_t i = 0; i < REGION_COUNT; i++) {
        size_t here = largest_in(i);
        most = here > most ? here : most;
    }
    return most;
}

bool idf_info(size_t region, uint32_t caps, idf_info_t *info) {
    if (region >= REGION_COUNT) {
        return false;
    }
    if (!ready) {
        prepare();
    }
    *info = (idf_info_t) { 0 };
    if ((specs[region].caps & caps) == caps) {
        *info = (idf_info_t) { specs[region].total, regions[region].free, largest_in(region), regions[region].least };
    }
    return true;
}

void idf_forget_least(void) {
    for (size_t i = 0; i < REGION_COUNT; i++) {
        regions[i].least = regions[i].free;
    }
}
