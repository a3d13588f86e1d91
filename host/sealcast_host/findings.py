"""What a look at something found: one line each, in plain words, with the way out where it is wrong."""

from dataclasses import dataclass

OK, NOTE, WRONG = "ok", "note", "WRONG"
TOO_SMALL = "SMALL"  # nothing is wrong, but what is wanted does not fit


@dataclass(frozen=True)
class Finding:
    """about: board, broker, channel, ...; verdict: OK, NOTE, WRONG or TOO_SMALL; text: what was found, what to do."""

    about: str
    verdict: str
    text: str

    def line(self) -> str:
        text = " ".join(self.text.split())
        return f"{self.verdict:5}  {self.about:8} " + "".join(c if c.isprintable() else "?" for c in text)
