// The image's beginning, as host/sealcast_host writes it (numbers little-endian), and what each architecture brings.
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uintptr_t word;

typedef struct {
    uint32_t raw_code;      // offset of the module's own raw code
    uint32_t check;         // of names, constants and bytecode: the stub names it
    uint32_t objects;       // offset of its table of constants, 0: the stub brings them
    uint32_t mixed;         // its length where the stub brings some of them (0 here) and keeps the table; else 0
} xip_module;

typedef struct {
    uint8_t magic[8];       // "SEALXIP1"
    uint32_t size;
    uint32_t crc;           // of everything after it
    uint8_t architecture, word_bytes, mpy_version, probe_objects;
    uint32_t module_count;
    uint64_t base;          // the address that it is linked for
    uint8_t id[16];
    char version[16];       // Sealcast's, for people
    xip_module modules[];
} xip_image;

// remap()'s numbers, and 0, or why not: 1 the pages are in use, 2 the ROM refused.
#define XIP_MAP_WORDS (12)
enum { XIP_MAPPED, XIP_IN_USE, XIP_REFUSED };
int xip_map(const word *words);
