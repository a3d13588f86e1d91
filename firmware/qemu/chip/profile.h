// The chips' memory in numbers. Source: esp32.idf_heap_info(esp32.HEAP_DATA) of stock firmware (docs/HARDWARE.md has
// the table and how the pieces were told from it); sizes of buffers and stacks: ESP-IDF's Kconfig as MicroPython sets
// it.
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint32_t total;     // what idf_heap_info calls the size of the region
    uint32_t free;      // of it, free at the prompt
    uint32_t caps;      // CAP_*
} region_spec_t;

// Memory the radio takes: count pieces of size, from the region that is named or, when it is full, from any.
typedef struct {
    uint16_t count, size;
    uint8_t region;
} charge_t;

#define CAP_EXEC (1)
#define CAP_8BIT (4)

#if defined(CHIP_ESP32)

// MicroPython 1.26.1. Regions in the order in which a request tries them: DRAM, then the two pieces of D/IRAM.
#define REGIONS { \
        { 148888, 16824, CAP_8BIT }, \
        { 15072, 15036, CAP_8BIT | CAP_EXEC }, \
        { 113840, 112100, CAP_8BIT | CAP_EXEC }, \
}
// WLAN(): Wi-Fi task, ten static receive buffers, driver's tables and queues. active(True), then association and DHCP.
#define WLAN_CHARGES { { 1, 6656, 0 }, { 9, 1600, 2 }, { 6, 1600, 0 }, { 1, 1600, 0 }, { 6, 1240, 2 } }
#define START_CHARGES { { 3, 1600, 2 }, { 1, 512, 2 } }
#define CONNECT_CHARGES { { 1, 1600, 2 }, { 6, 160, 2 } }
#define NATIVE_PER_CENT (125)   // Xtensa machine code of the same C, against that of rv32imc
#define WIFI_NO_MEMORY mp_raise_msg(&mp_type_OSError, MP_ERROR_TEXT("WiFi Out of Memory"))

#elif defined(CHIP_ESP32C3)

// MicroPython 1.24.1. A remainder that the firmware left, the main region, and what is asked last.
#define REGIONS { \
        { 27680, 25000, CAP_8BIT | CAP_EXEC }, \
        { 205200, 115500, CAP_8BIT | CAP_EXEC }, \
        { 24576, 22800, CAP_8BIT }, \
}
#define WLAN_CHARGES { { 1, 6656, 0 }, { 11, 1600, 1 }, { 3, 1600, 2 }, { 8, 1360, 1 } }
#define START_CHARGES { { 3, 1600, 1 }, { 1, 512, 1 } }
#define CONNECT_CHARGES { { 1, 1600, 2 }, { 8, 160, 2 } }
#define NATIVE_PER_CENT (100)
#define WIFI_NO_MEMORY mp_raise_msg_varg(&mp_type_RuntimeError, MP_ERROR_TEXT("Wifi Unknown Error 0x%04x"), 0x101)

#endif

#define NODE_BYTES (4)              // before each piece of native code, as ports/esp32 keeps them in a list
#define TASK_BYTES (344)            // a FreeRTOS task's control block
#define SOCKET_BYTES (104)          // what a socket's netconn, mailbox and semaphores take besides its pcb
#define RX_FRAME_BYTES (88)         // a received frame's own overhead: descriptor, 802.11 header, pbuf
#define TX_FRAME_BYTES (96)         // the same for one that is sent, until it has left the antenna
#define FRAME_US(size) (200 + (size) / 2)   // how long a frame is in the air: some 12 Mbit/s
#define TX_FRAMES (32)              // ESP_WIFI_DYNAMIC_TX_BUFFER_NUM
