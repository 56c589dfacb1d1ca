"""What can go wrong and what must hold: one scenario a file, each listed here, and the suites made of them."""

from __future__ import annotations

from collections.abc import Mapping

from harness.model.scenario import Scenario
from scenarios import (
    baseline,
    burst,
    clients_idle,
    clients_malformed,
    clients_slow,
    clients_vanish,
    db_blackhole,
    db_exhausted,
    db_flapping,
    db_frozen,
    db_half_open,
    db_killed,
    db_latency,
    db_locked,
    db_read_only,
    db_refused,
    db_reset,
    db_restarted,
    db_sessions_terminated,
    db_three_locks,
    db_three_outages,
    dependency_errors,
    dependency_garbled,
    dependency_hangs,
    dependency_slow,
    drain,
    worker_frozen,
    worker_killed,
    worker_killed_while_database_down,
)

SCENARIOS: tuple[Scenario, ...] = (
    baseline.SCENARIO,
    db_latency.SCENARIO,
    db_blackhole.SCENARIO,
    db_refused.SCENARIO,
    db_reset.SCENARIO,
    db_flapping.SCENARIO,
    db_half_open.SCENARIO,
    db_sessions_terminated.SCENARIO,
    db_locked.SCENARIO,
    db_exhausted.SCENARIO,
    db_read_only.SCENARIO,
    db_restarted.SCENARIO,
    db_killed.SCENARIO,
    db_frozen.SCENARIO,
    db_three_outages.SCENARIO,
    db_three_locks.SCENARIO,
    dependency_slow.SCENARIO,
    dependency_errors.SCENARIO,
    dependency_hangs.SCENARIO,
    dependency_garbled.SCENARIO,
    worker_frozen.SCENARIO,
    worker_killed.SCENARIO,
    worker_killed_while_database_down.SCENARIO,
    drain.SCENARIO,
    clients_slow.SCENARIO,
    clients_vanish.SCENARIO,
    clients_idle.SCENARIO,
    clients_malformed.SCENARIO,
    burst.SCENARIO,
)

SUITES: Mapping[str, tuple[str, ...]] = {
    "quick": (
        "baseline",
        "db-latency",
        "db-blackhole",
        "db-refused",
        "dependency-slow",
        "worker-frozen",
        "worker-killed",
        "drain",
    ),
}
