"""Clients that ask and go away after a moment, many a second: a user who reloads, a gateway with a short timeout (F43).

What was begun for them goes on in many services, and holds connections of the pool for nobody.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from functools import partial

from harness.faults import asking
from harness.faults.crowd import Crowd, send
from harness.faults.fault import Actor, FaultSpec, Parameter, Stage
from harness.model.request import RequestLine
from harness.model.scenario import FaultUse

_CLIENTS = 10


async def _visit(
    lines: Sequence[RequestLine], chance: random.Random, after_ms: float, crowd: Crowd, number: int, turn: int
) -> None:
    async with crowd.connection() as sock:
        await send(sock, asking.head(asking.drawn(lines, chance)))
        crowd.tally["requests"] += 1
        await asyncio.sleep(after_ms / 1000)
        try:
            answered = bool(sock.recv(1))
        except BlockingIOError:
            answered = False
        crowd.tally["answered_before" if answered else "given_up"] += 1


def _build(use: FaultUse, stage: Stage) -> Actor:
    visit = partial(_visit, asking.reads(stage), random.Random(stage.seed), FAULT.value(use, "after_ms"))
    pause_s = _CLIENTS / FAULT.value(use, "rate_rps")
    return Crowd(stage.deployment.address, _CLIENTS, visit, lambda tally: tally["given_up"] > 0, pause_s)


FAULT = FaultSpec(
    name="disconnect",
    on="client",
    does="requests are sent and given up after after_ms, about rate_rps of them a second",
    build=_build,
    parameters=(
        Parameter("rate_rps", 25, 1, 200, "beside the load"),
        Parameter("after_ms", 2, 0, 10_000, "from sending to leaving"),
    ),
)
