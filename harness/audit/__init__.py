"""The deployment checklist against a live deployment: one row a file in `facts/`, `experiments/` and `checks/`.

Experiments act and tell what they saw; checks judge that, and nothing else. A new row is those files and one line here.
"""

from __future__ import annotations

from harness.audit import checks, experiments, facts
from harness.audit.row import Row

ROWS: tuple[Row, ...] = (
    Row(
        "server",
        "Is the server set up for production?",
        facts.server.Server,
        experiments.server.observe,
        checks.server.CHECKS,
    ),
    Row(
        "logging",
        "Are the logs structured, complete and free of secrets?",
        facts.logging.Logging,
        experiments.logging.observe,
        checks.logging.CHECKS,
    ),
    Row(
        "cors",
        "Do browsers let only trusted origins in?",
        facts.cors.Cors,
        experiments.cors.observe,
        checks.cors.CHECKS,
    ),
    Row(
        "health",
        "Do liveness and readiness tell the truth, and at once?",
        facts.health.Health,
        experiments.health.observe,
        checks.health.CHECKS,
    ),
    Row(
        "configuration",
        "Is it configured by its environment, and does it refuse to start wrongly?",
        facts.configuration.Configuration,
        experiments.configuration.observe,
        checks.configuration.CHECKS,
    ),
    Row(
        "database",
        "Is the database reached safely, and within bounds?",
        facts.database.DatabaseUse,
        experiments.database.observe,
        checks.database.CHECKS,
    ),
    Row(
        "migrations",
        "Are migrations a step of their own, and is there a way back?",
        facts.migrations.Migrations,
        experiments.migrations.observe,
        checks.migrations.CHECKS,
    ),
    Row(
        "authentication",
        "Does only a valid token get in?",
        facts.authentication.Authentication,
        experiments.authentication.observe,
        checks.authentication.CHECKS,
    ),
    Row(
        "limits",
        "Do timeouts and limits hold, from the outside in?",
        facts.limits.Limits,
        experiments.limits.observe,
        checks.limits.CHECKS,
    ),
    Row(
        "monitoring",
        "Are errors reported, scrubbed and tagged, and are the metrics right?",
        facts.monitoring.Monitoring,
        experiments.monitoring.observe,
        checks.monitoring.CHECKS,
    ),
    Row(
        "testing",
        "Is it tried before it is deployed?",
        facts.testing.Tried,
        experiments.testing.observe,
        checks.testing.CHECKS,
    ),
)
