# The emulated machine's clock, serial input and disk, for MicroPython's qemu port.
QEMU_MODULE_DIR := $(USERMOD_DIR)
SRC_USERMOD_C += $(addprefix $(QEMU_MODULE_DIR)/, machine.c serial.c disk.c boot.c watch.c profile.c)
CFLAGS_USERMOD += -I$(QEMU_MODULE_DIR)/../..
# Two functions of the port are stubs or block; ours take their place. exit() becomes a reset, allocations are watched.
LDFLAGS_USERMOD += -Wl,--wrap=mp_hal_stdio_poll,--wrap=mp_hal_stdin_rx_chr,--wrap=exit,--wrap=gc_alloc,--wrap=gc_realloc
# And its calls of functions, for profile.c.
LDFLAGS_USERMOD += -Wl,--wrap=mp_execute_bytecode
