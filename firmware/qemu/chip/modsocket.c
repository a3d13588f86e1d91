// The module socket on lwIP's raw interface, with the answers and errors of ports/esp32 (lwIP's err_to_errno): what
// finds no memory to send is asked to come again, ERR_ABRT is ECONNABORTED (113). Clients only: TCP and UDP.
#include <string.h>
#include "py/mperrno.h"
#include "py/mphal.h"
#include "py/objlist.h"
#include "py/runtime.h"
#include "py/stream.h"
#include "lwip/tcp.h"
#include "lwip/udp.h"
#include "shared/netutils/netutils.h"
#include "names.h"

enum { NEW, CONNECTING, CONNECTED, PEER_CLOSED, FAILED, SHUT };
#define FOREVER ((mp_uint_t)-1)
#define TCP_ROOM_BYTES (2 * TCP_MSS + 1)    // lwIP's TCP_SNDLOWAT: less is not called writable

typedef struct {
    mp_obj_base_t base;
    union { struct tcp_pcb *tcp; struct udp_pcb *udp; } pcb;
    struct pbuf *in;
    mp_uint_t timeout_ms;
    ip_addr_t peer;         // of the last datagram
    uint16_t peer_port, offset;
    uint8_t type, state;
    int8_t error;
} socket_t;

static const mp_obj_type_t socket_type;

static int number(err_t error) {
    static const uint8_t numbers[] = {
        0, MP_ENOMEM, MP_ENOBUFS, MP_EWOULDBLOCK, MP_EHOSTUNREACH, MP_EINPROGRESS, MP_EINVAL, MP_EWOULDBLOCK,
        MP_EADDRINUSE, MP_EALREADY, MP_EISCONN, MP_ENOTCONN, MP_EIO, MP_ECONNABORTED, MP_ECONNRESET, MP_ENOTCONN,
        MP_EIO,
    };
    return error <= 0 && -error < (int)sizeof(numbers) ? numbers[-error] : MP_EIO;
}

// Waits a moment for the network. False: this socket's time is up.
static bool wait(socket_t *self, mp_uint_t since) {
    if (self->timeout_ms != FOREVER && mp_hal_ticks_ms() - since >= self->timeout_ms) {
        return false;
    }
    mp_event_wait_ms(1);
    return true;
}

static int out_of_time(socket_t *self) {
    return self->timeout_ms ? MP_ETIMEDOUT : MP_EAGAIN;
}

// --- lwIP's side

static void drop_input(socket_t *self) {
    if (self->in) {
        pbuf_free(self->in);
        self->in = NULL;
    }
}

static void on_error(void *arg, err_t error) {
    socket_t *self = arg;
    self->pcb.tcp = NULL;   // lwIP has freed it
    self->state = FAILED;
    self->error = error;
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t error) {
    ((socket_t *)arg)->state = CONNECTED;
    return ERR_OK;
}

static err_t on_received(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error) {
    socket_t *self = arg;
    if (!p) {
        self->state = PEER_CLOSED;
    } else if (self->in) {
        pbuf_cat(self->in, p);
    } else {
        self->in = p;
    }
    return ERR_OK;
}

static void on_datagram(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from, u16_t from_port) {
    socket_t *self = arg;
    drop_input(self);
    self->in = p;
    self->peer = *from;
    self->peer_port = from_port;
}

// --- the socket

static mp_obj_t socket_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 0, 3, false);
    socket_t *self = mp_obj_malloc_with_finaliser(socket_t, type);
    memset((uint8_t *)self + sizeof(self->base), 0, sizeof(*self) - sizeof(self->base));
    self->timeout_ms = FOREVER;
    self->type = n_args > 1 ? mp_obj_get_int(args[1]) : STREAM;
    if ((n_args && mp_obj_get_int(args[0]) != INET) || (self->type != STREAM && self->type != DATAGRAM)) {
        mp_raise_OSError(MP_EINVAL);
    }
    if (self->type == STREAM) {
        self->pcb.tcp = tcp_new();
    } else {
        self->pcb.udp = udp_new();
    }
    if (!self->pcb.tcp) {
        self->state = SHUT;
        mp_raise_OSError(MP_ENOBUFS);
    }
    if (self->type == STREAM) {
        tcp_arg(self->pcb.tcp, self);
        tcp_err(self->pcb.tcp, on_error);
        tcp_recv(self->pcb.tcp, on_received);
    } else {
        udp_recv(self->pcb.udp, on_datagram, self);
        self->state = CONNECTED;
    }
    return MP_OBJ_FROM_PTR(self);
}

