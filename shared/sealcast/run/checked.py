"""Settings that were checked and completed by who provisioned the
board: it can take them without loading the rules (settings.py).

Such a text ends with the field "checked": RULES, and a hash over all that stands before the field. Who edits a file by
hand, or has a node with other rules, makes the board check everything itself.
"""

from ..crypto.keys import derive
from ..errors import Reject
from ..wire import b64, unb64

RULES = "2"  # of settings.py: another number with every change of its fields, limits or defaults
_FIELD = ', "checked": "'
_KEYS = ("key", "identity", "admin")


def seal(suite, text):
    """A JSON object's text, without the field -> with it."""
    text = text.rstrip()[:-1]
    return text + _FIELD + _mark(suite, text) + '"}\n'


def holds(suite, text):
    """Is this text as it was sealed, by rules that are ours?"""
    head, found, mark = text.rstrip().partition(_FIELD)
    return found != "" and mark == _mark(suite, head) + '"}'


def decode(settings):
    """The keys of sealed settings as bytes: what settings.complete() would have made of them. Raises ValueError."""
    try:
        for name in _KEYS:
            if settings[name] is not None:
                settings[name] = unb64(settings[name])
        for uid in settings["roster"] or ():
            settings["roster"][uid] = unb64(settings["roster"][uid])
    except (Reject, KeyError, TypeError, AttributeError):
        raise ValueError
    settings.pop("checked", None)
    return settings


def _mark(suite, text):
    return RULES + ":" + b64(derive(suite, b"", b"sc/settings", text.encode())[:16])
