"""A burst: for a short time `multiple` times the load's rate comes on top of it, whether or not answers do.

Reads only, drawn as the load draws them, each over a connection of its own; arrivals are a Poisson process.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from functools import partial

from harness.errors import UsageError
from harness.faults import asking
from harness.faults.crowd import LONGEST_S, Crowd, most_open, send
from harness.faults.fault import Actor, FaultSpec, Parameter, Stage
from harness.model.request import RequestLine
from harness.model.scenario import FaultUse


async def _visit(
    lines: Sequence[RequestLine], rate_rps: float, chance: random.Random, crowd: Crowd, number: int, turn: int
) -> None:
    due = time.monotonic()
    end, most = due + LONGEST_S, most_open()
    async with asyncio.TaskGroup() as group:
        while due < end:
            due += chance.expovariate(rate_rps)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if len(crowd.ports) >= most:
                crowd.tally["not_sent"] += 1
                continue
            group.create_task(_ask(crowd, asking.drawn(lines, chance)))


async def _ask(crowd: Crowd, line: RequestLine) -> None:
    try:
        async with crowd.connection() as sock:
            await send(sock, asking.head(line, "Connection: close"))
            crowd.tally["requests"] += 1
            await crowd.hear(sock)
    except ConnectionRefusedError:
        crowd.tally["refused"] += 1
    except TimeoutError:
        crowd.tally["not_connected_in_time"] += 1
    except ConnectionError:
        crowd.tally["reset_by_server"] += 1


def _build(use: FaultUse, stage: Stage) -> Actor:
    rate_rps = FAULT.value(use, "multiple") * stage.rate_rps
    if rate_rps <= 0:
        raise UsageError(f"{use.id} needs a load: it is a multiple of its rate.")
    visit = partial(_visit, asking.reads(stage), rate_rps, random.Random(stage.seed))
    return Crowd(stage.deployment.address, 1, visit, lambda tally: tally["requests"] > 0)


FAULT = FaultSpec(
    name="burst",
    on="client",
    does="reads come at multiple times the load's rate, on top of it",
    build=_build,
    parameters=(Parameter("multiple", 2, 1, 10, "of the load's rate"),),
)
