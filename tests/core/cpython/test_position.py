"""The search for the group's position as a table: PROTOCOL.md 18.3 shows what shared/sealcast/smmp/sync.py does."""

import inspect
from importlib import import_module

import position
from sealcast.smmp import sync


def test_the_protocol_shows_the_table_that_is_run():
    shown = position.PROTOCOL.read_text().split(position.BEGIN)[1].split(position.END)[0]
    assert shown.strip() == position.drawn().strip(), "run tests/support/position.py"


def test_each_entry_is_a_procedure_of_the_one_signature():
    for where in sync.TABLE.values():
        module, name = where.split(".")
        parameters = list(inspect.signature(getattr(import_module("sealcast.smmp." + module), name)).parameters)
        assert len(parameters) == 6
        assert parameters[:3] + parameters[-2:] == ["me", "members", "group", "now", "out"], where


def test_each_stage_is_left_by_something():
    for stage in {stage for stage, _ in sync.TABLE}:
        name = sync.STAGES[stage]
        ways = [where.split(".")[1] for (at, _), where in sync.TABLE.items() if at == stage]
        # those two by an agreement
        assert name in ("FOUNDING", "OUT") or any(position.leads_to(way) - {name} for way in ways), name
