"""The one error a command shows: a line that says what to do next. The command line prints it and exits with its
code."""


class UserError(Exception):
    """Something the user can put right. The text is one line, names the way out and holds no secret."""

    code = 2  # the exit code


class Failed(UserError):
    """Nothing was wrong with what was asked for, but it did not work (a board that hangs, a cable that was pulled)."""

    code = 1


def garbled(where: str = "") -> Failed:
    """A bad line has changed what a board said. where: its port and a colon, where that is known."""
    return Failed(f"{where}the board's answer did not arrive whole: run the same command again")
