// What tests and benchmarks ask of a profile and no chip can tell (module "chip"):
//
//   chip.frames()      (received, dropped, sent, refused) since start; dropped and refused: no memory for them
//   chip.hold(n)       takes n bytes of the chip's heap, as a driver would; a number to release(); None: no such piece
//   chip.release(held) gives them back
//   chip.forget()      what idf_heap_info tells as least is of what comes from now on
#include "py/runtime.h"
#include "idfheap.h"
#include "chip.h"

// Names cost no heap there: they are in flash.
static const qstr_short_t flash_names[] __attribute__((unused)) = {
#include "flashnames.h"
};

static mp_obj_t chip_frames(void) {
    mp_obj_t fields[] = {
        mp_obj_new_int_from_uint(radio_frames.received), mp_obj_new_int_from_uint(radio_frames.dropped),
        mp_obj_new_int_from_uint(radio_frames.sent), mp_obj_new_int_from_uint(radio_frames.refused),
    };
    return mp_obj_new_tuple(MP_ARRAY_SIZE(fields), fields);
}
static MP_DEFINE_CONST_FUN_OBJ_0(chip_frames_obj, chip_frames);

static mp_obj_t chip_hold(mp_obj_t size) {
    void *piece = idf_malloc(mp_obj_get_int(size));
    return piece ? mp_obj_new_int_from_uint((uintptr_t)piece) : mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(chip_hold_obj, chip_hold);

static mp_obj_t chip_release(mp_obj_t held) {
    idf_free((void *)(uintptr_t)mp_obj_get_int_truncated(held));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(chip_release_obj, chip_release);

static mp_obj_t chip_forget(void) {
    idf_forget_least();
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_0(chip_forget_obj, chip_forget);

static const mp_rom_map_elem_t chip_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_chip) },
    { MP_ROM_QSTR(MP_QSTR_frames), MP_ROM_PTR(&chip_frames_obj) },
    { MP_ROM_QSTR(MP_QSTR_forget), MP_ROM_PTR(&chip_forget_obj) },
    { MP_ROM_QSTR(MP_QSTR_hold), MP_ROM_PTR(&chip_hold_obj) },
    { MP_ROM_QSTR(MP_QSTR_release), MP_ROM_PTR(&chip_release_obj) },
};
static MP_DEFINE_CONST_DICT(chip_globals, chip_globals_table);

const mp_obj_module_t chip_module = { .base = { &mp_type_module }, .globals = (mp_obj_dict_t *)&chip_globals };
MP_REGISTER_MODULE(MP_QSTR_chip, chip_module);
