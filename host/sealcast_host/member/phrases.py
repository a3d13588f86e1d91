"""Word phrases: how strong a channel's password is, and strong ones made here; fingerprints as words.

A channel's password can be guessed offline by whoever stores its notes (THREATS.md), so a phrase has at least 77 bits:
seven words out of 2048, and an eighth that follows from them and finds a typing error. scrypt then makes each
guess cost memory and time: 2^stretch KiB (PROTOCOL 4.1). That must be known before anything can be read, so the eighth
word tells it, too.
"""

import difflib
import hashlib
import math
import re
import secrets
import unicodedata
from functools import cache
from importlib import resources

from sealcast.crypto.keys import STRETCH as OLD_STRETCH
from sealcast.zpinc.joins import FINGERPRINT_LETTERS
from sealcast_host.errors import UserError
from sealcast_host.member.channels import STRETCH

MIN_BITS = 77
WORDS_IN_PHRASE = 7  # that chance chooses; one more behind them finds typing errors

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


def new_phrase(stretch: int = STRETCH) -> str:
    """Seven words chosen by the system's randomness (77 bits) and a checksum word, joined by hyphens."""
    words = wordlist()
    chosen = [secrets.choice(words) for _ in range(WORDS_IN_PHRASE)]
    return "-".join([*chosen, checksum(chosen, stretch)])


def checksum(words: list[str], stretch: int) -> str:
    """The word that ends a phrase of these: 11 bits of SHA-256 of "sealcast phrase ", the stretch and a space unless
    that is 15, and the words with hyphens."""
    kind = "" if stretch == OLD_STRETCH else f"{stretch} "
    digest = hashlib.sha256(f"sealcast phrase {kind}{'-'.join(words)}".encode()).digest()
    return wordlist()[int.from_bytes(digest[:2]) & 2047]


def read_phrase(text: str, stretch: int | None = None) -> tuple[str, int]:
    """A phrase as it was typed -> as it was made, and its stretch: case, accents of the keyboard, spaces or commas for
    hyphens do not matter. A password of one's own, which is not made of the list's words, stays as it is.

    stretch: as it was given, needed where it is neither what this version nor what 0.1 makes; for a password of one's
    own this version's by default. Seven words are a phrase of version 0.1, without a checksum. Raises UserError, which
    names no word that was typed.
    """
    words = re.split(r"[\s\-_.,;]+", unicodedata.normalize("NFKC", text).strip().casefold())
    words = [w for w in words if w]
    known = set(wordlist())
    unknown = [i for i, w in enumerate(words) if w not in known]
    if not WORDS_IN_PHRASE - 1 <= len(words) <= WORDS_IN_PHRASE + 2 or len(unknown) > 2:
        return text, stretch or STRETCH
    own = " (a password of your own: --as-is)"
    if unknown:
        i = unknown[0]
        near = difflib.get_close_matches(words[i], wordlist(), 1, 0.6)
        hint = f': did you mean "{near[0]}"?' if near else ""
        raise UserError(f"word {i + 1} of the phrase is not one of the list's{hint}{own}")
    if len(words) not in (WORDS_IN_PHRASE, WORDS_IN_PHRASE + 1):
        raise UserError(f"a phrase has {WORDS_IN_PHRASE + 1} words, this has {len(words)}{own}")
    if len(words) == WORDS_IN_PHRASE:
        return "-".join(words), stretch or OLD_STRETCH
    for kind in (stretch,) if stretch else (STRETCH, OLD_STRETCH):
        if checksum(words[:-1], kind) == words[-1]:
            return "-".join(words), kind
    raise UserError(f"the phrase's last word does not fit the others: compare each word (and --stretch){own}")


def spoken(fingerprint: str) -> str:
    """A fingerprint (sealcast.zpinc.joins) as nine words, for people who compare by voice: 99 of its 100 bits."""
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
