"""The tables [scenarios.NAME] of a target file: scenarios that one project needs and that need no Python.

Whether a fault is there and takes its parameters is asked where faults are known (harness/cli/chosen.py).
"""

from __future__ import annotations

import dataclasses

from harness.model.scenario import FaultUse, Ready, Scenario
from harness.model.target import Limits, Scalar
from harness.scenario_rules import MOST_S, MOST_WORKERS, NAME, NAME_IS, READY
from harness.target_load import read_limits
from harness.target_table import Table, is_number, show

_KEYS = ("fault", "at_s", "for_s", "outlasts_deadline")


def read_scenarios(table: Table) -> tuple[Scenario, ...]:
    found = tuple(_read(name, table.table(name)) for name in table.raw)
    table.done()
    return found


def _read(name: str, table: Table) -> Scenario:
    if not NAME.fullmatch(name):
        table.problems.add(f"scenarios.{name[:80]!r}", f"is no name of a scenario; accepted: {NAME_IS}")
    default = Scenario(name, "")
    faults = tuple(_read_fault(each) for each in table.tables("faults"))
    told = " and ".join(use.id for use in faults)
    scenario = Scenario(
        name=name,
        asks=table.text("asks", f"Does the service hold through {told}?" if told else "Does the service hold?"),
        requires=table.texts("requires"),
        baseline_s=table.number("baseline_s", default.baseline_s, 0.0, MOST_S),
        fault_s=table.number("fault_s", default.fault_s, 0.0, MOST_S),
        faults=faults,
        ready=_read_ready(table),
        recovery_s=table.number("recovery_s", default.recovery_s, 0.0, MOST_S),
        min_workers=table.whole("min_workers", default.min_workers, 1, MOST_WORKERS),
        settings=table.table("settings").scalars(),
        limits=_read_limits(table.table("limits")),
        note=table.text("note", ""),
    )
    table.done()
    return scenario


def _read_ready(table: Table) -> Ready:
    word = table.text("ready", "up", lambda value: None if value in READY else ", ".join(READY))
    return next((ready for ready in READY if ready == word), "up")


def _read_limits(table: Table) -> dict[str, float]:
    """Only those that it sets: the others are the target's."""
    limits = read_limits(table)
    return {item.name: getattr(limits, item.name) for item in dataclasses.fields(Limits) if item.name in table.raw}


def _read_fault(table: Table) -> FaultUse:
    """What is none of our keys is a parameter of the fault."""
    id = table.text("fault", None, lambda value: None if value.count(".") == 1 else "WHAT.fault, as postgres.refuse")
    at_s = table.number("at_s", 0.0, 0.0, MOST_S)
    for_s = table.number("for_s", 1.0, 0.0, MOST_S, above=True) if table.has("for_s") else None
    outlasts = table.truth("outlasts_deadline", False)
    parameters: dict[str, Scalar] = {}
    for key in [key for key in table.raw if key not in _KEYS and table.has(key)]:
        value = table.raw[key]
        if isinstance(value, str | bool) or is_number(value):
            parameters[key] = value
        else:
            table.wrong(key, f"is {show(value)}; accepted: text or a number, as the fault takes it")
    table.done()
    return FaultUse(id if id.count(".") == 1 else "postgres.refuse", at_s, for_s, parameters, outlasts)
