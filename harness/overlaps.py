"""Which faults cannot be had at one time: the lift of one would undo the other, or both would set the same thing.

And which times cannot be had: where a fault ends the server, all begin with the drain and are on until it has gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

from harness.faults import spec_of
from harness.model.fault_traits import has_trait
from harness.model.scenario import FaultUse, Scenario
from harness.timeline import ends_server


def contend(one: FaultUse, other: FaultUse, part_kinds: Mapping[str, str]) -> bool:
    """Would both own the same thing, whenever they are on? What one owns is in its spec (`owns`, `per`)."""
    if one.what != other.what:
        return False
    spec, than = (spec_of(use, part_kinds.get(use.what)) for use in (one, other))
    if not spec.owns or not than.owns:
        return False
    short, long = sorted((f"{spec.owns}/", f"{than.owns}/"), key=len)
    if not long.startswith(short):
        return False
    if not spec.per or not than.per:
        return True
    named, theirs = spec.value(one, spec.per), than.value(other, than.per)
    return named == theirs or named < 0 or theirs < 0


def overlap(one: FaultUse, other: FaultUse, scenario: Scenario) -> bool:
    """Are both to be on at one time? All are, where one of them ends the server."""
    (from_s, to_s), (others_from_s, others_to_s) = (_span(use, scenario) for use in (one, other))
    return ends_server(scenario) or from_s == others_from_s or (from_s < others_to_s and others_from_s < to_s)


def _span(use: FaultUse, scenario: Scenario) -> tuple[float, float]:
    return use.at_s, scenario.faults_end_s if use.for_s is None else use.end_s


def clash(scenario: Scenario, part_kinds: Mapping[str, str]) -> str:
    """A sentence on the first of its faults that cannot be had at its time, or the first two that cannot together."""
    if why := _untimely(scenario):
        return why
    for one, other in combinations(scenario.faults, 2):
        if overlap(one, other, scenario) and contend(one, other, part_kinds):
            accepted = "one of them" if ends_server(scenario) else "one after the other"
            return (
                f"{_told(one, scenario)} and {_told(other, scenario)} overlap and act on the same thing, so that one"
                f" would undo the other; accepted: {accepted}."
            )
    return ""


def _untimely(scenario: Scenario) -> str:
    ends = next((use for use in scenario.faults if has_trait(use.id, "final")), None)
    timed = next((use for use in scenario.faults if use.at_s or use.for_s is not None), None)
    if ends is None or timed is None:
        return ""
    told = f"at_s = {timed.at_s:g}" if timed.at_s else f"for_s = {timed.for_s:g}"
    return (
        f"{timed.id} has {told}, but {ends.id} ends the server: all faults of the scenario begin with the drain and are"
        " lifted when the server has gone; accepted: neither at_s nor for_s."
    )


def _told(use: FaultUse, scenario: Scenario) -> str:
    if ends_server(scenario):
        return use.id
    from_s, to_s = _span(use, scenario)
    return f"{use.id} ({from_s:g} to {to_s:g} s)"
