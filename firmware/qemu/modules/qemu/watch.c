// What benchmarks and tests ask the emulated board and a real one cannot tell: the largest allocation, its idle time.
//
//   qemu.largest()   bytes of the largest allocation since the last call
//   qemu.limit(n)    from now on an allocation of more than n bytes fails with MemoryError (0: any may be had)
//   qemu.idle_us()   microseconds spent waiting since start: the rest was work
#include "py/gc.h"
#include "py/runtime.h"
#include "machine.h"

void *__real_gc_alloc(size_t n, unsigned int flags);
void *__real_gc_realloc(void *old, size_t n, bool move);

static size_t largest, limit;
extern uint32_t profile_allocations;  // profile.c

static bool refused(size_t n) {
    profile_allocations += n > MICROPY_BYTES_PER_GC_BLOCK;
    if (n > largest) {
        largest = n;
    }
    return limit && n > limit;
}

void *__wrap_gc_alloc(size_t n, unsigned int flags) {
    return refused(n) ? NULL : __real_gc_alloc(n, flags);
}

void *__wrap_gc_realloc(void *old, size_t n, bool move) {
    return n && refused(n) ? NULL : __real_gc_realloc(old, n, move);
}

static mp_obj_t watch_largest(void) {
    size_t n = largest;
    largest = 0;
    return mp_obj_new_int_from_uint(n);
}
MP_DEFINE_CONST_FUN_OBJ_0(watch_largest_obj, watch_largest);

static mp_obj_t watch_limit(mp_obj_t n) {
    limit = mp_obj_get_int(n);
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_1(watch_limit_obj, watch_limit);

static mp_obj_t watch_idle_us(void) {
    return mp_obj_new_int_from_ull(machine_idle_us);
}
MP_DEFINE_CONST_FUN_OBJ_0(watch_idle_us_obj, watch_idle_us);
