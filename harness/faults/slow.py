"""Slow an HTTP dependency: it accepts at once and answers `latency_ms` later (F59).

Unlike a slow link this holds a request open at the dependency; a caller without a timeout waits all that time.
"""

from __future__ import annotations

from harness.faults.fault import Actor, FaultSpec, Parameter, Stage
from harness.faults.programmed import PATH, SHARE, programmed
from harness.model.scenario import FaultUse
from harness.parts.stub import Behaviour

_ANSWER_S = 2.0


def _build(use: FaultUse, stage: Stage) -> Actor:
    latency_ms = FAULT.value(use, "latency_ms")
    share = FAULT.value(use, "share_percent") / 100
    return programmed(
        use,
        stage,
        Behaviour(FAULT.word(use, "path"), latency_ms=latency_ms, share=share),
        shows=lambda reply, before: reply.status > 0 and reply.first_ms >= before.first_ms + 0.9 * latency_ms,
        count=lambda counts: counts.slowed,
        canary_s=latency_ms / 1000 + _ANSWER_S,
    )


FAULT = FaultSpec(
    name="slow",
    on="http",
    does="a share of the requests is answered latency_ms later",
    build=_build,
    owns="slow",
    parameters=(SHARE, Parameter("latency_ms", 5000, 1, 60_000, "before each answer")),
    choices=(PATH,),
)
