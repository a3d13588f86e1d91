"""What a node keeps in files: its state; its identity and the key made from a password are firstboot.py's. All through
FileStore, two slots each.

The files lie beside sealcast.json: identity.0/.1, state.0/.1, root.0/.1, and state.0j or state.1j, what was appended
to that state. Flash wear stands in docs/HARDWARE.md.
"""

import os

from sealcast.errors import BadState
from sealcast.rare import load
from sealcast.run.filestore import FileStore


def hardware(n):
    """n bytes of the machine's own randomness, or None where the port has none."""
    return os.urandom(n) if hasattr(os, "urandom") else None


class Member:
    """What makes a channel out of the stored state, at the start and after an internal error."""

    def __init__(self, suite, config, directory):
        self._suite = suite
        self._config = config
        self.store = state(suite, config, directory)

    def begin(self, tell):
        """-> Channel. tell(line): when what is stored cannot be used. Raises NoRandomness."""
        blob = self.store.load()
        if self.store.damaged:
            why = "other channel, other member, or broken flash"
            tell("storage: the stored state cannot be used (%s); beginning anew" % why)
        try:
            return self._channel(blob)
        except BadState:  # nobody may be near this board: losing its state is what members recover from by themselves
            tell("storage: the stored state is of another version; beginning anew")
            return self._channel(None)

    def remake(self):
        return self._channel(self.store.load())

    def _channel(self, blob):
        from sealcast.channel import Channel

        return Channel(self._suite, self._config, blob, hardware)

    def jitter(self):
        """random(n) for what needs no secrecy."""
        if hardware(1):
            return hardware
        return lambda n: self._suite.h(n, self._config["identity"], b"", b"sc/jitter")


def state(suite, config, directory):
    """The store of a member's state in a channel; no other member's or channel's state passes its check."""
    key = load("run.slots").key_for(suite, config["identity"], config["channel"].encode(), config["uid"].encode())
    return FileStore(suite, key, directory + "state")
