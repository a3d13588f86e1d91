// Where the instructions and the allocations of a piece of Python code go, function by function.
//
//   qemu.profile(table)  from now on each function's share is written into `table` (a bytearray, held by the caller);
//                        qemu.profile(None) ends that
//   qemu.profiled()      [(file, function, calls, instructions, allocations, frames)] since the last call. What a
//                        function calls is not in its share. allocations: of more than one block of the heap, and
//                        thus with a search for room; frames: calls whose locals had no room on the C stack.
#include <string.h>
#include "py/bc.h"
#include "py/gc.h"
#include "py/mphal.h"
#include "py/objfun.h"
#include "py/runtime.h"

typedef struct {
    const byte *code;
    qstr file, name;
    uint32_t calls, instructions, allocations, frames;
} share_t;

uint32_t profile_allocations;
static share_t *shares;
static size_t room, used;
static uint32_t inner_instructions, inner_allocations;

mp_vm_return_kind_t __real_mp_execute_bytecode(mp_code_state_t *state, volatile mp_obj_t inject);

static share_t *share_of(const mp_obj_fun_bc_t *f) {
    for (size_t i = 0; i < used; i++) {
        if (shares[i].code == f->bytecode) {
            return &shares[i];
        }
    }
    if (used == room) {
        return &shares[room - 1];
    }
    share_t *s = &shares[used++];
    memset(s, 0, sizeof *s);
    s->code = f->bytecode;
    s->file = f->context->constants.qstr_table[0];
    s->name = mp_obj_fun_get_name(MP_OBJ_FROM_PTR(f));
    return s;
}

mp_vm_return_kind_t __wrap_mp_execute_bytecode(mp_code_state_t *state, volatile mp_obj_t inject) {
    if (shares == NULL) {
        return __real_mp_execute_bytecode(state, inject);
    }
    uint32_t enter = mp_hal_ticks_cpu();
    share_t *share = share_of(state->fun_bc);
    bool on_heap = (byte *)state >= MP_STATE_MEM(area).gc_pool_start && (byte *)state < MP_STATE_MEM(area).gc_pool_end;
    uint32_t outer = inner_instructions, outer_allocations = inner_allocations;
    uint32_t allocations = profile_allocations, start = mp_hal_ticks_cpu();
    inner_instructions = inner_allocations = 0;
    mp_vm_return_kind_t kind = __real_mp_execute_bytecode(state, inject);
    uint32_t taken = mp_hal_ticks_cpu() - start, allocated = profile_allocations - allocations;
    share->calls++;
    share->frames += on_heap;
    share->instructions += taken - inner_instructions;
    share->allocations += allocated - inner_allocations;
    inner_instructions = outer + mp_hal_ticks_cpu() - enter;  // our own work is nobody's
    inner_allocations = outer_allocations + allocated;
    return kind;
}

static mp_obj_t profile_profile(mp_obj_t table) {
    shares = NULL;
    if (table != mp_const_none) {
        mp_buffer_info_t buffer;
        mp_get_buffer_raise(table, &buffer, MP_BUFFER_WRITE);
        used = 0;
        room = buffer.len / sizeof *shares;
        shares = buffer.buf;
    }
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_1(profile_profile_obj, profile_profile);

static mp_obj_t profile_profiled(void) {
    share_t *all = shares;
    shares = NULL;
    mp_obj_t list = mp_obj_new_list(0, NULL);
    for (size_t i = 0; all && i < used; i++) {
        mp_obj_t share[] = {
            MP_OBJ_NEW_QSTR(all[i].file), MP_OBJ_NEW_QSTR(all[i].name), mp_obj_new_int_from_uint(all[i].calls),
            mp_obj_new_int_from_uint(all[i].instructions), mp_obj_new_int_from_uint(all[i].allocations),
            mp_obj_new_int_from_uint(all[i].frames),
        };
        mp_obj_list_append(list, mp_obj_new_tuple(6, share));
    }
    used = 0;
    inner_instructions = inner_allocations = 0;
    shares = all;
    return list;
}
MP_DEFINE_CONST_FUN_OBJ_0(profile_profiled_obj, profile_profiled);
