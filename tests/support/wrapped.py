"""Prose of Markdown files in lines of at most 100 columns: `python
tests/support/wrapped.py FILE...` wraps what is longer.

Paragraphs and list items are filled anew where they hold a longer line; tables, code, headings and HTML stay as they
are. No word changes. tests/test_docs.py finds what is too long.
"""

import re
import sys
import textwrap
from pathlib import Path

WIDTH = 100
ITEM = re.compile(r"^(\s*)([*-]|\d+\.) ")
STAYS = re.compile(r"^(    |\||#|<|!\[|\s*$)")


def _starts_item(line):
    return ITEM.match(line) is not None


def blocks(text):
    """[(is it prose?, [lines])] in order: a paragraph, a list item, or what stays as it is."""
    out, fenced = [], False
    for line in text.split("\n"):
        fence = line.lstrip().startswith("```")
        inside_item = bool(out and out[-1][0] and ITEM.match(out[-1][1][0]))
        stays = fenced or fence or STAYS.match(line) and not (inside_item and line.startswith("    ") and line.strip())
        if stays:
            out.append((False, [line]))
        elif _starts_item(line) or not (out and out[-1][0]):
            out.append((True, [line]))
        else:
            out[-1][1].append(line)
        fenced ^= fence
    return out


def _hard(line):
    """Does the line end with a break that is meant?"""
    return line.endswith(("  ", "\\"))


def wrapped(text):
    out = []
    for prose, lines in blocks(text):
        if not prose or all(len(line) <= WIDTH for line in lines) or any(_hard(line) for line in lines):
            out += lines
            continue
        item = ITEM.match(lines[0])
        indent = " " * (len(item[0]) if item else len(lines[0]) - len(lines[0].lstrip()))
        first = item[0] if item else indent
        words = " ".join(line.strip() for line in [lines[0][len(first) :], *lines[1:]])
        filled = textwrap.wrap(words, WIDTH, initial_indent=first, subsequent_indent=indent,
                               break_long_words=False, break_on_hyphens=False)  # fmt: skip
        out += _safe(filled)
    return "\n".join(out)


def _safe(lines):
    """No line may begin with what would be read as an item, a heading or a table: the word before comes down to it."""
    out = [lines[0]]
    for line in lines[1:]:
        while re.match(r"^\s*([*+-]|\d+\.|#+|\||>|[=-]+)( |$)", line):
            indent = line[: len(line) - len(line.lstrip())]
            out[-1], _, word = out[-1].rpartition(" ")
            line = indent + word + " " + line.lstrip()
        out.append(line)
    return out


def too_long(text):
    """[(line number, line)] of prose over the width that has a space to break it at."""
    found, number = [], 0
    for prose, lines in blocks(text):
        for line in lines:
            number += 1
            if prose and len(line) > WIDTH and " " in line.strip()[:WIDTH]:
                found.append((number, line))
    return found


def main(paths):
    for path in map(Path, paths):
        text = path.read_text()
        new = wrapped(text)
        if new.split() != text.split():
            sys.exit(f"{path}: a word would change")
        path.write_text(new)


if __name__ == "__main__":
    main(sys.argv[1:])
