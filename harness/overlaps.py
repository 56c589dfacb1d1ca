"""Which faults cannot be had at one time: the lift of one would undo the other, or both would set the same thing."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

from harness.faults import spec_of
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
    """A sentence on the first two of its faults that cannot be had together, or nothing."""
    for one, other in combinations(scenario.faults, 2):
        if overlap(one, other, scenario) and contend(one, other, part_kinds):
            accepted = "one of them" if ends_server(scenario) else "one after the other"
            return (
                f"{_told(one, scenario)} and {_told(other, scenario)} overlap and act on the same thing, so that one"
                f" would undo the other; accepted: {accepted}."
            )
    return ""


def _told(use: FaultUse, scenario: Scenario) -> str:
    if ends_server(scenario):
        return use.id
    from_s, to_s = _span(use, scenario)
    return f"{use.id} ({from_s:g} to {to_s:g} s)"
