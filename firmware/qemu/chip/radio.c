// The station: what memory the radio holds in each of its states, and lwIP above it. An access point of any name is
// there while QEMU's link is up (board.py: wifi()); names that begin with "absent" are not, passwords that begin with
// "wrong" are refused.
#include <string.h>
#include "py/mphal.h"
#include "lwip/dns.h"
#include "lwip/etharp.h"
#include "lwip/init.h"
#include "lwip/netif.h"
#include "lwip/timeouts.h"
#include "netif/ethernet.h"
#include "idfheap.h"
#include "modules/qemu/machine.h"
#include "chip.h"

#define ASSOCIATE_MS (300)          // scan, handshake and DHCP: seconds on the chip
#define AGAIN_MS (1000)
#define BEACON_MS (6000)            // silence of the access point until the driver gives it up
#define ADDRESS_MS (120000)         // without it until lwIP drops the address, and with it every connection
#define LINK_MS (20)
enum { BEACON_TIMEOUT = 200, NO_AP = 201, WRONG_KEY = 202, LEFT = 8 };
enum { AT_INIT, AT_START, AT_CONNECT, CHARGES };

static const charge_t wlan[] = WLAN_CHARGES, start[] = START_CHARGES, connect[] = CONNECT_CHARGES;
static const struct { const charge_t *list; size_t count; } charges[CHARGES] = {
    { wlan, MP_ARRAY_SIZE(wlan) }, { start, MP_ARRAY_SIZE(start) }, { connect, MP_ARRAY_SIZE(connect) },
};
#define PIECES (40)
static void *held[CHARGES][PIECES];

struct netif radio_netif;
radio_frames_t radio_frames;

static uint8_t mac[6];
static char network[33], password[65];
static int state, reason;
static bool initialised, heard;
static uint32_t since, lost_since, looked, timers;
static uint64_t air;               // one frame at a time: when the last one has passed, in microseconds
static struct { void *buffer; uint64_t until; } sending[TX_FRAMES];
static unsigned int sending_in, sending_out;

uint32_t sys_now(void) {
    return mp_hal_ticks_ms();
}

uint32_t chip_random(void) {
    static uint32_t n;
    n = n * 1664525 + 1013904223 + (uint32_t)(mp_hal_time_ns() >> 10);
    return n >> 8;
}

void *chip_calloc(size_t count, size_t size) {
    void *piece = idf_malloc(count * size);
    return piece ? memset(piece, 0, count * size) : NULL;
}

static void let_go(int what) {
    for (int i = 0; i < PIECES; i++) {
        idf_free(held[what][i]);
        held[what][i] = NULL;
    }
}

static bool take(int what) {
    size_t n = 0;
    for (size_t i = 0; i < charges[what].count; i++) {
        for (int k = 0; k < charges[what].list[i].count; k++) {
            held[what][n] = idf_malloc_near(charges[what].list[i].size, charges[what].list[i].region);
            if (!held[what][n++]) {
                let_go(what);
                return false;
            }
        }
    }
    return true;
}

static uint64_t occupy(size_t size) {
    uint64_t now = machine_us();
    return air = (air > now ? air : now) + FRAME_US(size);
}

// A frame to the antenna. It needs a buffer of its own until it is out: none, and lwIP tries again later.
static err_t send(struct netif *netif, struct pbuf *p) {
    uint8_t *buffer = sending_in - sending_out < TX_FRAMES ? idf_malloc(p->tot_len + TX_FRAME_BYTES) : NULL;
    if (!buffer) {
        radio_frames.refused++;
        return ERR_MEM;
    }
    pbuf_copy_partial(p, buffer, p->tot_len, 0);
    frames_send(buffer, p->tot_len);
    radio_frames.sent++;
    sending[sending_in % TX_FRAMES].buffer = buffer;
    sending[sending_in++ % TX_FRAMES].until = occupy(p->tot_len);
    return ERR_OK;
}

static err_t attach(struct netif *netif) {
    netif->name[0] = 's';
    netif->name[1] = 't';
    netif->output = etharp_output;
    netif->linkoutput = send;
    netif->mtu = 1500;
    netif->hwaddr_len = sizeof(mac);
    memcpy(netif->hwaddr, mac, sizeof(mac));
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET;
    return ERR_OK;
}

static void address(bool have) {
    ip4_addr_t ip, mask, gateway;
    IP4_ADDR(&ip, 10, 0, 2, have ? 15 : 0);
    IP4_ADDR(&mask, 255, 255, 255, 0);
    IP4_ADDR(&gateway, 10, 0, 2, 2);
    if (have) {
        netif_set_addr(&radio_netif, &ip, &mask, &gateway);
    } else {
        netif_set_addr(&radio_netif, IP4_ADDR_ANY4, IP4_ADDR_ANY4, IP4_ADDR_ANY4);     // aborts every connection
    }
}

static void down(int why) {
    if (state == RADIO_CONNECTED) {
        netif_set_link_down(&radio_netif);
        netif_set_down(&radio_netif);
        let_go(AT_CONNECT);
        lost_since = sys_now();
    }
    reason = why;
}

