// Looks names up as ports/esp32 does: it waits, and fails with lwIP's EAI numbers, negative.
#include "py/mphal.h"
#include "py/runtime.h"
#include "lwip/dns.h"
#include "shared/netutils/netutils.h"
#include "names.h"

enum { EAI_FAILED = 202, EAI_NO_MEMORY = 203 };

typedef struct { volatile int state; ip_addr_t address; } lookup_t;

static void on_name(const char *name, const ip_addr_t *address, void *arg) {
    lookup_t *lookup = arg;
    if (address) {
        lookup->address = *address;
    }
    lookup->state = address ? 1 : -EAI_FAILED;
}

static void resolve(mp_obj_t name_in, ip_addr_t *address) {
    const char *name = mp_obj_str_get_str(name_in);
    static lookup_t lookup;     // an answer may come after an interrupt
    lookup.state = 0;
    err_t error = dns_gethostbyname(*name ? name : "0.0.0.0", &lookup.address, on_name, &lookup);
    while (error == ERR_INPROGRESS && lookup.state == 0) {
        mp_event_wait_ms(1);
    }
    if (error != ERR_OK && lookup.state != 1) {
        mp_raise_OSError(error == ERR_MEM ? -EAI_NO_MEMORY : -EAI_FAILED);
    }
    *address = lookup.address;
}

uint16_t chip_endpoint(mp_obj_t pair, ip_addr_t *address) {
    mp_obj_t *items;
    mp_obj_get_array_fixed_n(pair, 2, &items);
    resolve(items[0], address);
    return mp_obj_get_int(items[1]);
}

static mp_obj_t getaddrinfo(size_t n_args, const mp_obj_t *args) {
    ip_addr_t address;
    mp_obj_t port = mp_obj_is_str(args[1]) ? mp_call_function_1(MP_OBJ_FROM_PTR(&mp_type_int), args[1]) : args[1];
    resolve(args[0], &address);
    mp_int_t type = n_args > 3 ? mp_obj_get_int(args[3]) : 0;
    mp_obj_t fields[] = {
        MP_OBJ_NEW_SMALL_INT(INET), MP_OBJ_NEW_SMALL_INT(type ? type : STREAM),
        n_args > 4 ? args[4] : MP_OBJ_NEW_SMALL_INT(0), args[0],
        netutils_format_inet_addr((uint8_t *)&address, mp_obj_get_int(port), NETUTILS_BIG),
    };
    mp_obj_t tuple = mp_obj_new_tuple(MP_ARRAY_SIZE(fields), fields);
    return mp_obj_new_list(1, &tuple);
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(chip_getaddrinfo_obj, 2, 6, getaddrinfo);
