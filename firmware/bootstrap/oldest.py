"""The Python that the set-up needs: looked at before anything is read that an older one cannot read."""

import sys


def need(command: str) -> None:
    """Ends the program, with the way out, where Python is too old. command: of make, like "make firmware"."""
    if sys.version_info < (3, 11):
        have = "this is %d.%d" % sys.version_info[:2]
        sys.exit("sealcast: Python 3.11 or later is needed, %s: run `%s PYTHON=<a later python3>`" % (have, command))
