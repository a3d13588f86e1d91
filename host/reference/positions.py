"""MACs by which the members of a pair believe each other, and nobody else does: PROTOCOL.md section 18.2."""

from collections.abc import Callable
from dataclasses import dataclass

from .encoding import Reject
from .primitives import H

MAC = 16

Vouch = Callable[[bytes, bytes], tuple[bytes, ...]]
"""(ad, said) -> the MACs of those who are to believe it."""


def position_mac(static: bytes, ad: bytes, group: bytes, maker: bytes, receiver: bytes, said: bytes) -> bytes:
    """static: X25519 of the two identities; group: its id, or its name; maker, receiver: tags."""
    return H(static, ad, group[:16], maker, receiver, said, person=b"sc/position")[:MAC]


@dataclass(frozen=True)
class Position:
    """What was said, and the MACs behind it: who finds none of its own among them does not believe it."""

    group: bytes
    maker: bytes
    ad: bytes
    said: bytes
    macs: tuple[bytes, ...]

    def believers(self, statics: dict[bytes, bytes]) -> list[bytes]:
        """Tags, in the order of the MACs, of those of whom the pair with the maker is known."""
        own = {position_mac(s, self.ad, self.group, self.maker, tag, self.said): tag for tag, s in statics.items()}
        return [own[mac] for mac in self.macs if mac in own]


def vouch(group: bytes, maker: bytes, statics: dict[bytes, bytes]) -> Vouch:
    """For these, in this order."""
    return lambda ad, said: tuple(position_mac(s, ad, group, maker, tag, said) for tag, s in statics.items())


def split_macs(data: bytes, most: int) -> tuple[bytes, ...]:
    """Reject(`format`) for a piece of one, or for too many."""
    if len(data) % MAC or len(data) > MAC * most:
        raise Reject("format", "MACs")
    return tuple(data[at : at + MAC] for at in range(0, len(data), MAC))
