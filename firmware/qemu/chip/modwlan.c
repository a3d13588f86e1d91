// The module network with its station, as ports/esp32 has it: names, answers and errors.
#include "py/mphal.h"
#include "py/runtime.h"
#include "lwip/dns.h"
#include "lwip/netif.h"
#include "shared/netutils/netutils.h"
#include "shared/netutils/netutils.c"   // not among what the port links
#include "profile.h"
#include "chip.h"

enum { STATION, ACCESS_POINT };
enum { IDLE = 1000, CONNECTING = 1001, GOT_IP = 1010 };

typedef struct {
    mp_obj_base_t base;
} wlan_obj_t;

static const mp_obj_type_t wlan_type;
static const wlan_obj_t wlan_obj = { { &wlan_type } };
static int reconnects = -1;

static mp_obj_t wlan_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 0, 1, false);
    if (n_args && mp_obj_get_int(args[0]) != STATION) {
        mp_raise_ValueError(MP_ERROR_TEXT("invalid WLAN interface identifier"));
    }
    if (!radio_init()) {
        WIFI_NO_MEMORY;
    }
    return MP_OBJ_FROM_PTR(&wlan_obj);
}

static mp_obj_t wlan_active(size_t n_args, const mp_obj_t *args) {
    if (n_args > 1) {
        if (!mp_obj_is_true(args[1])) {
            radio_stop();
        } else if (!radio_start()) {
            WIFI_NO_MEMORY;
        }
    }
    return mp_obj_new_bool(radio_state() != RADIO_OFF);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(wlan_active_obj, 1, 2, wlan_active);

static mp_obj_t wlan_connect(size_t n_args, const mp_obj_t *args) {
    if (radio_state() == RADIO_OFF) {
        mp_raise_msg(&mp_type_OSError, MP_ERROR_TEXT("Wifi Not Started"));
    }
    if (radio_state() == RADIO_CONNECTING && radio_reason() == 0) {
        mp_raise_msg(&mp_type_OSError, MP_ERROR_TEXT("Wifi Internal Error"));
    }
    const char *ssid = n_args > 1 && args[1] != mp_const_none ? mp_obj_str_get_str(args[1]) : NULL;
    const char *key = n_args > 2 && args[2] != mp_const_none ? mp_obj_str_get_str(args[2]) : NULL;
    if (!radio_connect(ssid, key)) {
        WIFI_NO_MEMORY;
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(wlan_connect_obj, 1, 3, wlan_connect);

static mp_obj_t wlan_disconnect(mp_obj_t self) {
    if (radio_state() == RADIO_OFF) {
        mp_raise_msg(&mp_type_OSError, MP_ERROR_TEXT("Wifi Not Started"));
    }
    radio_disconnect();
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(wlan_disconnect_obj, wlan_disconnect);

static mp_obj_t wlan_isconnected(mp_obj_t self) {
    return mp_obj_new_bool(radio_state() == RADIO_CONNECTED);
}
static MP_DEFINE_CONST_FUN_OBJ_1(wlan_isconnected_obj, wlan_isconnected);

static mp_obj_t wlan_status(size_t n_args, const mp_obj_t *args) {
    if (n_args > 1) {
        if (!mp_obj_is_qstr(args[1]) || MP_OBJ_QSTR_VALUE(args[1]) != MP_QSTR_rssi) {
            mp_raise_ValueError(MP_ERROR_TEXT("unknown status param"));
        }
        if (radio_state() != RADIO_CONNECTED) {
            mp_raise_msg(&mp_type_OSError, MP_ERROR_TEXT("Wifi Not Connected"));
        }
        return MP_OBJ_NEW_SMALL_INT(-50);
    }
    int state = radio_state(), reason = radio_reason();
    int said = state == RADIO_CONNECTED ? GOT_IP
        : reason >= 200 ? reason : state == RADIO_CONNECTING ? CONNECTING : IDLE;
    return MP_OBJ_NEW_SMALL_INT(said);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(wlan_status_obj, 1, 2, wlan_status);

static mp_obj_t wlan_ifconfig(mp_obj_t self) {
    const ip_addr_t *server = dns_getserver(0);
    mp_obj_t fields[] = {
        netutils_format_ipv4_addr((uint8_t *)&radio_netif.ip_addr, NETUTILS_BIG),
        netutils_format_ipv4_addr((uint8_t *)&radio_netif.netmask, NETUTILS_BIG),
        netutils_format_ipv4_addr((uint8_t *)&radio_netif.gw, NETUTILS_BIG),
        netutils_format_ipv4_addr((uint8_t *)server, NETUTILS_BIG),
    };
    return mp_obj_new_tuple(MP_ARRAY_SIZE(fields), fields);
}
static MP_DEFINE_CONST_FUN_OBJ_1(wlan_ifconfig_obj, wlan_ifconfig);

static mp_obj_t wlan_config(size_t n_args, const mp_obj_t *args, mp_map_t *keywords) {
    for (size_t i = 0; i < keywords->alloc; i++) {
        if (mp_map_slot_is_filled(keywords, i)) {
            switch (mp_obj_str_get_qstr(keywords->table[i].key)) {
                case MP_QSTR_reconnects:
                    reconnects = mp_obj_get_int(keywords->table[i].value);
                    break;
                case MP_QSTR_pm:
                case MP_QSTR_txpower:
                case MP_QSTR_hostname:
                case MP_QSTR_mac:
                    break;
                default:
                    mp_raise_ValueError(MP_ERROR_TEXT("unknown config param"));
            }
        }
    }
    if (n_args < 2) {
        return mp_const_none;
    }
    switch (mp_obj_str_get_qstr(args[1])) {
        case MP_QSTR_mac:
            return mp_obj_new_bytes(radio_mac(), 6);
        case MP_QSTR_ssid:
        case MP_QSTR_essid:
            return mp_obj_new_str_from_cstr(radio_ssid());
        case MP_QSTR_reconnects:
            return MP_OBJ_NEW_SMALL_INT(reconnects);
        case MP_QSTR_channel:
            return MP_OBJ_NEW_SMALL_INT(6);
        default:
            mp_raise_ValueError(MP_ERROR_TEXT("unknown config param"));
    }
}
static MP_DEFINE_CONST_FUN_OBJ_KW(wlan_config_obj, 1, wlan_config);

static const mp_rom_map_elem_t wlan_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_active), MP_ROM_PTR(&wlan_active_obj) },
    { MP_ROM_QSTR(MP_QSTR_connect), MP_ROM_PTR(&wlan_connect_obj) },
    { MP_ROM_QSTR(MP_QSTR_disconnect), MP_ROM_PTR(&wlan_disconnect_obj) },
    { MP_ROM_QSTR(MP_QSTR_isconnected), MP_ROM_PTR(&wlan_isconnected_obj) },
    { MP_ROM_QSTR(MP_QSTR_status), MP_ROM_PTR(&wlan_status_obj) },
    { MP_ROM_QSTR(MP_QSTR_ifconfig), MP_ROM_PTR(&wlan_ifconfig_obj) },
    { MP_ROM_QSTR(MP_QSTR_config), MP_ROM_PTR(&wlan_config_obj) },
};
static MP_DEFINE_CONST_DICT(wlan_locals, wlan_locals_table);

static MP_DEFINE_CONST_OBJ_TYPE(wlan_type, MP_QSTR_WLAN, MP_TYPE_FLAG_NONE, make_new, wlan_make_new,
    locals_dict, &wlan_locals);

static const mp_rom_map_elem_t network_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_network) },
    { MP_ROM_QSTR(MP_QSTR_WLAN), MP_ROM_PTR(&wlan_type) },
    { MP_ROM_QSTR(MP_QSTR_STA_IF), MP_ROM_INT(STATION) },
    { MP_ROM_QSTR(MP_QSTR_AP_IF), MP_ROM_INT(ACCESS_POINT) },
    { MP_ROM_QSTR(MP_QSTR_STAT_IDLE), MP_ROM_INT(IDLE) },
    { MP_ROM_QSTR(MP_QSTR_STAT_CONNECTING), MP_ROM_INT(CONNECTING) },
    { MP_ROM_QSTR(MP_QSTR_STAT_GOT_IP), MP_ROM_INT(GOT_IP) },
    { MP_ROM_QSTR(MP_QSTR_STAT_BEACON_TIMEOUT), MP_ROM_INT(200) },
    { MP_ROM_QSTR(MP_QSTR_STAT_NO_AP_FOUND), MP_ROM_INT(201) },
    { MP_ROM_QSTR(MP_QSTR_STAT_WRONG_PASSWORD), MP_ROM_INT(202) },
};
static MP_DEFINE_CONST_DICT(network_globals, network_globals_table);

const mp_obj_module_t network_module = { .base = { &mp_type_module }, .globals = (mp_obj_dict_t *)&network_globals };
MP_REGISTER_MODULE(MP_QSTR_network, network_module);
