"""All checks, one a file, in the order in which they are judged and shown: premises first."""

from . import (
    baseline_steady,
    error_budget,
    fault_proven,
    graceful_shutdown,
    latency_slo,
    liveness_holds,
    load_proven,
    machine_fit,
    no_orphans,
    no_stuck_workers,
    nothing_lost,
    readiness_bounded,
    readiness_flips,
    recovers,
    requests_bounded,
    starts,
)

CHECKS = (
    starts.CHECK,
    machine_fit.CHECK,
    baseline_steady.CHECK,
    load_proven.CHECK,
    fault_proven.CHECK,
    liveness_holds.CHECK,
    readiness_flips.CHECK,
    readiness_bounded.CHECK,
    recovers.CHECK,
    no_stuck_workers.CHECK,
    graceful_shutdown.CHECK,
    no_orphans.CHECK,
    error_budget.CHECK,
    latency_slo.CHECK,
    requests_bounded.CHECK,
    nothing_lost.CHECK,
)
