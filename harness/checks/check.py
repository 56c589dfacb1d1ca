"""The seam of all checks: a name, when it applies, what must hold first, and a pure function of the record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harness.model.record import TrialRecord
from harness.model.target import Limits
from harness.model.verdict import Verdict

Judge = Callable[[TrialRecord, Limits], Verdict]
Applies = Callable[[TrialRecord], str | None]

STARTS = "starts"
MACHINE_FIT = "machine-fit"
BASELINE_STEADY = "baseline-steady"
LOAD_PROVEN = "load-proven"
FAULT_PROVEN = "fault-proven"
PREMISES = frozenset({STARTS, MACHINE_FIT, BASELINE_STEADY, LOAD_PROVEN, FAULT_PROVEN})


def always(_record: TrialRecord) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Check:
    """`applies` gives the reason why it does not, or None. `premises` are names of checks that must have passed.

    A premise that does not apply to a trial is no hindrance. `finds`: the failure modes that it is there for, by their
    numbers in docs/failure-modes.md.
    """

    name: str
    asks: str
    judge: Judge
    applies: Applies = always
    premises: tuple[str, ...] = ()
    finds: tuple[str, ...] = ()


def passed(
    check: str, why: str, *, evidence: Mapping[str, object] | None = None, limits: Mapping[str, float] | None = None
) -> Verdict:
    return Verdict(check, "pass", why, evidence or {}, limits or {})


def failed(
    check: str,
    why: str,
    *,
    evidence: Mapping[str, object] | None = None,
    limits: Mapping[str, float] | None = None,
    advice: str = "",
) -> Verdict:
    return Verdict(check, "fail", why, evidence or {}, limits or {}, advice=advice)


def inconclusive(
    check: str,
    why: str,
    *,
    evidence: Mapping[str, object] | None = None,
    limits: Mapping[str, float] | None = None,
    advice: str = "",
) -> Verdict:
    return Verdict(check, "inconclusive", why, evidence or {}, limits or {}, attributed_to="rig", advice=advice)
