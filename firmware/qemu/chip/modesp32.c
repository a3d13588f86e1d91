// The module esp32, as far as a node asks it about memory. Shape of idf_heap_info: ports/esp32's.
#include "py/runtime.h"
#include "idfheap.h"
#include "chip.h"

#if defined(CHIP_ESP32)
#define TEMPERATURE_NAME MP_QSTR_raw_temperature
#define TEMPERATURE (108)
#else
#define TEMPERATURE_NAME MP_QSTR_mcu_temperature
#define TEMPERATURE (42)
#endif

static mp_obj_t esp32_idf_heap_info(mp_obj_t caps_in) {
    mp_obj_t list = mp_obj_new_list(0, NULL);
    idf_info_t info;
    for (size_t i = 0; idf_info(i, mp_obj_get_int(caps_in), &info); i++) {
        if (info.total) {
            mp_obj_t fields[] = {
                MP_OBJ_NEW_SMALL_INT(info.total), MP_OBJ_NEW_SMALL_INT(info.free),
                MP_OBJ_NEW_SMALL_INT(info.largest), MP_OBJ_NEW_SMALL_INT(info.least),
            };
            mp_obj_list_append(list, mp_obj_new_tuple(4, fields));
        }
    }
    return list;
}
static MP_DEFINE_CONST_FUN_OBJ_1(esp32_idf_heap_info_obj, esp32_idf_heap_info);

// The chip's own thermometer, under the name that this chip's firmware has: 42 degrees Celsius.
static mp_obj_t esp32_temperature(void) {
    return MP_OBJ_NEW_SMALL_INT(TEMPERATURE);
}
static MP_DEFINE_CONST_FUN_OBJ_0(esp32_temperature_obj, esp32_temperature);

static const mp_rom_map_elem_t esp32_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_esp32) },
    { MP_ROM_QSTR(MP_QSTR_idf_heap_info), MP_ROM_PTR(&esp32_idf_heap_info_obj) },
    { MP_ROM_QSTR(TEMPERATURE_NAME), MP_ROM_PTR(&esp32_temperature_obj) },
    { MP_ROM_QSTR(MP_QSTR_HEAP_DATA), MP_ROM_INT(CAP_8BIT) },
    { MP_ROM_QSTR(MP_QSTR_HEAP_EXEC), MP_ROM_INT(CAP_EXEC) },
};
static MP_DEFINE_CONST_DICT(esp32_globals, esp32_globals_table);

const mp_obj_module_t esp32_module = { .base = { &mp_type_module }, .globals = (mp_obj_dict_t *)&esp32_globals };
MP_REGISTER_MODULE(MP_QSTR_esp32, esp32_module);
