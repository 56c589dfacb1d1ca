"""An HTTP dependency reads the request and never answers it, not even when the fault is lifted (F59).

The connection stays open: only a timeout of the caller ends the wait, and each request without one is lost for good.
"""

from __future__ import annotations

from harness.faults.fault import Actor, FaultSpec, Stage
from harness.faults.programmed import PATH, SHARE, programmed
from harness.model.scenario import FaultUse
from harness.parts.stub import Behaviour


def _build(use: FaultUse, stage: Stage) -> Actor:
    behaviour = Behaviour(FAULT.word(use, "path"), hang=True, share=FAULT.value(use, "share_percent") / 100)
    return programmed(
        use,
        stage,
        behaviour,
        shows=lambda reply, _: not reply.status and not reply.ended,
        count=lambda counts: counts.hung,
        canary_s=1.0,
    )


FAULT = FaultSpec(
    name="hang",
    on="http",
    does="a share of the requests is read and never answered",
    build=_build,
    owns="hang",
    parameters=(SHARE,),
    choices=(PATH,),
)
