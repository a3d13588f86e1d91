"""One-time keys published ahead: PROTOCOL.md section 16.1."""

from dataclasses import dataclass

from .encoding import Reader, Reject
from .frames import PACKAGE, Header, associated, open_sealed, parse_header, seal
from .names import ChannelKeys

AHEAD = 2


@dataclass(frozen=True)
class Package:
    sid: bytes
    number: int
    K: bytes
    R: bytes


def build_package(keys: ChannelKeys, uid: str, package: Package, nonce: bytes) -> bytes:
    ad = associated(Header(PACKAGE, package.sid, package.number), keys.rp, keys.name(uid))
    return seal(keys.msgkey, ad, nonce, package.K + package.R)


def parse_package(keys: ChannelKeys, name: bytes, frame: bytes) -> Package:
    header = parse_header("k", frame)
    if header.seq == 0:
        raise Reject("format", "numbers begin at 1")
    ad = associated(header, keys.rp, name)
    reader = Reader(open_sealed(keys.msgkey, ad, frame))
    K, R = reader.take(32), reader.take(32)
    reader.end()
    return Package(header.epoch, header.seq, K, R)