bool radio_init(void) {
    if (initialised) {
        return true;
    }
    if (!take(AT_INIT)) {
        return false;
    }
    initialised = frames_start(mac);
    if (!initialised) {
        let_go(AT_INIT);
        return false;
    }
    netif_add(&radio_netif, IP4_ADDR_ANY4, IP4_ADDR_ANY4, IP4_ADDR_ANY4, NULL, attach, ethernet_input);
    netif_set_default(&radio_netif);
    ip_addr_t server;
    IP_ADDR4(&server, 10, 0, 2, 3);
    dns_setserver(0, &server);
    return true;
}

bool radio_start(void) {
    if (state == RADIO_OFF) {
        if (!take(AT_START)) {
            return false;
        }
        state = RADIO_IDLE;
        reason = 0;
    }
    return true;
}

void radio_stop(void) {
    if (state != RADIO_OFF) {
        down(0);
        address(false);
        let_go(AT_START);
        state = RADIO_OFF;
    }
}

bool radio_connect(const char *ssid, const char *key) {
    void *room = idf_malloc(512);   // the driver's messages
    idf_free(room);
    if (!room) {
        return false;
    }
    if (ssid) {
        strncpy(network, ssid, sizeof(network) - 1);
        strncpy(password, key ? key : "", sizeof(password) - 1);
    }
    if (state != RADIO_CONNECTED) {
        state = RADIO_CONNECTING;
        reason = 0;
        since = sys_now();
    }
    return true;
}

void radio_disconnect(void) {
    if (state > RADIO_IDLE) {
        down(LEFT);
        state = RADIO_IDLE;
    }
}

int radio_state(void) {
    return state;
}

int radio_reason(void) {
    return reason;
}

const char *radio_ssid(void) {
    return network;
}

const uint8_t *radio_mac(void) {
    return mac;
}

static void associate(uint32_t now) {
    since = now + AGAIN_MS;
    if (!frames_link() || !strncmp(network, "absent", 6)) {
        reason = NO_AP;
    } else if (!strncmp(password, "wrong", 5)) {
        reason = WRONG_KEY;
    } else if (take(AT_CONNECT)) {
        state = RADIO_CONNECTED;
        reason = 0;
        lost_since = 0;
        address(true);
        netif_set_up(&radio_netif);
        netif_set_link_up(&radio_netif);
    }
}

static void look(uint32_t now) {
    if (state == RADIO_CONNECTING && (int32_t)(now - since) >= ASSOCIATE_MS) {
        associate(now);
    } else if (state == RADIO_CONNECTED) {
        if (frames_link()) {
            since = now;
        } else if ((int32_t)(now - since) >= BEACON_MS) {
            down(BEACON_TIMEOUT);
            state = RADIO_CONNECTING;
        }
    }
    if (lost_since && (int32_t)(now - lost_since) >= ADDRESS_MS) {
        lost_since = 0;
        address(false);
    }
}

static void receive(uint8_t *frame, size_t size) {
    // The bytes of the frame's descriptor stay until lwIP and the socket have done with it.
    struct pbuf *p = state == RADIO_CONNECTED ? pbuf_alloc(PBUF_RAW, size + RX_FRAME_BYTES, PBUF_RAM) : NULL;
    if (p) {
        pbuf_realloc(p, size);
        pbuf_take(p, frame, size);
        radio_frames.received++;
        if (radio_netif.input(p, &radio_netif) != ERR_OK) {
            pbuf_free(p);
        }
    } else if (state == RADIO_CONNECTED) {
        radio_frames.dropped++;
    }
}

void chip_poll(void) {
    static bool begun;
    if (!begun) {
        begun = true;
        lwip_init();
    }
    uint8_t *frame;
    size_t size;
    while (machine_us() >= air && (size = frames_receive(&frame))) {
        occupy(size);
        receive(frame, size);
        frames_received();
        heard = true;
    }
    uint32_t now = sys_now();
    if (now == timers) {
        return;
    }
    timers = now;
    while (sending_out != sending_in && machine_us() >= sending[sending_out % TX_FRAMES].until) {
        idf_free(sending[sending_out++ % TX_FRAMES].buffer);
    }
    sys_check_timeouts();
    if (now - looked >= LINK_MS) {
        looked = now;
        look(now);
    }
}

bool chip_heard(void) {
    bool was = heard;
    heard = false;
    return was;
}

// How long the processor may sleep: lwIP's timers and the radio's own go on meanwhile.
int64_t chip_sleep_us(int64_t timeout_us) {
    if (!initialised) {
        return timeout_us;
    }
    frames_quiet();
    uint32_t most = sys_timeouts_sleeptime();
    uint8_t *frame;
    if (sending_in != sending_out || frames_receive(&frame)) {
        most = 1;
    }
    if (state > RADIO_IDLE || lost_since) {
        most = LWIP_MIN(most, 100);
    }
    return timeout_us < 0 || timeout_us > (int64_t)most * 1000 ? (int64_t)most * 1000 : timeout_us;
}
