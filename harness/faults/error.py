"""An HTTP dependency answers with an error, at once: what retries without a limit turn into a storm (F60)."""

from __future__ import annotations

from harness.faults.fault import Actor, FaultSpec, Parameter, Stage
from harness.faults.programmed import PATH, SHARE, programmed
from harness.model.scenario import FaultUse
from harness.parts.stub import Behaviour


def _build(use: FaultUse, stage: Stage) -> Actor:
    status = int(FAULT.value(use, "status"))
    behaviour = Behaviour(FAULT.word(use, "path"), error_rate=FAULT.value(use, "share_percent") / 100, status=status)
    return programmed(
        use,
        stage,
        behaviour,
        shows=lambda reply, _: reply.status == status,
        count=lambda counts: counts.failed,
    )


FAULT = FaultSpec(
    name="error",
    on="http",
    does="a share of the requests is answered with an error status, at once",
    build=_build,
    owns="error",
    parameters=(SHARE, Parameter("status", 503, 400, 599, "of the answer")),
    choices=(PATH,),
)
