// The native module xipnative: bytecode that runs out of an image in memory-mapped flash (README.md beside this file).
// It looks at MicroPython's objects word by word; layout() proves on the running firmware that they lie as assumed
// before
// anything else here is trusted. Nothing is written but a module's own table of constants (enter()).
#include "py/dynruntime.h"
#include "xip.h"

// The first words of MicroPython's objects: py/objfun.h, py/bc.h, py/emitglue.h, py/objstr.h, py/objtuple.h, 1.23 to
// 1.27.
enum { FUN_CONTEXT = 1, FUN_CHILDREN = 2, FUN_BYTECODE = 3 };
enum { CONTEXT_OBJECTS = 3 };
enum { RAW_FLAGS = 0, RAW_BYTECODE = 1, RAW_CHILDREN = 2 };
enum { STR_HASH = 1, STR_LEN = 2, STR_DATA = 3 };
enum { TUPLE_LEN = 1, TUPLE_ITEMS = 2 };

// What layout() answers; 0 is "as assumed". xip_start.py has the words for people.
enum { FITS, NO_FUNCTION, OTHER_FUNCTION, OTHER_RAW_CODE, OTHER_CONTEXT, OTHER_OBJECT };

static bool same(const uint8_t *a, const uint8_t *b, size_t n) {
    while (n--) {
        if (*a++ != *b++) {
            return false;
        }
    }
    return true;
}

// Could this word be a pointer to something aligned that lies in the same memory as `beside`? Else it is not followed.
static bool pointer(word p, word beside) {
    word distance = p > beside ? p - beside : beside - p;
    return p % sizeof(word) == 0 && p && distance < 0x1000000;
}

static const xip_image *image(mp_obj_t view) {
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(view, &buffer, MP_BUFFER_READ);
    return buffer.buf;
}

// Raw code as the stock importer has made it against raw code as the host has made it.
static bool same_raw_code(const word *ram, const word *rom, word beside) {
    if (!pointer((word)ram, beside) || (uint32_t)ram[RAW_FLAGS] != (uint32_t)rom[RAW_FLAGS]) {
        return false;
    }
    const uint8_t *code = (const uint8_t *)rom[RAW_BYTECODE];
    uint32_t facts = ((const uint32_t *)code)[-1];      // length, number of children
    word found = ram[RAW_BYTECODE];
    if (!pointer(found & ~(sizeof(word) - 1), beside) || !same((const uint8_t *)found, code, facts & 0xffff)) {
        return false;
    }
    size_t children = facts >> 16;
    if (!children) {
        return ram[RAW_CHILDREN] == 0;
    }
    if (!pointer(ram[RAW_CHILDREN], beside)) {
        return false;
    }
    for (size_t i = 0; i < children; i++) {
        if (!same_raw_code(((const word **)ram[RAW_CHILDREN])[i], ((const word **)rom[RAW_CHILDREN])[i], beside)) {
            return false;
        }
    }
    return true;
}

// A constant in RAM against the same constant in the image: types, fields, contents.
static bool same_object(word ram, word rom, const word *tuple_type, word beside) {
    if (ram == rom) {
        return true;    // no pointer, but None, True, a small number
    }
    if (!pointer(ram, beside) || (rom & 3)) {
        return false;
    }
    const word *a = (const word *)ram, *b = (const word *)rom;
    if (a[0] != b[0]) {
        return false;
    }
    if (a[0] == (word)tuple_type) {
        bool equal = a[TUPLE_LEN] == b[TUPLE_LEN];
        for (size_t i = 0; equal && i < b[TUPLE_LEN]; i++) {
            equal = same_object(a[TUPLE_ITEMS + i], b[TUPLE_ITEMS + i], tuple_type, beside);
        }
        return equal;
    }
    word data = a[STR_DATA];
    return a[STR_LEN] == b[STR_LEN] && a[STR_HASH] == b[STR_HASH] && pointer(data & ~(sizeof(word) - 1), beside)
           && same((const uint8_t *)data, (const uint8_t *)b[STR_DATA], b[STR_LEN]);
}

