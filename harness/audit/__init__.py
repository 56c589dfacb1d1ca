"""The deployment checklist against a live deployment: one row a file in `facts/`, `experiments/` and `checks/`.

Experiments act and tell what they saw; checks judge that, and nothing else. A new row is those files and one line here.
"""

from __future__ import annotations

from harness.audit.experiments import (
    authentication,
    configuration,
    cors,
    database,
    health,
    limits,
    logging,
    migrations,
    monitoring,
    server,
    testing,
)
from harness.audit.row import Row

ROWS: tuple[Row, ...] = (
    server.ROW,
    logging.ROW,
    cors.ROW,
    health.ROW,
    configuration.ROW,
    database.ROW,
    migrations.ROW,
    authentication.ROW,
    limits.ROW,
    monitoring.ROW,
    testing.ROW,
)
