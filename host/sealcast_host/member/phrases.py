"""Word phrases: how strong a channel's password is, and strong ones made here; fingerprints as words.

A channel's password can be guessed offline by whoever stores its notes (THREATS.md), so a phrase has at least 77 bits:
seven words out of 2048. scrypt then makes each guess cost 32 MiB of memory.
"""

import math
import secrets
from functools import cache
from importlib import resources

from sealcast.zpinc.identity import FINGERPRINT_LETTERS

MIN_BITS = 77
WORDS_IN_PHRASE = 7

# What a guesser tries first; a password made of these is as good as none, whatever its length.
_OBVIOUS = (
    "password", "passwort", "secret", "sealcast", "letmein", "welcome", "admin", "qwerty", "qwertz", "iloveyou",
    "dragon", "abc", "123", "1234", "12345", "123456", "hunter2", "changeme", "default", "master", "monkey", "login",
)  # fmt: skip


@cache
def wordlist() -> tuple[str, ...]:
    """The 2048 words, in order.

    Raises ValueError when the package's file is damaged: a short list makes weak phrases.
    """
    text = resources.files("sealcast_host.member").joinpath("words.txt").read_text("ascii")
    words = tuple(line for line in text.splitlines() if line and not line.startswith("#"))
    if len(words) != 2048 or len(set(words)) != 2048:
        raise ValueError("words.txt is damaged: it must hold 2048 different words; install sealcast-host again")
    return words


def new_phrase() -> str:
    """Seven words chosen by the system's randomness, joined by hyphens: 77 bits."""
    words = wordlist()
    return "-".join(secrets.choice(words) for _ in range(WORDS_IN_PHRASE))


def spoken(fingerprint: str) -> str:
    """A fingerprint (sealcast.zpinc.identity) as nine words, for people who compare by voice: 99 of its 100 bits."""
    bits = 0
    for letter in fingerprint.replace("-", ""):
        bits = bits << 5 | FINGERPRINT_LETTERS.index(letter)
    words = wordlist()
    return "-".join(words[bits >> (89 - 11 * i) & 2047] for i in range(9))


def estimate_bits(password: str) -> float:
    """An upper bound on the bits of `password`, counted as a guesser would: known words, then runs, then characters.

    Never praises: the true strength of what a person chose is at most this.
    """
    words = set(wordlist())
    known = sorted(words.union(_OBVIOUS), key=len, reverse=True)
    rest = password.lower()
    bits = 0.0
    seen: set[str] = set()
    for word in known:
        while word in rest:
            # A word said twice is hardly harder to guess than said once.
            bits += 0.0 if word in seen else 11.0 if word in words else 4.0
            seen.add(word)
            rest = rest.replace(word, "\0", 1)
    rest = "".join(c for c in rest if c not in "\0 -_.,")
    return bits + _bits_of_characters(rest)


def _bits_of_characters(text: str) -> float:
    """Characters drawn from the alphabets in use; repeats and runs (aaaa, 1234) count one bit each."""
    size = 0
    for alphabet, present in ((26, str.isalpha), (10, str.isdigit)):
        if any(present(c) for c in text):
            size += alphabet
    if any(not c.isalnum() for c in text):
        size += 32
    bits = 0.0
    for i, c in enumerate(text):
        run = i > 0 and abs(ord(c) - ord(text[i - 1])) <= 1
        bits += 1.0 if run else math.log2(max(size, 2))
    return bits
