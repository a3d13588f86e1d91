"""The one error a command shows: a line that says what to do next. The command line prints it and exits with 2."""


class UserError(Exception):
    """Something the user can put right. The text is one line, names the way out and holds no secret."""
