"""The `--json` document of a capacity search."""

from __future__ import annotations

from dataclasses import asdict

from harness.tuning.capacity import Capacity, Unknown
from reports.capacity.view import CapacityView
from reports.document import SCHEMA_VERSION
from reports.view import RunView


def capacity_document(run: RunView, view: CapacityView) -> dict[str, object]:
    step = view.step
    return {
        "schema_version": SCHEMA_VERSION,
        "run_dir": run.run_dir,
        "target": run.target,
        "verdict": view.outcome,
        "why": view.told,
        "workers": view.workers,
        "capacity": {"low_rps": step.low_rps, "high_rps": step.high_rps} if isinstance(step, Capacity) else None,
        "held_rps": step.held_rps if isinstance(step, Unknown) else None,
        "slo": {"p99_ms": view.p99_ms, "error_rate": view.error_rate},
        "trials": [asdict(trial) for trial in view.tried],
    }
