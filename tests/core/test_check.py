"""The helper that other core tests trust."""

from check import raises


def test_raises_returns_the_exception():
    assert raises(ValueError, int, "x").args


def test_raises_lets_another_exception_through():
    try:
        raises(KeyError, int, "x")
    except ValueError:
        return
    raise AssertionError("swallowed")


def test_raises_objects_when_nothing_is_raised():
    try:
        raises(ValueError, int, "1")
    except AssertionError:
        return
    raise AssertionError("a call that succeeds was let through")
