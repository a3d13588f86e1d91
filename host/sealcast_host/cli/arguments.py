"""What several commands' arguments have in common: numbers, as argparse reads them, and words of help."""

import argparse
from collections.abc import Callable

PORT_HELP = "the serial port (default: the only one with something plugged in)"


def seconds(text: str) -> float:
    """More than 0, at most a day."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value <= 86400:
        raise argparse.ArgumentTypeError("must be a number of seconds, at most 86400")
    return value


def whole(low: int, high: int | None = None, what: str = "a number") -> Callable[[str], int]:
    """A function that reads a whole number from `low` to `high`, both included."""
    limits = f"must be {what} from {low} " + ("up" if high is None else f"to {high}")

    def read(text: str) -> int:
        if (
            not (text.isascii() and text.isdigit())
            or len(text) > 9
            or int(text) < low
            or high is not None
            and int(text) > high
        ):
            raise argparse.ArgumentTypeError(limits)
        return int(text)

    return read