// layout(function, view, mark): function is the first one that the module `xip_probe` makes, loaded by the stock
// importer,
// mark a constant of that module. Module 0 of the image is the same source.
static mp_obj_t layout(mp_obj_t function, mp_obj_t view, mp_obj_t mark) {
    const xip_image *image_at = image(view);
    const xip_module *probe = &image_at->modules[0];
    const word *fun = (const word *)function;
    word beside = (word)function;
    if (!mp_obj_is_obj(function) || !pointer(fun[FUN_CONTEXT], beside)) {
        return MP_OBJ_NEW_SMALL_INT(NO_FUNCTION);
    }
    const word *module_code = (const word *)((word)image_at + probe->raw_code);
    const word *rom = ((const word **)module_code[RAW_CHILDREN])[0];
    // A function has the last two fields of its raw code, in the other order.
    word seen[3] = { rom[RAW_FLAGS], fun[FUN_BYTECODE], fun[FUN_CHILDREN] };
    // seen[] lies on the stack: only what it points to must be near.
    const uint8_t *code = (const uint8_t *)rom[RAW_BYTECODE];
    uint32_t facts = ((const uint32_t *)code)[-1];
    if (!pointer(seen[RAW_BYTECODE] & ~(sizeof(word) - 1), beside) || !pointer(seen[RAW_CHILDREN], beside)
        || !same((const uint8_t *)seen[RAW_BYTECODE], code, facts & 0xffff)) {
        return MP_OBJ_NEW_SMALL_INT(OTHER_FUNCTION);
    }
    for (size_t i = 0; i < facts >> 16; i++) {
        if (!same_raw_code(((const word **)seen[RAW_CHILDREN])[i], ((const word **)rom[RAW_CHILDREN])[i], beside)) {
            return MP_OBJ_NEW_SMALL_INT(OTHER_RAW_CODE);
        }
    }
    const word *context = (const word *)fun[FUN_CONTEXT];
    if (!pointer(context[CONTEXT_OBJECTS], beside)) {
        return MP_OBJ_NEW_SMALL_INT(OTHER_CONTEXT);
    }
    const word *objects = (const word *)context[CONTEXT_OBJECTS];
    size_t i = 0;
    while (i < image_at->probe_objects && objects[i] != (word)mark) {
        i++;
    }
    if (i == image_at->probe_objects) {
        return MP_OBJ_NEW_SMALL_INT(OTHER_CONTEXT);
    }
    if (probe->objects) {
        const word *tuple_type = ((const word **)mp_obj_new_tuple(0, NULL))[0];
        const word *table = (const word *)((word)image_at + probe->objects);
        for (i = 0; i < image_at->probe_objects; i++) {
            if (!same_object(objects[i], table[i], tuple_type, beside)) {
                return MP_OBJ_NEW_SMALL_INT(OTHER_OBJECT);
            }
        }
    }
    return MP_OBJ_NEW_SMALL_INT(FITS);
}
static MP_DEFINE_CONST_FUN_OBJ_3(layout_obj, layout);

// enter(function, view, number, check) -> the module's own top level as a function, running out of the image.
// function is any that the stub has made: it leads to the stub's context, with the module's names and globals.
static mp_obj_t enter(size_t n_args, const mp_obj_t *args) {
    const xip_image *image_at = image(args[1]);
    size_t number = mp_obj_get_int(args[2]);
    if (number >= image_at->module_count || image_at->modules[number].check != (uint32_t)mp_obj_get_int(args[3])) {
        mp_raise_ValueError("the stub is of another image");
    }
    const xip_module *module = &image_at->modules[number];
    word *context = ((word **)args[0])[FUN_CONTEXT];
    const word *objects = (const word *)((word)image_at + module->objects);
    for (size_t i = 0; i < module->mixed; i++) {
        if (objects[i]) {
            ((word *)context[CONTEXT_OBJECTS])[i] = objects[i];
        }
    }
    if (module->objects && !module->mixed) {
        context[CONTEXT_OBJECTS] = (word)objects;
    }
    const void *raw_code = (const void *)((word)image_at + module->raw_code);
    return mp_make_function_from_proto_fun(raw_code, (const mp_module_context_t *)context, NULL);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(enter_obj, 4, 4, enter);

// view(address, size): memory that is there, as a bytearray. Not for writing.
static mp_obj_t view(mp_obj_t address, mp_obj_t size) {
    return mp_obj_new_bytearray_by_ref(mp_obj_get_int(size), (void *)(word)mp_obj_get_int_truncated(address));
}
static MP_DEFINE_CONST_FUN_OBJ_2(view_obj, view);

// remap(words): shows the image to this machine's data bus; what the words are stands in map_<architecture>.c.
static mp_obj_t remap(mp_obj_t words) {
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(words, &buffer, MP_BUFFER_READ);
    if (buffer.len < XIP_MAP_WORDS * sizeof(word) || (word)buffer.buf % sizeof(word)) {
        mp_raise_ValueError("words");
    }
    return MP_OBJ_NEW_SMALL_INT(xip_map(buffer.buf));
}
static MP_DEFINE_CONST_FUN_OBJ_1(remap_obj, remap);

mp_obj_t mpy_init(mp_obj_fun_bc_t *self, size_t n_args, size_t n_kw, mp_obj_t *args) {
    MP_DYNRUNTIME_INIT_ENTRY
    mp_store_global(MP_QSTR_layout, MP_OBJ_FROM_PTR(&layout_obj));
    mp_store_global(MP_QSTR_enter, MP_OBJ_FROM_PTR(&enter_obj));
    mp_store_global(MP_QSTR_view, MP_OBJ_FROM_PTR(&view_obj));
    mp_store_global(MP_QSTR_remap, MP_OBJ_FROM_PTR(&remap_obj));
    MP_DYNRUNTIME_INIT_EXIT
}
