"""All checks over one record: premises first, what does not apply with its reason, the worst verdict for the trial.

Pure: the same record gives the same bytes, whenever and wherever it is judged.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from harness.model.record import TrialRecord
from harness.model.target import Limits
from harness.model.verdict import NotApplicable, Outcome, TrialVerdict, Verdict, worst

from . import CHECKS
from .check import PREMISES, STARTS, Check
from .facts.troubles import planned
from .known_limits import unless_known

_WHOLE = "record-whole"


def judge_trial(record: TrialRecord, names: Collection[str] | None = None) -> TrialVerdict:
    """`names`: only these checks, and the premises they stand on."""
    trial = record.trial
    asked = [check for check in CHECKS if names is None or check.name in names]
    needed = _with_premises(asked)
    verdicts, absent = _judge_all(record, trial.limits, [check for check in CHECKS if check.name in needed])
    cut = _cut(record)
    if cut is not None:
        verdicts.insert(0, cut)
    shown = tuple(_plain(verdict) for verdict in verdicts)
    return TrialVerdict(
        scenario=trial.scenario.name,
        config={key: trial.config[key] for key in sorted(trial.config)},
        faults=planned(trial),
        verdict=_of_trial(shown, {check.name for check in asked} - (PREMISES if names is None else set())),
        verdicts=shown,
        not_applicable=tuple(absent),
        note=trial.scenario.note,
    )


def _with_premises(asked: Sequence[Check]) -> set[str]:
    by_name = {check.name: check for check in CHECKS}
    needed: set[str] = set()
    waiting = [check.name for check in asked]
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting.extend(by_name[name].premises)
    return needed


def _judge_all(
    record: TrialRecord, limits: Limits, checks: Sequence[Check]
) -> tuple[list[Verdict], list[NotApplicable]]:
    """In the order of CHECKS, in which each premise stands before those that need it."""
    verdicts: dict[str, Verdict] = {}
    absent: list[NotApplicable] = []
    for check in checks:
        started = verdicts.get(STARTS)
        if started is not None and started.verdict == "fail":
            absent.append(NotApplicable(check.name, "the service did not start"))
            continue
        reason = check.applies(record)
        if reason is not None:
            absent.append(NotApplicable(check.name, reason))
            continue
        verdicts[check.name] = _judge_one(record, limits, check, verdicts)
    return list(verdicts.values()), absent


def _judge_one(record: TrialRecord, limits: Limits, check: Check, so_far: Mapping[str, Verdict]) -> Verdict:
    for name in check.premises:
        premise = so_far.get(name)
        if premise is not None and premise.verdict != "pass":
            why = f"Not judged, for {name} did not pass. {premise.why}"
            return Verdict(check.name, "inconclusive", why, premises=check.premises, attributed_to="rig")
    verdict = unless_known(record, limits, check, check.judge(record, limits))
    return replace(verdict, premises=check.premises)


def _cut(record: TrialRecord) -> Verdict | None:
    """A verdict on the record itself, where it is not whole."""
    ended = record.ended
    if ended is not None and ended.reason == "error":
        why = f"The harness could not finish this trial: {ended.why.rstrip('.')}."
        return Verdict(_WHOLE, "error", why, attributed_to="rig")
    if record.whole:
        return None
    last_s = record.last_ns / 1e9
    if ended is not None and ended.reason == "interrupted":
        why = (
            f"The trial was interrupted after {last_s:.1f} s ({ended.why.rstrip('.')}); it is judged as far as it goes."
        )
    else:
        why = f"The record is cut after {last_s:.1f} s; it is judged to its last whole row."
    return Verdict(_WHOLE, "inconclusive", why, attributed_to="rig")


def _of_trial(verdicts: Sequence[Verdict], real: Collection[str]) -> Outcome:
    """The worst of them. Premises alone show nothing of the service, so without a check of it nothing passes."""
    outcome = worst(tuple(verdict.verdict for verdict in verdicts))
    if outcome == "pass" and not any(verdict.check in real for verdict in verdicts):
        return "inconclusive"
    return outcome


def _plain(verdict: Verdict) -> Verdict:
    """Plain JSON values, floats with six digits: no digit is there that was not measured."""
    evidence = {str(key): _value(value) for key, value in verdict.evidence.items()}
    limits = {key: _digits(float(value)) for key, value in sorted(verdict.limits.items())}
    return replace(verdict, evidence=evidence, limits=limits)


def _value(value: object) -> object:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return _digits(value) if math.isfinite(value) else None
    if isinstance(value, np.generic):
        return _value(value.item())
    if isinstance(value, Mapping):
        return {str(key): _value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_value(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((_value(item) for item in value), key=str)
    return str(value)


def _digits(value: float) -> float:
    return float(f"{value:.6g}")
