// What a profile adds to boardconfig.h: MicroPython as ports/esp32 configures it where memory is concerned.
#include <stddef.h>
#define MICROPY_GC_SPLIT_HEAP (1)
#define MICROPY_GC_SPLIT_HEAP_AUTO (1)
void *idf_malloc(size_t size);
void idf_free(void *piece);
#define MP_PLAT_ALLOC_HEAP(size) idf_malloc(size)
#define MP_PLAT_FREE_HEAP(area) idf_free(area)

void chip_alloc_exec(size_t size, void **code, size_t *room);
void *chip_commit_exec(void *code, size_t size, void *reloc);
#define MP_PLAT_ALLOC_EXEC(size, code, room) chip_alloc_exec(size, code, room)
#define MP_PLAT_FREE_EXEC(code, size) m_del(byte, code, size)
#define MP_PLAT_COMMIT_EXEC(code, size, reloc) chip_commit_exec(code, size, reloc)

#define MICROPY_PY_OS_URANDOM (1)
#define MICROPY_PY_OS_INCLUDEFILE "chip/urandom.h"

#define MICROPY_PY_THREAD (1)
#define MICROPY_PY_THREAD_GIL (1)
#define MICROPY_MPTHREADPORT_H "chip/mpthreadport.h"
