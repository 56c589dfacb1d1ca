"""A fleet of connections that say nothing, as pools of load balancers and forgotten clients hold them (F53, F55).

Some servers count them against a limit and turn everybody away (F53), some keep them for ever (F55).
"""

from __future__ import annotations

from harness.faults.crowd import Crowd
from harness.faults.fault import Actor, FaultSpec, Parameter, Stage
from harness.model.scenario import FaultUse


async def _visit(crowd: Crowd, number: int, turn: int) -> None:
    async with crowd.connection() as sock:
        await crowd.hear(sock)


def _build(use: FaultUse, stage: Stage) -> Actor:
    clients = int(FAULT.value(use, "connections"))
    return Crowd(stage.deployment.address, clients, _visit, lambda tally: tally["connected"] >= 0.9 * clients)


FAULT = FaultSpec(
    name="idle",
    on="client",
    does="connections are opened and nothing is said on them",
    build=_build,
    parameters=(Parameter("connections", 100, 1, 500, "at once; one that the server closes is opened again"),),
)
