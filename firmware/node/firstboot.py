"""The secrets that a board makes for itself where its settings leave them out: identity, and the key from a password.

A provisioned board never loads this.
"""

from sealcast.errors import BadState
from sealcast.run.filestore import FileStore
from sealcast.wire import lv

from . import storage


def identity(suite, directory, tell):
    """The member's 32-byte secret from its own file; made there at first boot. None without hardware randomness.

    Raises BadState for a file that is damaged, empty or gone after the member has begun: the others know it by what is
    lost, and only people can decide that it becomes another. tell(line): one that a power cut spoilt while it was made
    is made again.
    """
    store = FileStore(suite, b"", directory + "identity")
    secret = store.load()
    if secret is None:
        state = FileStore(suite, b"", directory + "state")  # no key fits: is there anything?
        if state.load() or state.damaged:
            raise BadState(
                "the identity files are damaged or gone: put back a copy of identity.0 or identity.1, or provision "
                "this board anew (the others must then approve its new identity)"
            )
        if store.damaged:
            tell("storage: the identity was not finished when the power failed; making it again")
        _radio(True)
        secret = storage.hardware(32)
        _radio(False)  # its memory belongs to other things first
        if secret:
            secret = suite.h(32, b"", b"", b"sc/identity", secret)
            store.store(secret)  # durable before anyone sees it
    return secret


def _radio(on):
    """An ESP32's random numbers are such only while it is (ESP-IDF, "Random Number Generation")."""
    try:
        import network

        network.WLAN(network.STA_IF).active(on)
    except Exception:
        pass  # there is none, or it fails: Wi-Fi says so when it begins


def root(suite, password, channel, stretch, directory, slow):
    """password, channel (bytes), stretch -> root key, worked out once and kept, since scrypt is slow. slow(): it
    begins."""
    from sealcast.crypto.keys import STRETCH, root_key

    # The check tells a changed password. It is a fast hash of it, and gives nothing away: the password lies beside it.
    asked = lv(password, channel) + (b"" if stretch == STRETCH else bytes((stretch,)))
    store = FileStore(suite, suite.h(32, b"", b"", b"sc/root-check", asked), directory + "root")
    key = store.load()
    if key is None:
        slow()
        key = root_key(suite, password, channel, stretch)
        store.store(key)
    return key
