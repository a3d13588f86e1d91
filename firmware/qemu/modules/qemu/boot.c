// Starts like other boards: mount the filesystem, run boot.py, then main.py unless a host holds the raw REPL.
#include "shared/runtime/pyexec.h"
#include "py/runtime.h"
#include "extmod/vfs.h"

// The calendar of time.localtime(), which the port does not link.
#include "shared/timeutils/timeutils.c"

static void programs(void) {
    pyexec_frozen_module("_boot.py", false);
    for (int i = 0; i < 2; i++) {
        const char *name = i == 0 ? "boot.py" : "main.py";
        if (i == 1 && pyexec_mode_kind == PYEXEC_MODE_RAW_REPL) {
            return;
        }
        if (mp_import_stat(name) == MP_IMPORT_STAT_FILE) {
            pyexec_file(name);
        }
    }
}

// mp_init() calls this before it takes the lock of Python's threads: a program would leave it taken at its end.
void qemu_boot(void) {
    MP_THREAD_GIL_ENTER();
    programs();
    MP_THREAD_GIL_EXIT();
}
