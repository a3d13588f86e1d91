// The module "qemu": a block device in memory outside the heap, which survives resets, and power cuts when the
// emulator backs that memory with a file. It stands for a board's flash: 256 blocks of 4,096 bytes.
#include <string.h>
#include "py/runtime.h"
#include "extmod/vfs.h"
#include "machine.h"

static uint8_t *span(size_t n_args, const mp_obj_t *args, mp_buffer_info_t *buffer, int flags) {
    mp_get_buffer_raise(args[2], buffer, flags);
    mp_int_t block = mp_obj_get_int(args[1]), offset = n_args > 3 ? mp_obj_get_int(args[3]) : 0;
    if (block < 0 || block >= DISK_BLOCKS || offset < 0 || offset > DISK_BLOCK * DISK_BLOCKS) {
        mp_raise_ValueError(MP_ERROR_TEXT("outside the disk"));
    }
    size_t start = block * DISK_BLOCK + offset;
    if (start + buffer->len > DISK_BLOCK * DISK_BLOCKS) {
        mp_raise_ValueError(MP_ERROR_TEXT("outside the disk"));
    }
    return (uint8_t *)DISK_BASE + start;
}

static mp_obj_t disk_readblocks(size_t n_args, const mp_obj_t *args) {
    mp_buffer_info_t buffer;
    uint8_t *at = span(n_args, args, &buffer, MP_BUFFER_WRITE);
    memcpy(buffer.buf, at, buffer.len);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(disk_readblocks_obj, 3, 4, disk_readblocks);

static mp_obj_t disk_writeblocks(size_t n_args, const mp_obj_t *args) {
    mp_buffer_info_t buffer;
    uint8_t *at = span(n_args, args, &buffer, MP_BUFFER_READ);
    memcpy(at, buffer.buf, buffer.len);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(disk_writeblocks_obj, 3, 4, disk_writeblocks);

static mp_obj_t disk_ioctl(mp_obj_t self_in, mp_obj_t command, mp_obj_t argument) {
    switch (mp_obj_get_int(command)) {
        case MP_BLOCKDEV_IOCTL_BLOCK_COUNT:
            return MP_OBJ_NEW_SMALL_INT(DISK_BLOCKS);
        case MP_BLOCKDEV_IOCTL_BLOCK_SIZE:
            return MP_OBJ_NEW_SMALL_INT(DISK_BLOCK);
        case MP_BLOCKDEV_IOCTL_BLOCK_ERASE: {
            mp_int_t block = mp_obj_get_int(argument);
            if (block < 0 || block >= DISK_BLOCKS) {
                mp_raise_ValueError(MP_ERROR_TEXT("outside the disk"));
            }
            memset((uint8_t *)DISK_BASE + block * DISK_BLOCK, 0xff, DISK_BLOCK);
            return MP_OBJ_NEW_SMALL_INT(0);
        }
        default:
            return MP_OBJ_NEW_SMALL_INT(0);
    }
}
static MP_DEFINE_CONST_FUN_OBJ_3(disk_ioctl_obj, disk_ioctl);

static const mp_rom_map_elem_t disk_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_readblocks), MP_ROM_PTR(&disk_readblocks_obj) },
    { MP_ROM_QSTR(MP_QSTR_writeblocks), MP_ROM_PTR(&disk_writeblocks_obj) },
    { MP_ROM_QSTR(MP_QSTR_ioctl), MP_ROM_PTR(&disk_ioctl_obj) },
};
static MP_DEFINE_CONST_DICT(disk_locals, disk_locals_table);

static MP_DEFINE_CONST_OBJ_TYPE(disk_type, MP_QSTR_Disk, MP_TYPE_FLAG_NONE, locals_dict, &disk_locals);
static const mp_obj_base_t disk_obj = { &disk_type };

extern const mp_obj_fun_builtin_fixed_t watch_largest_obj, watch_limit_obj, watch_idle_us_obj;  // watch.c
extern const mp_obj_fun_builtin_fixed_t profile_profile_obj, profile_profiled_obj;  // profile.c

static const mp_rom_map_elem_t qemu_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_qemu) },
    { MP_ROM_QSTR(MP_QSTR_disk), MP_ROM_PTR(&disk_obj) },
    { MP_ROM_QSTR(MP_QSTR_largest), MP_ROM_PTR(&watch_largest_obj) },
    { MP_ROM_QSTR(MP_QSTR_limit), MP_ROM_PTR(&watch_limit_obj) },
    { MP_ROM_QSTR(MP_QSTR_profile), MP_ROM_PTR(&profile_profile_obj) },
    { MP_ROM_QSTR(MP_QSTR_profiled), MP_ROM_PTR(&profile_profiled_obj) },
    { MP_ROM_QSTR(MP_QSTR_idle_us), MP_ROM_PTR(&watch_idle_us_obj) },
};
static MP_DEFINE_CONST_DICT(qemu_globals, qemu_globals_table);

const mp_obj_module_t qemu_module = { .base = { &mp_type_module }, .globals = (mp_obj_dict_t *)&qemu_globals };
MP_REGISTER_MODULE(MP_QSTR_qemu, qemu_module);
