"""The desktop reference: a second implementation of docs/PROTOCOL.md, plain and readable, for checking the first.

It was written from that page alone, on PyNaCl, hashlib and Python's integers, and imports nothing from the core. It has
no I/O, no clock, no timers and no randomness of its own: whatever is random is an argument, so that a test can predict
the bytes of another implementation. It is not constant time and wipes nothing: it is a measuring instrument, never a
member in earnest.

    encoding, primitives, ristretto      sections 1, 3.4
    names, frames, randomness, storage   sections 2 to 5, 12
    joins, notes, presence               sections 6 to 8
    handshake, cpace, conversations      sections 9, 10
    packages, agreement, ratchet         sections 16, 17
    private, control, notice             sections 18.2, 20, 22
    members, zpinc, smmp                 the halves at work: who reads a whole channel, or a whole group, and checks it
    peer, group_peer                     a member made of these pieces, moved by hand, to be run against another one
"""
