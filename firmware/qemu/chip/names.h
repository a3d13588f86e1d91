// What the module socket calls places by: names.c looks them up.
#pragma once
#include "py/obj.h"
#include "lwip/ip_addr.h"

enum { INET = 2, STREAM = 1, DATAGRAM = 2 };
uint16_t chip_endpoint(mp_obj_t pair, ip_addr_t *address);      // the port of (name, port)
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(chip_getaddrinfo_obj);