static mp_obj_t socket_connect(mp_obj_t self_in, mp_obj_t address_in) {
    socket_t *self = MP_OBJ_TO_PTR(self_in);
    ip_addr_t address;
    uint16_t port = chip_endpoint(address_in, &address);
    if (!self->pcb.tcp) {
        mp_raise_OSError(self->state == FAILED ? number(self->error) : MP_EBADF);
    }
    if (self->type == DATAGRAM) {
        err_t error = udp_connect(self->pcb.udp, &address, port);
        return error ? mp_raise_OSError(number(error)), mp_const_none : mp_const_none;
    }
    if (self->state != NEW) {
        mp_raise_OSError(self->state == CONNECTING ? MP_EALREADY : MP_EISCONN);
    }
    self->state = CONNECTING;
    err_t error = tcp_connect(self->pcb.tcp, &address, port, on_connected);
    if (error) {
        self->state = NEW;
        mp_raise_OSError(number(error));
    }
    for (mp_uint_t since = mp_hal_ticks_ms(); self->state == CONNECTING;) {
        if (!wait(self, since)) {
            mp_raise_OSError(self->timeout_ms ? MP_ETIMEDOUT : MP_EINPROGRESS);
        }
    }
    if (self->state == FAILED) {
        mp_raise_OSError(number(self->error));
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(socket_connect_obj, socket_connect);

static mp_uint_t socket_read(mp_obj_t self_in, void *buffer, mp_uint_t size, int *error) {
    socket_t *self = MP_OBJ_TO_PTR(self_in);
    for (mp_uint_t since = mp_hal_ticks_ms(); !self->in;) {
        if (self->state == PEER_CLOSED) {
            return 0;
        }
        if (self->state == NEW || self->state == FAILED || self->state == SHUT) {
            *error = self->state == FAILED ? number(self->error) : self->state == NEW ? MP_ENOTCONN : MP_EBADF;
            return MP_STREAM_ERROR;
        }
        if (!wait(self, since)) {
            *error = out_of_time(self);
            return MP_STREAM_ERROR;
        }
    }
    struct pbuf *p = self->in;
    if (self->type == DATAGRAM) {
        size = pbuf_copy_partial(p, buffer, size, 0);
        drop_input(self);
        return size;
    }
    size = MIN(size, (mp_uint_t)(p->len - self->offset));
    memcpy(buffer, (uint8_t *)p->payload + self->offset, size);
    self->offset += size;
    if (self->offset == p->len) {
        self->in = p->next;
        self->offset = 0;
        if (p->next) {
            pbuf_ref(p->next);
        }
        pbuf_free(p);
    }
    if (self->pcb.tcp) {
        tcp_recved(self->pcb.tcp, size);
    }
    return size;
}

// As much as there is room for; 0: none now.
static mp_uint_t give(socket_t *self, const void *buffer, mp_uint_t size, err_t *error) {
    struct tcp_pcb *pcb = self->pcb.tcp;
    size = MIN(size, (mp_uint_t)tcp_sndbuf(pcb));
    *error = size ? tcp_write(pcb, buffer, size, TCP_WRITE_FLAG_COPY) : ERR_MEM;
    if (*error == ERR_MEM) {
        *error = ERR_OK;
        size = 0;
    }
    err_t out = *error ? ERR_OK : tcp_output(pcb);      // no memory for a frame: lwIP's timer sends it
    if (out == ERR_RTE) {
        *error = out;
    }
    return size;
}

static mp_uint_t socket_write(mp_obj_t self_in, const void *buffer, mp_uint_t size, int *error) {
    socket_t *self = MP_OBJ_TO_PTR(self_in);
    for (mp_uint_t since = mp_hal_ticks_ms();;) {
        if (self->state == NEW || self->state == FAILED || self->state == SHUT || !self->pcb.tcp) {
            *error = self->state == FAILED ? number(self->error) : self->state == NEW ? MP_ENOTCONN : MP_EBADF;
            return MP_STREAM_ERROR;
        }
        err_t failed = ERR_OK;
        mp_uint_t done = 0;
        if (self->type == DATAGRAM) {
            struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, size, PBUF_RAM);
            failed = p ? pbuf_take(p, buffer, size) : ERR_MEM;
            failed = failed ? failed : udp_send(self->pcb.udp, p);
            if (p) {
                pbuf_free(p);
            }
            done = size;
        } else if (self->state != CONNECTING && size) {
            done = give(self, buffer, size, &failed);
        }
        if (failed) {
            *error = number(failed);
            return MP_STREAM_ERROR;
        }
        if (done || !size) {
            return done;
        }
        if (!wait(self, since)) {
            *error = out_of_time(self);
            return MP_STREAM_ERROR;
        }
    }
}

static mp_uint_t socket_close(socket_t *self) {
    drop_input(self);
    if (self->pcb.tcp && self->type == DATAGRAM) {
        udp_remove(self->pcb.udp);
    } else if (self->pcb.tcp) {
        tcp_arg(self->pcb.tcp, NULL);
        tcp_err(self->pcb.tcp, NULL);
        tcp_recv(self->pcb.tcp, NULL);
        if (tcp_close(self->pcb.tcp) != ERR_OK) {
            tcp_abort(self->pcb.tcp);
        }
    }
    self->pcb.tcp = NULL;
    self->state = SHUT;
    return 0;
}

static mp_uint_t socket_ioctl(mp_obj_t self_in, mp_uint_t request, uintptr_t arg, int *error) {
    socket_t *self = MP_OBJ_TO_PTR(self_in);
    if (request == MP_STREAM_CLOSE) {
        return socket_close(self);
    }
    if (request != MP_STREAM_POLL) {
        *error = MP_EINVAL;
        return MP_STREAM_ERROR;
    }
    if (self->state == SHUT) {
        return MP_STREAM_POLL_NVAL;
    }
    mp_uint_t ready = 0;
    if (self->in || self->state == PEER_CLOSED) {
        ready |= MP_STREAM_POLL_RD;
    }
    if (self->type == DATAGRAM || self->state == NEW) {
        ready |= MP_STREAM_POLL_WR;
    } else if (self->state == CONNECTED || self->state == PEER_CLOSED) {
        struct tcp_pcb *pcb = self->pcb.tcp;
        bool room = tcp_sndbuf(pcb) >= TCP_ROOM_BYTES && tcp_sndqueuelen(pcb) < TCP_SND_QUEUELEN / 2;
        ready |= room ? MP_STREAM_POLL_WR : 0;
    }
    if (self->state == FAILED) {
        ready |= MP_STREAM_POLL_RD | MP_STREAM_POLL_WR;
    }
    ready &= arg;
    return self->state == FAILED || self->state == NEW ? ready | MP_STREAM_POLL_HUP : ready;
}

static mp_obj_t socket_send(mp_obj_t self_in, mp_obj_t data_in) {
    mp_buffer_info_t data;
    mp_get_buffer_raise(data_in, &data, MP_BUFFER_READ);
    int error;
    mp_uint_t done = socket_write(self_in, data.buf, data.len, &error);
    if (done == MP_STREAM_ERROR) {
        mp_raise_OSError(error);
    }
    return MP_OBJ_NEW_SMALL_INT(done);
}
static MP_DEFINE_CONST_FUN_OBJ_2(socket_send_obj, socket_send);

static mp_obj_t socket_sendto(mp_obj_t self_in, mp_obj_t data_in, mp_obj_t address_in) {
    socket_connect(self_in, address_in);
    return socket_send(self_in, data_in);
}
static MP_DEFINE_CONST_FUN_OBJ_3(socket_sendto_obj, socket_sendto);

static mp_obj_t socket_recv(mp_obj_t self_in, mp_obj_t size_in) {
    vstr_t data;
    vstr_init_len(&data, mp_obj_get_int(size_in));
    int error;
    mp_uint_t done = socket_read(self_in, data.buf, data.len, &error);
    if (done == MP_STREAM_ERROR) {
        mp_raise_OSError(error);
    }
    data.len = done;
    return mp_obj_new_bytes_from_vstr(&data);
}
static MP_DEFINE_CONST_FUN_OBJ_2(socket_recv_obj, socket_recv);

static mp_obj_t socket_recvfrom(mp_obj_t self_in, mp_obj_t size_in) {
    socket_t *self = MP_OBJ_TO_PTR(self_in);
    mp_obj_t pair[2] = { socket_recv(self_in, size_in), MP_OBJ_NULL };
    pair[1] = netutils_format_inet_addr((uint8_t *)&self->peer, self->peer_port, NETUTILS_BIG);
    return mp_obj_new_tuple(2, pair);
}
static MP_DEFINE_CONST_FUN_OBJ_2(socket_recvfrom_obj, socket_recvfrom);

static mp_obj_t socket_settimeout(mp_obj_t self_in, mp_obj_t seconds) {
    socket_t *self = MP_OBJ_TO_PTR(self_in);
    self->timeout_ms = seconds == mp_const_none ? FOREVER : (mp_uint_t)(1000 * mp_obj_get_float(seconds));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(socket_settimeout_obj, socket_settimeout);

static mp_obj_t socket_setblocking(mp_obj_t self_in, mp_obj_t blocking) {
    ((socket_t *)MP_OBJ_TO_PTR(self_in))->timeout_ms = mp_obj_is_true(blocking) ? FOREVER : 0;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(socket_setblocking_obj, socket_setblocking);

static mp_obj_t socket_setsockopt(size_t n_args, const mp_obj_t *args) {
    socket_t *self = MP_OBJ_TO_PTR(args[0]);
    if (mp_obj_get_int(args[1]) == IP_PROTO_TCP && self->type == STREAM && self->pcb.tcp) {
        if (mp_obj_is_true(args[3])) {
            tcp_nagle_disable(self->pcb.tcp);
        } else {
            tcp_nagle_enable(self->pcb.tcp);
        }
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(socket_setsockopt_obj, 4, 4, socket_setsockopt);

static const mp_rom_map_elem_t socket_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___del__), MP_ROM_PTR(&mp_stream_close_obj) },
    { MP_ROM_QSTR(MP_QSTR_close), MP_ROM_PTR(&mp_stream_close_obj) },
    { MP_ROM_QSTR(MP_QSTR_connect), MP_ROM_PTR(&socket_connect_obj) },
    { MP_ROM_QSTR(MP_QSTR_send), MP_ROM_PTR(&socket_send_obj) },
    { MP_ROM_QSTR(MP_QSTR_sendall), MP_ROM_PTR(&mp_stream_write_obj) },
    { MP_ROM_QSTR(MP_QSTR_sendto), MP_ROM_PTR(&socket_sendto_obj) },
    { MP_ROM_QSTR(MP_QSTR_recv), MP_ROM_PTR(&socket_recv_obj) },
    { MP_ROM_QSTR(MP_QSTR_recvfrom), MP_ROM_PTR(&socket_recvfrom_obj) },
    { MP_ROM_QSTR(MP_QSTR_settimeout), MP_ROM_PTR(&socket_settimeout_obj) },
    { MP_ROM_QSTR(MP_QSTR_setblocking), MP_ROM_PTR(&socket_setblocking_obj) },
    { MP_ROM_QSTR(MP_QSTR_setsockopt), MP_ROM_PTR(&socket_setsockopt_obj) },
    { MP_ROM_QSTR(MP_QSTR_read), MP_ROM_PTR(&mp_stream_read_obj) },
    { MP_ROM_QSTR(MP_QSTR_readinto), MP_ROM_PTR(&mp_stream_readinto_obj) },
    { MP_ROM_QSTR(MP_QSTR_readline), MP_ROM_PTR(&mp_stream_unbuffered_readline_obj) },
    { MP_ROM_QSTR(MP_QSTR_write), MP_ROM_PTR(&mp_stream_write_obj) },
};
static MP_DEFINE_CONST_DICT(socket_locals, socket_locals_table);

static const mp_stream_p_t socket_stream = { .read = socket_read, .write = socket_write, .ioctl = socket_ioctl };

static MP_DEFINE_CONST_OBJ_TYPE(socket_type, MP_QSTR_socket, MP_TYPE_FLAG_NONE, make_new, socket_make_new,
    protocol, &socket_stream, locals_dict, &socket_locals);

static const mp_rom_map_elem_t module_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_socket) },
    { MP_ROM_QSTR(MP_QSTR_socket), MP_ROM_PTR(&socket_type) },
    { MP_ROM_QSTR(MP_QSTR_getaddrinfo), MP_ROM_PTR(&chip_getaddrinfo_obj) },
    { MP_ROM_QSTR(MP_QSTR_AF_INET), MP_ROM_INT(INET) },
    { MP_ROM_QSTR(MP_QSTR_SOCK_STREAM), MP_ROM_INT(STREAM) },
    { MP_ROM_QSTR(MP_QSTR_SOCK_DGRAM), MP_ROM_INT(DATAGRAM) },
    { MP_ROM_QSTR(MP_QSTR_SOL_SOCKET), MP_ROM_INT(0xfff) },
    { MP_ROM_QSTR(MP_QSTR_SO_REUSEADDR), MP_ROM_INT(4) },
    { MP_ROM_QSTR(MP_QSTR_IPPROTO_TCP), MP_ROM_INT(IP_PROTO_TCP) },
    { MP_ROM_QSTR(MP_QSTR_TCP_NODELAY), MP_ROM_INT(1) },
};
static MP_DEFINE_CONST_DICT(module_globals, module_globals_table);

const mp_obj_module_t socket_module = { .base = { &mp_type_module }, .globals = (mp_obj_dict_t *)&module_globals };
MP_REGISTER_EXTENSIBLE_MODULE(MP_QSTR_socket, socket_module);
