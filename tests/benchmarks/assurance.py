"""How much the formal models of `make test` explored: docs/ASSURANCE.md."""
from formal import models


def missing():
    return models.missing()


def measure(put):
    total = 0
    for run in models.SMALL:
        result = models.check(run)
        if result.errors:
            raise SystemExit("a property does not hold: %s %s %s" % run[:3])
        total += result.states
    put("assurance.model_states", total)
