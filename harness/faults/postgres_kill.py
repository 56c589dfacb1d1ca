"""Kill PostgreSQL: SIGKILL to all of its processes, as when its machine loses power; crash recovery at the lift.

Sessions break off without a message. What was acknowledged must be there afterwards: the server is durable, so what is
missing then the service lost (F62).
"""

from __future__ import annotations

from harness.faults.fault import Actor, FaultSpec, Stage
from harness.faults.postgres_own import Outage, cluster_of
from harness.model.scenario import FaultUse


def _build(use: FaultUse, stage: Stage) -> Actor:
    return Outage(cluster_of(use, stage), stage.links[use.what], "killed")


FAULT = FaultSpec(
    name="kill",
    on="postgres",
    does="SIGKILL to all processes of the server; it is started again at the lift and recovers",
    build=_build,
    owns="processes",
)
