"""Paths as they stand in an output's options."""

from pathlib import Path

from sealcast_host.errors import UserError


def whole(option: str, text: str) -> Path:
    """The path, from the root on. option: what an error calls it. Raises UserError."""
    try:
        if "\0" in text:
            raise ValueError
        return Path(text).expanduser().absolute()
    except (RuntimeError, ValueError):  # nobody has that name; the folder where we are is gone
        raise UserError(f'{option}: "{text}" leads nowhere: give the path as ls shows it') from None
    except OSError:
        raise UserError(f"{option}: the folder to begin in is gone: give a path that begins with /") from None
