// os.urandom(n) of a profile; included by extmod/modos.c.
void chip_fill_random(uint8_t *to, size_t size);

static mp_obj_t mp_os_urandom(mp_obj_t size_in) {
    vstr_t bytes;
    vstr_init_len(&bytes, mp_obj_get_int(size_in));
    chip_fill_random((uint8_t *)bytes.buf, bytes.len);
    return mp_obj_new_bytes_from_vstr(&bytes);
}
static MP_DEFINE_CONST_FUN_OBJ_1(mp_os_urandom_obj, mp_os_urandom);
