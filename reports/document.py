"""The `--json` document of `run` and `judge`, also kept as `verdict.json`. It is a contract with programs.

The order of keys is fixed and nothing in `trials` depends on where or when the record is judged, so that the same
record gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.model.verdict import NotApplicable, Outcome, TrialVerdict, Verdict, worst
from reports.plain import plain
from reports.words import explained_at

SCHEMA_VERSION = 1


def run_verdict(verdicts: Sequence[TrialVerdict]) -> Outcome:
    """The worst of the trials; a run without any has shown nothing and is inconclusive."""
    return worst(tuple(trial.verdict for trial in verdicts))


def run_document(run_dir: str, target: str, verdicts: Sequence[TrialVerdict]) -> dict[str, object]:
    return {
        "schema_version": SCHEMA_VERSION,
        "run_dir": run_dir,
        "target": target,
        "verdict": run_verdict(verdicts),
        "trials": [_trial(trial) for trial in verdicts],
    }


def _trial(trial: TrialVerdict) -> dict[str, object]:
    told: dict[str, object] = {
        "scenario": trial.scenario,
        "config": plain(trial.config),
        "faults": list(trial.faults),
        "verdict": trial.verdict,
        "verdicts": [_verdict(verdict) for verdict in trial.verdicts],
        "not_applicable": [_not_applicable(check) for check in trial.not_applicable],
    }
    # Only where there is something to say, for instance that the record is cut, or that it is the second one.
    if trial.note:
        told["note"] = trial.note
    if trial.set_aside:
        told["set_aside"] = [{"folder": before.folder, "why": before.why} for before in trial.set_aside]
    return told


def _verdict(verdict: Verdict) -> dict[str, object]:
    told: dict[str, object] = {
        "check": verdict.check,
        "verdict": verdict.verdict,
        "why": verdict.why,
        "evidence": plain(verdict.evidence),
        "limits": plain(verdict.limits),
        "premises": list(verdict.premises),
        "attributed_to": verdict.attributed_to,
        "advice": verdict.advice,
    }
    # Only of what failed: there is nothing to explain of the rest.
    return {**told, "explained": explained_at(verdict)} if explained_at(verdict) else told


def _not_applicable(check: NotApplicable) -> dict[str, object]:
    return {"check": check.check, "why": check.why}
