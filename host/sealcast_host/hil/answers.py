"""Known answers of every primitive (tests/vectors/primitives_*.json): published figures as calls of the crypto suite.

The files say where each figure is from; what was "made here" was made with libsodium or OpenSSL and is checked
against them.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sealcast_host.boards import shipped

Call = tuple[str, list[Any]]
_MAX_SCRYPT = 256  # n r p: what fits a board's heap
_DIRECT = ("h", "xsalsa20_xor", "secretbox", "x25519", "x25519_base", "ristretto_mul", "scalar_reduce", "bd_key")
_AS = {"h_parameters": "h", "x25519_edges": "x25519"}
ITERATIONS = 1000


@dataclass
class Known:
    """Calls with the results they must give, and who says so."""

    name: str
    source: str
    calls: list[Call] = field(default_factory=list)
    results: list[Any] = field(default_factory=list)

    def add(self, name: str, arguments: list[Any], result: Any) -> None:
        self.calls.append((name, arguments))
        self.results.append(result)


def known_answers() -> list[Known]:
    """All of them, the cheap ones first."""
    found = [*_symmetric(), *_x25519(), *_ed25519(), *_ristretto()]
    return [known for known in found if known.calls]


def iterated() -> tuple[str, dict[int, str]]:
    """RFC 7748 section 5.2: source, and k after so many steps of (k, u) = (X25519(k, u), k) from 9, 9."""
    section = _file("x25519")["x25519_iterated"]
    return section["source"], {int(count): str(result) for count, result in section["cases"]}


def _file(part: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((shipped.vectors_dir() / f"primitives_{part}.json").read_text())
    return loaded


def _bytes(value: Any) -> Any:
    return bytes.fromhex(value) if isinstance(value, str) else value


def _direct(part: str) -> Iterator[Known]:
    for name, section in _file(part).items():
        function = _AS.get(name, name)
        if function in _DIRECT:
            known = Known(name, section["source"])
            for case in section["cases"]:
                values = [_bytes(value) for value in case]
                known.add(function, values[:-1], values[-1])
            yield known


def _symmetric() -> Iterator[Known]:
    yield from _direct("symmetric")
    sections = _file("symmetric")
    opened = Known("secretbox_open", sections["secretbox"]["source"] + "; flipped bits refused")
    for key, nonce, pt, box in ([_bytes(v) for v in case] for case in sections["secretbox"]["cases"]):
        opened.add("secretbox_open", [key, nonce, box], pt)
        opened.add("secretbox_open", [key, nonce, bytes((box[0] ^ 1,)) + box[1:]], None)
        opened.add("secretbox_open", [key, nonce, box[:-1] + bytes((box[-1] ^ 128,))], None)
    yield opened
    for name in ("scrypt", "scrypt_small"):
        known = Known(name, sections[name]["source"])
        for password, salt, n, r, p, result in sections[name]["cases"]:
            if n * r * p <= _MAX_SCRYPT:
                known.add("scrypt", [password.encode(), salt.encode(), n, r, p, len(result) // 2], _bytes(result))
        yield known


def _x25519() -> Iterator[Known]:
    yield from _direct("x25519")
    section = _file("x25519")["x25519_zero"]
    known = Known("x25519_zero", section["source"])
    for u in section["cases"]:
        known.add("x25519", [bytes(range(32)), _bytes(u)], bytes(32))
    yield known


def _ed25519() -> Iterator[Known]:
    sections = _file("ed25519")
    signed = Known("ed25519", sections["ed25519"]["source"])
    for seed, public, msg, signature in ([_bytes(v) for v in case] for case in sections["ed25519"]["cases"]):
        signed.add("ed25519_public", [seed], public)
        signed.add("ed25519_sign", [seed, public, msg], signature)
        signed.add("ed25519_verify", [public, signature, msg], True)
        signed.add("ed25519_verify", [public, signature, msg + b"\0"], False)
    yield signed
    verdicts = Known("ed25519_verify", sections["ed25519_verify"]["source"])
    for _, public, signature, msg, valid in sections["ed25519_verify"]["cases"]:
        verdicts.add("ed25519_verify", [_bytes(public), _bytes(signature), _bytes(msg)], valid)
    yield verdicts


def _ristretto() -> Iterator[Known]:
    yield from _direct("ristretto")
    sections = _file("ristretto")
    encodings = [_bytes(e) for e in sections["ristretto_multiples"]["cases"]]
    base = encodings[1]
    multiples = Known("ristretto_multiples", sections["ristretto_multiples"]["source"])
    for i, encoding in enumerate(encodings):
        multiples.add("ristretto_mul", [bytes((i,)) + bytes(31), base], encoding)
        multiples.add("ristretto_valid", [encoding], i != 0)
        if i:
            multiples.add("ristretto_add", [encodings[i - 1], base], encoding)
            multiples.add("ristretto_sub", [encoding, base], encodings[i - 1])
    yield multiples
    bad = Known("ristretto_bad", sections["ristretto_bad"]["source"])
    for _, refused in sections["ristretto_bad"]["cases"]:
        for encoding in map(_bytes, refused):
            bad.add("ristretto_valid", [encoding], False)
            bad.add("ristretto_add", [encoding, base], "error ValueError: P is not a canonical ristretto255 encoding")
    yield bad
    mapped = Known("ristretto_map", sections["ristretto_map"]["source"])
    for _, uniform, result in sections["ristretto_map"]["cases"]:
        mapped.add("ristretto_map", [_bytes(uniform)], _bytes(result))
    same = sections["ristretto_map_same"]
    for uniform in same["cases"]:
        mapped.add("ristretto_map", [_bytes(uniform)], _bytes(same["result"]))
    yield mapped
