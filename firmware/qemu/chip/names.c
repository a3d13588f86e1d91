// Looks names up as ports/esp32 does: it waits, and fails with lwIP's EAI numbers, negative.
#include "py/mphal.h"
#include "py/runtime.h"
#include "lwip/dns.h"

enum { EAI_FAILED = 202, EAI_NO_MEMORY = 203 };
void chip_resolve(mp_obj_t name_in, ip_addr_t *address);

typedef struct { volatile int state; ip_addr_t address; } lookup_t;

static void on_name(const char *name, const ip_addr_t *address, void *arg) {
    lookup_t *lookup = arg;
    if (address) {
        lookup->address = *address;
    }
    lookup->state = address ? 1 : -EAI_FAILED;
}

void chip_resolve(mp_obj_t name_in, ip_addr_t *address) {
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
