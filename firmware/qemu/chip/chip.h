// What the chip's parts offer each other and the port.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void chip_alloc_exec(size_t size, void **code, size_t *room);
void *chip_commit_exec(void *code, size_t size, void *reloc);
void chip_end_threads(void);

// The radio's frames: antenna.c. A frame is at most FRAME_BYTES, Ethernet header included.
#define FRAME_BYTES (1536)
bool frames_start(uint8_t mac[6]);
bool frames_link(void);                     // does the access point answer?
size_t frames_receive(uint8_t **frame);     // 0: none; frames_received() gives the buffer back
void frames_received(void);
void frames_quiet(void);                    // takes its interrupt back, so that the processor can sleep
bool frames_send(const void *frame, size_t size);

// The station: radio.c. What fails for want of memory returns false and has taken nothing.
enum { RADIO_OFF, RADIO_IDLE, RADIO_CONNECTING, RADIO_CONNECTED };
bool radio_init(void);                      // WLAN()
bool radio_start(void);                     // active(True)
void radio_stop(void);                      // active(False)
bool radio_connect(const char *ssid, const char *key);
void radio_disconnect(void);
int radio_state(void);
int radio_reason(void);                     // why there is no connection, as the driver numbers it; 0: no reason
const char *radio_ssid(void);
const uint8_t *radio_mac(void);
extern struct netif radio_netif;

// Frames since start, and those of them that found no memory.
typedef struct { uint32_t received, dropped, sent, refused; } radio_frames_t;
extern radio_frames_t radio_frames;

// Called by the port whenever Python runs, and before it sleeps.
void chip_poll(void);
bool chip_heard(void);                      // has a frame come since the last call?
int64_t chip_sleep_us(int64_t timeout_us);
