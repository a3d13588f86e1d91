"""The module that both stand in the image and as a file: what the importer makes of it is compared with the image's
copy."""


def outer(seed):
    def middle(step, times=3):
        def inner():
            total = seed
            for i in range(times):
                total = total * 31 + step + i & 0xFFFF
            return total

        return inner

    return middle


def mark():
    return ("sealcast xip: a constant string", b"sealcast xip: constant bytes\0\xff", (None, True, False, ...))


def numbers(most):
    for n in range(most):
        yield n * n


class Thing:
    kind = "of the probe"

    def __init__(self, value, more=()):
        self.value = value
        self.more = more

    def sum(self, *rest, **named):
        return self.value + sum(rest) + len(named) + len(self.more)


def trial(value):
    """Functions, closures, generators, classes, exceptions, constants: the same number out of flash and out of RAM."""
    text, data, rest = mark()
    total = outer(value)(7, times=5)() + sum(numbers(9)) + Thing(value, (1, 2)).sum(1, 2, a=3)
    try:
        [][value]
    except IndexError as e:
        total += len(str(type(e)))
    finally:
        total += len(text) + len(data) + len(rest)
    return total + len({c: i for i, c in enumerate(text)}) + len(Thing.kind)
