"""Timeouts from the trials of a tuning: those of its scenarios, for under a staircase of rates nothing is healthy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from harness.model.observation import SessionLimits
from harness.model.record import TrialRecord
from harness.model.target import Scalar
from harness.model.trial import Trial
from harness.model.tune import TimeoutKey
from harness.model.verdict import TrialVerdict
from harness.tuning.recommendation import Setting
from harness.tuning.timeouts import Derived, derive
from harness.tuning.timeouts.end import GRACE
from harness.tuning.timeouts.given import Given
from harness.tuning.times import times_of

SHOWN_BY = ("db-locked", "db-blackhole", "drain", "drain-locked")
"""The scenarios that show whether timeouts are in order."""
NOT_YET = "No trial has run with it yet."


def derive_from(
    trials: Sequence[tuple[TrialRecord, TrialVerdict]], table: str, variables: Sequence[TimeoutKey] = ()
) -> Derived | None:
    """None where no trial shows what is healthy. `table` is the server's table of options."""
    times = times_of(trials)
    if not times.requests:
        return None
    found = derive(times, _given([record for record, _ in trials], table, variables))
    return replace(found, settings=tuple(_not_run(each) for each in found.settings))


def settable(settings: Iterable[Setting]) -> list[Setting]:
    """Those that a trial can be run with."""
    return [each for each in settings if each.key.startswith(("target.", "parts."))]


def _not_run(setting: Setting) -> Setting:
    if not setting.changed:
        return setting
    return replace(setting, untested=" ".join(part for part in (setting.untested, NOT_YET) if part))


def _given(records: Sequence[TrialRecord], table: str, variables: Sequence[TimeoutKey]) -> Given:
    trial = records[-1].trial
    database = next((name for name, kind in trial.part_kinds.items() if kind == "postgres"), "")
    return Given(
        deadline_s=trial.slo.deadline_s,
        client_s=trial.timeout_s,
        termination_s=trial.termination_s,
        proxy_s=trial.proxy_s,
        client_declared=trial.client_declared,
        table=table,
        database=database,
        present={
            **_present(records, trial, table, database),
            **{each.setting: each.before for each in variables if each.before is not None},
        },
        keys={each.rung: each.setting for each in variables},
    )


def _present(records: Sequence[TrialRecord], trial: Trial, table: str, database: str) -> dict[str, Scalar]:
    """What is in force, as the server's own configuration and a session of the app's role said."""
    found: dict[str, Scalar] = {}
    settings = trial.server_settings
    if settings.graceful_s is not None:
        found[GRACE[table]] = _whole(settings.graceful_s)
    if table == "gunicorn" and settings.stuck_timeout_s is not None:
        found["target.gunicorn.timeout"] = _whole(settings.stuck_timeout_s)
    limits = [seen for record in records for seen in record.of(SessionLimits) if seen.part == database]
    if limits and limits[-1].statement_s > 0:
        found[f"parts.{database}.settings.statement_timeout"] = f"{round(limits[-1].statement_s * 1000)}ms"
    return found


def _whole(seconds: float) -> int | float:
    """As the server's own configuration has it, where it has whole seconds."""
    return int(seconds) if seconds.is_integer() else seconds
