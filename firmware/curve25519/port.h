// One binding source, two builds: a native .mpy (py/dynruntime.h) and a USER_C_MODULE linked
// into the firmware (py/runtime.h). Also the argument checks both modules share: types and
// lengths first, the argument named, nothing touched before all of them passed.

#ifndef SC_PORT_H
#define SC_PORT_H

#include "symmetric.h"

#if MICROPY_ENABLE_DYNRUNTIME
#include "py/dynruntime.h"

// A native .mpy has no libc; compilers emit these calls on their own. The two copies have
// different bodies on purpose: identical ones GCC folds, making memmove a call of memcpy,
// which it then expands to a forward copy.
void *memmove(void *to, const void *from, size_t n) {
    return mp_fun_table.memmove_(to, from, n);
}
void *memcpy(void *to, const void *from, size_t n) {
    sc_copy(to, from, n);
    return to;
}
void *memset(void *to, int value, size_t n) {
    return mp_fun_table.memset_(to, value, n);
}

#define SC_STORE(name, object) mp_store_global(name, MP_OBJ_FROM_PTR(&object));
#define SC_MODULE(name, functions, identifier) \
    mp_obj_t mpy_init(mp_obj_fun_bc_t *self, size_t n_args, size_t n_kw, mp_obj_t *args) { \
        MP_DYNRUNTIME_INIT_ENTRY \
        functions(SC_STORE) \
        MP_DYNRUNTIME_INIT_EXIT \
    }
#else
#include "py/runtime.h"

#define SC_ENTRY(name, object) { MP_ROM_QSTR(name), MP_ROM_PTR(&object) },
#define SC_MODULE(name, functions, identifier) \
    static const mp_rom_map_elem_t identifier##_globals_table[] = { \
        { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(name) }, \
        functions(SC_ENTRY) \
    }; \
    static MP_DEFINE_CONST_DICT(identifier##_globals, identifier##_globals_table); \
    const mp_obj_module_t identifier##_module = { \
        .base = { &mp_type_module }, \
        .globals = (mp_obj_dict_t *)&identifier##_globals, \
    };
#endif

#define SC_FUNCTION(name, least, most) \
    static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(name##_obj, least, most, name)
#define SC_ANY (MP_OBJ_FUN_ARGS_MAX)  // no upper limit

// One copy in a module that calls it, none in one that does not.
#define SC_HELPER static __attribute__((noinline, unused))

// --- errors ---------------------------------------------------------------------

static char *append(char *to, const char *text) {
    while (*text) {
        *to++ = *text++;
    }
    return to;
}

static char *append_number(char *to, uint32_t number) {  // below 1000; no division: Cortex-M0+ has none
    uint32_t power = 100;
    do {
        char digit = '0';
        for (; number >= power; number -= power) {
            digit++;
        }
        if (digit > '0' || power == 1 || to[-1] != ' ') {
            *to++ = digit;
        }
        power = power == 100 ? 10 : power == 10 ? 1 : 0;
    } while (power);
    return to;
}

// Raises "<name> <text>". Names and texts are short constants of these files.
static __attribute__((noinline, noreturn)) void fail(const mp_obj_type_t *type, const char *name, const char *text) {
    char message[80];
    size_t n = (size_t)(append(append(append(message, name), " "), text) - message);
    nlr_raise(mp_obj_new_exception_arg1(type, mp_obj_new_str(message, n)));
}

static __attribute__((noinline, noreturn)) void fail_value(const char *name, const char *text) {
    fail(&mp_type_ValueError, name, text);
}

static __attribute__((noinline, noreturn)) void fail_type(const char *name, const char *text) {
    fail(&mp_type_TypeError, name, text);
}

// Raises "<name> must be <most> bytes", "... at most <most> bytes", "... <least> to <most> bytes"
// or "... <least> or more bytes" (most SIZE_MAX): the words of suite_check.py.
static __attribute__((noinline, noreturn, unused)) void fail_length(const char *name, size_t least, size_t most) {
    char text[40], *t = append(text, "must be ");
    if (least == 0) {
        t = append(t, "at most ");
    } else if (least != most) {
        t = append(append_number(t, (uint32_t)least), most == SIZE_MAX ? " or more" : " to ");
    }
    if (most != SIZE_MAX) {
        t = append_number(t, (uint32_t)most);
    }
    *append(t, " bytes") = 0;
    fail_value(name, text);
}

// --- arguments --------------------------------------------------------------------

static __attribute__((noinline)) sc_bytes buffer(mp_obj_t o, const char *name, mp_uint_t flags) {
    mp_buffer_info_t info;
    // A str has a buffer too, but it is text: not taken for bytes.
    if (mp_obj_get_type(o) == &mp_type_str || !mp_get_buffer(o, &info, flags)) {
        fail_type(name, flags == MP_BUFFER_READ ? "must be bytes-like" : "must be a writable buffer");
    }
    return (sc_bytes) { info.buf, info.len };
}

// An argument of least..most bytes.
SC_HELPER sc_bytes get(mp_obj_t o, const char *name, mp_uint_t flags, size_t least, size_t most) {
    sc_bytes b = buffer(o, name, flags);
    if (b.n < least || b.n > most) {
        fail_length(name, least, most);
    }
    return b;
}

// An int argument of least..most, said in `text`. Up to 2^30 - 1: what every port keeps in a small int.
SC_HELPER uint32_t get_number(mp_obj_t o, const char *name, mp_int_t least, mp_int_t most, const char *text) {
    if (!mp_obj_is_small_int(o)) {
        fail_type(name, "must be an integer");
    }
    mp_int_t value = MP_OBJ_SMALL_INT_VALUE(o);
    if (value < least || value > most) {
        fail_value(name, text);
    }
    return (uint32_t)value;
}

// The optional last argument `out`: the caller's writable buffer of exactly n bytes, or NULL
// when it is missing or None.
SC_HELPER uint8_t *get_out(size_t n_args, const mp_obj_t *args, size_t position, size_t n) {
    if (n_args <= position || args[position] == mp_const_none) {
        return NULL;
    }
    sc_bytes b = buffer(args[position], "out", MP_BUFFER_RW);
    if (b.n != n) {
        if (n > 999) {
            fail_value("out", "has the wrong length");
        }
        fail_length("out", n, n);
    }
    return b.p;
}

// Reads the leading arguments, into an array or a struct of nothing else, by a specification: for each its name, a
// zero, and its exact length (zero: any). An empty name ends it. Returns how many there are.
SC_HELPER size_t get_all(const char *specification, const mp_obj_t *args, sc_bytes *values) {
    size_t i = 0;
    for (const char *name = specification; *name; i++) {
        const char *end = name;
        while (*end) {
            end++;
        }
        size_t n = (uint8_t)end[1];
        values[i] = n ? get(args[i], name, MP_BUFFER_READ, n, n) : buffer(args[i], name, MP_BUFFER_READ);
        name = end + 2;
    }
    return i;
}

// How many members a column of 32 bytes each has: 1 to 20, as a group of the ratchet may.
SC_HELPER size_t members(sc_bytes column, const char *name) {
    if (column.n & 31 || column.n < 32 || column.n > 20 * 32) {
        fail_value(name, "must be 32 bytes for each of 1 to 20 members");
    }
    return column.n >> 5;
}

SC_HELPER uint32_t member(mp_obj_t o, const char *name, size_t n) {
    return get_number(o, name, 0, (mp_int_t)n - 1, "is no member's place");
}

// Specification of one argument.
#define SC_ARG(name, length_escape) name "\0" length_escape

#endif
