"""An HTTP dependency answers in time, with its usual status, and with a body that nobody agreed on.

Valid HTTP each time, so that only who reads the body finds out: JSON that is cut, JSON of another type, or the page
of a gateway. Who trusts it answers 500, or passes nonsense on.
"""

from __future__ import annotations

from harness.faults.fault import Actor, Choice, FaultSpec, Stage
from harness.faults.programmed import PATH, SHARE, programmed
from harness.model.scenario import FaultUse
from harness.parts.stub import BODIES, Behaviour


def _build(use: FaultUse, stage: Stage) -> Actor:
    body, share = FAULT.word(use, "body"), FAULT.value(use, "share_percent") / 100
    return programmed(
        use,
        stage,
        Behaviour(FAULT.word(use, "path"), body=body, share=share),
        shows=lambda reply, before: reply.status == before.status and reply.ended and reply.body != before.body,
        count=lambda counts: counts.garbled,
    )


FAULT = FaultSpec(
    name="wrong-body",
    on="http",
    does="a share of the answers has the right status and a body that is not what was agreed",
    build=_build,
    owns="wrong-body",
    parameters=(SHARE,),
    choices=(PATH, Choice("body", "any", "what comes instead; any: one of the others, drawn", BODIES)),
)
