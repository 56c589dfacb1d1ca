"""Restart PostgreSQL, as for a new setting or a minor version: a fast shutdown, and a start when the fault is lifted.

Every session ends with a message (57P01), and nobody is let in until it is back (F12, F52, F60). How long it is away is
the fault's length.
"""

from __future__ import annotations

from harness.faults.fault import Actor, FaultSpec, Stage
from harness.faults.postgres_own import Outage, cluster_of
from harness.model.scenario import FaultUse


def _build(use: FaultUse, stage: Stage) -> Actor:
    return Outage(cluster_of(use, stage), stage.links[use.what], "fast")


FAULT = FaultSpec(
    name="restart",
    on="postgres",
    does="a fast shutdown; the server is started again at the lift, on the same data and port",
    build=_build,
    owns="processes",
)
