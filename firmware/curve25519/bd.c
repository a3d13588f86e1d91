// bd.c: the Burmester-Desmedt key (docs/PROTOCOL.md, handshake) as one pass over the
// encodings: n + 1 decodings, one encoding, 2 n additions.
//     K = A + (A + X_i) + (A + X_i + X_{i+1}) + ..      A = y_i Z_{i-1}, a secret
//       = n A + (n - 1) X_i + .. + X_{i+n-2}
// and the X of all members must add up to the neutral element.

static SC_RARE int bd_key(uint8_t out[32], const uint8_t A[32], const uint8_t *xs, size_t n) {
    ge a, acc, k;
    ge_cached c;
    fe left, right;
    uint32_t same;
    if (!SC_PUBLIC(ristretto_decode(&a, A))) {
        return SC_BAD_POINT;
    }
    k = acc = a;
    for (size_t i = 0; i < n; i++) {
        ge x;
        if (!SC_PUBLIC(ristretto_decode(&x, xs + 32 * i))) {
            return SC_BAD_POINT;
        }
        ge_cache(&c, &x);
        ge_add(&acc, &acc, &c, 0, 1);
        if (i + 1 < n) {
            ge_cache(&c, &acc);
            ge_add(&k, &k, &c, 0, 1);
        }
    }
    // RFC 9496 4.3.3: acc = a as ristretto points if x1 y2 = y1 x2 or y1 y2 = x1 x2.
    fe_mul(&left, &acc.X, &a.Y);
    fe_mul(&right, &acc.Y, &a.X);
    fe_sub(&left, &left, &right);
    same = fe_iszero(&left);
    fe_mul(&left, &acc.Y, &a.Y);
    fe_mul(&right, &acc.X, &a.X);
    fe_sub(&left, &left, &right);
    same |= fe_iszero(&left);
    if (!SC_PUBLIC(same)) {
        return SC_BAD_SUM;  // the X are public, and so is their sum
    }
    ristretto_encode(out, &k);
    return SC_OK;
}

int sc_bd_key(uint8_t out[32], const uint8_t A[32], const uint8_t *xs, size_t n) {
    int result = bd_key(out, A, xs, n);
    burn();
    return result;
}
