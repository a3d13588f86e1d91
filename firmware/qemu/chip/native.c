// Native code is loaded into MicroPython's heap and copied for good into the chip's, as ports/esp32 does; a soft reset
// gives it back.
#include <string.h>
#include "py/gc.h"
#include "py/persistentcode.h"
#include "py/runtime.h"
#include "idfheap.h"
#include "chip.h"

typedef struct node {
    struct node *next;
    uint8_t code[];
} node_t;

static node_t *nodes;

// The other architecture's code is larger: so is what has to be in one piece while it loads.
void chip_alloc_exec(size_t size, void **code, size_t *room) {
    *code = m_new(byte, size * NATIVE_PER_CENT / 100);
    *room = size;
}

void *chip_commit_exec(void *code, size_t size, void *reloc) {
    size_t taken = (size * NATIVE_PER_CENT / 100 + 3) / 4 * 4 + NODE_BYTES;
    node_t *node = idf_malloc_caps(taken, CAP_EXEC);
    if (!node) {
        m_malloc_fail(taken);
    }
    node->next = nodes;
    nodes = node;
    if (reloc) {
        mp_native_relocate(reloc, code, (uintptr_t)node->code);
    }
    memcpy(node->code, code, size);
    __asm__ volatile ("fence.i");
    return node->code;
}

size_t gc_get_max_new_split(void) {
    return idf_largest();
}

void __real_gc_sweep_all(void);
void __wrap_gc_sweep_all(void) {
    chip_end_threads();
    __real_gc_sweep_all();
    while (nodes) {
        node_t *next = nodes->next;
        idf_free(nodes);
        nodes = next;
    }
}
