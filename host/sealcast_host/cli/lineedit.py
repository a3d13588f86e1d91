"""A one-line editor for the terminal: keys in, finished lines out, and how the line looks. No I/O.

Enough for a chat that works in any terminal and in tmux: UTF-8, backspace, Ctrl-U, Ctrl-W, Ctrl-C, Ctrl-D; escape
sequences (arrow keys, paste markers) are swallowed.
"""

import codecs
import unicodedata

END = "\x04"
INTERRUPT = "\x03"


class LineEditor:
    """feed(bytes) -> finished lines; INTERRUPT and END stand for Ctrl-C, and Ctrl-D on an empty line."""

    def __init__(self, limit: int) -> None:
        self.text = ""
        self._limit = limit  # bytes of UTF-8
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._escape = ""

    def feed(self, data: bytes) -> list[str]:
        out: list[str] = []
        for c in self._decoder.decode(data):
            if self._escape or c == "\x1b":
                self._in_escape(c)
            elif c in "\r\n":
                out.append(self.text)
                self.text = ""
            elif c == INTERRUPT:
                out.append(INTERRUPT)
            elif c == END:
                if not self.text:
                    out.append(END)
            else:
                self._edit(c)
        return out

    def _edit(self, c: str) -> None:
        if c in "\x7f\x08":
            self.text = self.text[:-1]
        elif c == "\x15":  # Ctrl-U
            self.text = ""
        elif c == "\x17":  # Ctrl-W
            head, _, _ = self.text.rstrip().rpartition(" ")
            self.text = head + " " if head else ""
        elif c == "\t":
            self._edit(" ")
        elif c.isprintable() and len((self.text + c).encode()) <= self._limit:
            self.text += c

    def _in_escape(self, c: str) -> None:
        """ESC [ ... letter, ESC O letter, or ESC and one character."""
        self._escape += c
        n = len(self._escape)
        if n == 2 and c not in "[O" or n == 3 and self._escape[1] == "O" or n > 2 and "@" <= c <= "~" or n > 16:
            self._escape = ""

    def shown(self, columns: int) -> str:
        """The end of the text that fits in `columns`: the line never wraps, so it can always be redrawn."""
        width = 0
        start = len(self.text)
        while start > 0:
            width += char_width(self.text[start - 1])
            if width > columns:
                break
            start -= 1
        return self.text[start:]


def char_width(c: str) -> int:
    """Columns a character takes."""
    if unicodedata.combining(c):
        return 0
    return 2 if unicodedata.east_asian_width(c) in "WF" else 1
