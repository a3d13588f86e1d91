"""Writes primitives_frames.json: known answers for the higher calls of a suite. `python tests/vectors/make_frames.py`.

Made by the independent implementation (host/reference, through
tests/support/frame_reference.py), which shares no code with the suites.
"""

import json
import sys
from pathlib import Path
from random import Random

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / folder) for folder in ("tests/support", "host")]
import frame_cases  # noqa: E402
import frame_reference as reference  # noqa: E402

RULE = (
    "Bytes are hexadecimal. Each section is named after a function of the crypto suite "
    "(shared/sealcast/crypto/soft_frames.py says what they do) and lists cases of its arguments, its result last: "
    "bytes, a number, true or false, or null. Every suite must give every result exactly. PROTOCOL.md 3, 5, 10 and 17 "
    "are where the formulas stand."
)
ARGUMENTS = {
    "seal_frame": "key head place nonce pt [hk]: frame", "open_frame": "key frame place: pt",
    "genuine_frame": "hk frame place: yes or no", "frame_nonce": "seed count hardware ad pt: nonce",
    "signable": "ad extra pt: digest", "chain": "key skip keep: keys", "pad": "lead body: padded",
    "unpad": "data limit: length", "x25519_xor": "v R: z", "x25519_column": "r R j: z",
    "ratchet_frame": "z statics HK digest mk lead nonce R_new message j: frame",
    "ratchet_header": "z common HK digest frame i: R_new",
    "ratchet_body": "mk frame: padded", "ratchet_keys": "z RK digest R epoch message j: RK NHK mk v digest",
}  # fmt: skip
LONGEST = 1000  # characters of a case


def text(value):
    return value.hex() if isinstance(value, bytes) else value


def outcome(result):
    """Of what kind is it? Both kinds of what opens or refuses are to be in the file."""
    return result if isinstance(result, bool | None) else result >= 0 if isinstance(result, int) else "bytes"


def main():
    make = frame_cases.make(Random("sealcast frames 1"), reference)
    made = {"format": "sealcast primitives 1", "rule": RULE}
    for name, maker in make.items():
        kinds = {}
        for _ in range(100):
            args = maker()
            result = getattr(reference, name)(*args)
            case = [*map(text, args), text(result)]
            if len(json.dumps(case)) <= LONGEST:
                kinds.setdefault(outcome(result), []).append(case)
        cases = [case for found in kinds.values() for case in found[: 4 // len(kinds)]]
        made[name] = {"arguments": ARGUMENTS[name], "source": "made here", "cases": cases}
    body = json.dumps(made, indent=1).replace("\n    ", " ").replace("[ ", "[").replace("\n   ]", "]")
    (HERE / "primitives_frames.json").write_text(body + "\n")


if __name__ == "__main__":
    main()
