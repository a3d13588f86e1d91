"""What core tests share. They run on CPython (pytest) and on MicroPython (on_micropython.py), so: plain functions
named test_*, bare asserts, no pytest. Those in tests/core/cpython and tests/core/micropython run on that one alone."""

import json

VECTORS = __file__.replace("\\", "/").rpartition("/")[0] + "/../../vectors/"


def raises(exception, function, *args, **kwargs):
    """Call the function, which must raise exactly this exception or a subclass. Returns the exception."""
    try:
        result = function(*args, **kwargs)
    except exception as e:
        return e
    raise AssertionError("%s not raised, got %r" % (exception.__name__, result))


def vectors(name):
    """The test vectors in tests/vectors/<name>.json."""
    with open(VECTORS + name + ".json") as f:
        return json.load(f)
