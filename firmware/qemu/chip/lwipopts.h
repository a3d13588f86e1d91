// lwIP as ESP-IDF configures it for MicroPython (sizes of its Kconfig), but without its own task: the port polls it.
// Every control block, segment and buffer comes from the chip's heap, and where that has none lwIP fails as it does
// on the chip.
#include <stddef.h>
#include "profile.h"
void *idf_malloc(size_t size);
void *chip_calloc(size_t count, size_t size);
void idf_free(void *piece);
uint32_t chip_random(void);

#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
typedef uint32_t sys_prot_t;
#define LWIP_NETCONN 0
#define LWIP_SOCKET 0
#define LWIP_STATS 0
#define LWIP_RAW 0
#define LWIP_DHCP 0         // the address is fixed: its client's memory is among the radio's
#define LWIP_DNS 1
#define LWIP_IGMP 1
#define IP_REASSEMBLY 0
#define IP_FRAG 0
#define SO_REUSE 1
#define LWIP_RAND chip_random

#define MEM_ALIGNMENT 4
#define MEM_CUSTOM_ALLOCATOR 1
#define MEMP_MEM_MALLOC 1
#define MEM_CUSTOM_MALLOC idf_malloc
#define MEM_CUSTOM_CALLOC chip_calloc
#define MEM_CUSTOM_FREE idf_free

#define TCP_MSS 1440
#define TCP_WND 5760
#define TCP_SND_BUF 5760
#define TCP_SYNMAXRTX 12
#define TCP_MAXRTX 12
#define TCP_LISTEN_BACKLOG 1
#define MEMP_NUM_TCP_SEG 32
#define LWIP_TCP_PCB_NUM_EXT_ARGS (SOCKET_BYTES / 8)
