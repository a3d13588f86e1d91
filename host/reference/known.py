"""What the reference is told of other members' secrets, and how it says that another implementation did something else.

In a test the secrets come from a recorder around the other implementation's primitives, or from its seeds (section 5).
Whatever is not known is not predicted, only verified as far as a stranger with the channel key can.
"""

from . import ristretto
from .encoding import Reject
from .joins import SecretIdentity
from .primitives import ed25519_public, x25519_base


class Deviation(AssertionError):
    """Another implementation's bytes differ from what the page says they must be."""

    def __init__(self, section: str, what: str, expected: bytes, found: bytes) -> None:
        super().__init__(f"PROTOCOL.md {section}: {what}\n  expected {expected.hex()}\n  found    {found.hex()}")
        self.section, self.what, self.expected, self.found = section, what, expected, found


def expect(section: str, what: str, expected: bytes, found: bytes) -> None:
    if expected != found:
        raise Deviation(section, what, expected, found)


def expect_true(section: str, what: str, condition: bool) -> None:
    if not condition:
        raise Deviation(section, what, b"", b"")


def expect_number(section: str, what: str, expected: int, found: int | None) -> None:
    if expected != found:
        raise Deviation(section, f"{what}: {expected}, not {found}", b"", b"")


class Known:
    """Secrets by their public halves."""

    def __init__(self) -> None:
        self.identities: dict[str, SecretIdentity] = {}
        self.seeds: dict[bytes, bytes] = {}
        self.x: dict[bytes, bytes] = {}
        self.scalars: list[int] = []

    def add_seed(self, seed: bytes) -> None:
        self.seeds[ed25519_public(seed)] = seed

    def add_x25519(self, secret: bytes) -> None:
        self.x[x25519_base(secret)] = secret

    def scalar_of(self, Z: bytes, G: ristretto.Point) -> int | None:
        """The y with y G = Z, newest first, if it is known."""
        point = ristretto.decode(Z)
        if point is None:
            raise Reject("encoding")
        for y in reversed(self.scalars):
            if ristretto.equal(ristretto.multiply(y, G), point):
                return y
        return None
