# An ESP32's memory and radio for the emulated rv32 board: the heap of ESP-IDF, threads, Wi-Fi, lwIP. Only in the
# profiles (port.py).
CHIP_DIR := $(USERMOD_DIR)
LWIP_SRC := $(patsubst %/chip,%/lwip/src,$(CHIP_DIR))
SRC_USERMOD_C += $(addprefix $(CHIP_DIR)/, idfheap.c native.c thread.c virtio.c antenna.c random.c radio.c modesp32.c \
	modwlan.c names.c modsocket.c modchip.c)
SRC_USERMOD_LIB_C += $(addprefix $(LWIP_SRC)/core/, def.c dns.c inet_chksum.c init.c ip.c mem.c memp.c netif.c pbuf.c \
	sys.c tcp.c tcp_in.c tcp_out.c timeouts.c udp.c)
SRC_USERMOD_LIB_C += $(addprefix $(LWIP_SRC)/core/ipv4/, etharp.c icmp.c igmp.c ip4.c ip4_addr.c ip4_frag.c)
SRC_USERMOD_LIB_C += $(LWIP_SRC)/netif/ethernet.c
CFLAGS_USERMOD += -I$(CHIP_DIR) -I$(LWIP_SRC)/include
# A soft reset ends threads and gives native code back, a collection looks at the stacks of all threads.
LDFLAGS_USERMOD += -Wl,--wrap=gc_sweep_all,--wrap=gc_collect_start
