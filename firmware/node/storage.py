"""What a node keeps in files: its identity, its state, the key made from a password. All through FileStore: two slots each.

The files lie beside sealcast.json: identity.0/.1, state.0/.1, root.0/.1. Flash wear: a store writes the state once and
zeros once, so a state of 4 KB costs about two sectors; at a store a minute a 2 MB littlefs (512 sectors, 100,000
erases each) lasts about 48 years, a 64 KB one about 18 months.
"""

from sealcast.filestore import FileStore


def state(suite, config, directory):
    """The store of a channel's state. Its check is keyed with the identity, channel and name: no other member's state passes."""
    name = config["channel"].encode() + b"\x00" + config["uid"].encode()
    return FileStore(suite, suite.h(32, config["identity"], b"", b"sc/store-key", name), directory + "state")


def identity(suite, directory, hardware):
    """The member's 32-byte secret from its own file; made there at first boot. None without hardware randomness."""
    store = FileStore(suite, b"", directory + "identity")
    secret = store.load()
    if secret is None:
        secret = hardware(32)
        if secret:
            secret = suite.h(32, b"", b"", b"sc/identity", secret)
            store.store(secret)  # durable before anyone sees it
    return secret


def root(suite, password, channel, directory, slow):
    """password, channel (bytes) -> the channel's root key, worked out once and kept: scrypt is slow here. slow(): it begins."""
    from sealcast.keys import root_key

    store = FileStore(suite, suite.h(32, password, b"", b"sc/root-check", channel), directory + "root")
    key = store.load()
    if key is None:
        slow()
        key = root_key(suite, password, channel)
        store.store(key)
    return key
