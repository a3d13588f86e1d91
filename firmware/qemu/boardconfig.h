// Configuration of MicroPython's qemu port as a Sealcast node needs it: named by MP_CONFIGFILE, on top of the port's.
#include "mpconfigport.h"

// What the port leaves out and every board with a radio has.
#undef MICROPY_PY_TIME
#define MICROPY_PY_TIME (1)
#define MICROPY_PY_TIME_TIME_TIME_NS (1)
#define MICROPY_PY_TIME_GMTIME_LOCALTIME_MKTIME (1)
#define MICROPY_PY_TIME_INCLUDEFILE "modules/qemu/wallclock.h"
#undef MICROPY_PY_SELECT
#define MICROPY_PY_SELECT (1)
#undef MICROPY_PY_ASYNCIO
#define MICROPY_PY_ASYNCIO (1)
#undef MICROPY_PY_SYS_STDIO_BUFFER
#define MICROPY_PY_SYS_STDIO_BUFFER (1)
#define MICROPY_PY_OS_UNAME (1)

// There is no source of randomness (but in a profile), and none is pretended: os.urandom stays out, so that a node
// proves it can live on its provisioned seed alone.

// The interrupt character is seen while Python runs; a board that waits lets the host's processor sleep.
void qemu_poll(void);
void qemu_wait(int timeout_ms);
void qemu_boot(void);
#define MICROPY_VM_HOOK_COUNT (64)
#define MICROPY_VM_HOOK_INIT static unsigned int vm_hook_left = MICROPY_VM_HOOK_COUNT;
#define MICROPY_VM_HOOK_POLL if (--vm_hook_left == 0) { vm_hook_left = MICROPY_VM_HOOK_COUNT; qemu_poll(); }
#define MICROPY_VM_HOOK_LOOP MICROPY_VM_HOOK_POLL
#define MICROPY_VM_HOOK_RETURN MICROPY_VM_HOOK_POLL
#define MICROPY_INTERNAL_EVENT_HOOK qemu_poll()
#define MICROPY_INTERNAL_WFE(timeout_ms) qemu_wait(timeout_ms)

// Mounts the disk, then runs boot.py and main.py as other boards do.
#define MICROPY_PORT_INIT_FUNC qemu_boot()

// A chip's memory and radio: port.py's profiles.
#if defined(CHIP_PROFILE)
#include "chip/chipconfig.h"
#endif
