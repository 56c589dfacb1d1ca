"""An HTTP dependency answers at once and then sends its body in small pieces, over `over_ms` (F59).

A timeout on each read, as most HTTP clients have, never fires: only a limit on the whole call does. The body is padded
with blanks so that there is something to send.
"""

from __future__ import annotations

from harness.faults.fault import Actor, FaultSpec, Parameter, Stage
from harness.faults.programmed import PATH, SHARE, programmed
from harness.model.scenario import FaultUse
from harness.parts.stub import Behaviour


def _build(use: FaultUse, stage: Stage) -> Actor:
    over_ms = FAULT.value(use, "over_ms")
    behaviour = Behaviour(FAULT.word(use, "path"), trickle_ms=over_ms, share=FAULT.value(use, "share_percent") / 100)
    return programmed(
        use,
        stage,
        behaviour,
        shows=lambda reply, _: reply.ended and bool(reply.status) and reply.took_ms - reply.first_ms >= 0.9 * over_ms,
        count=lambda counts: counts.trickled,
        canary_s=over_ms / 1000 + 2.0,
    )


FAULT = FaultSpec(
    name="trickle",
    on="http",
    does="the body of an answer comes in small pieces, over over_ms",
    build=_build,
    owns="trickle",
    parameters=(Parameter("over_ms", 5000, 100, 60_000, "from the head to the last piece"), SHARE),
    choices=(PATH,),
)
