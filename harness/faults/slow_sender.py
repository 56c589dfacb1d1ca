"""Clients that begin a request and take for ever over it: half a head, or half a body, and a byte now and then (F55).

The even ones stop within the head, where only the server can tell; the odd ones within the body, where the app waits.
"""

from __future__ import annotations

import asyncio
import socket
from functools import partial

from harness.faults import asking
from harness.faults.crowd import ARRIVING_S, Crowd, send
from harness.faults.fault import Actor, FaultSpec, Parameter, Stage
from harness.model.request import RequestLine
from harness.model.scenario import FaultUse

_BODY = 1_000_000


async def _visit(line: RequestLine, every_ms: float, crowd: Crowd, number: int, turn: int) -> None:
    whole = asking.head(line, f"Content-Length: {_BODY}")
    async with crowd.connection() as sock:
        await send(sock, whole if number % 2 else whole[:-4] + b"\r\nX-Slow: ")
        crowd.tally["begun_bodies" if number % 2 else "begun_heads"] += 1
        dribbling = asyncio.create_task(_dribble(crowd, sock, every_ms))
        try:
            await crowd.hear(sock)
        finally:
            dribbling.cancel()
            await asyncio.gather(dribbling, return_exceptions=True)


async def _dribble(crowd: Crowd, sock: socket.socket, every_ms: float) -> None:
    while True:
        await asyncio.sleep(every_ms / 1000)
        await send(sock, b" ")
        crowd.tally["bytes_dribbled"] += 1


def _build(use: FaultUse, stage: Stage) -> Actor:
    clients, every_ms = int(FAULT.value(use, "clients")), FAULT.value(use, "every_ms")
    return Crowd(
        stage.deployment.address,
        clients,
        partial(_visit, asking.write(stage), every_ms),
        lambda tally: tally["begun_heads"] + tally["begun_bodies"] >= 0.9 * clients and tally["bytes_dribbled"] > 0,
        arriving_s=ARRIVING_S,
    )


FAULT = FaultSpec(
    name="slow-sender",
    on="client",
    does="requests are begun, half a head or half a body, and go on by a byte each every_ms",
    build=_build,
    parameters=(
        Parameter("clients", 40, 1, 500, "half of them in the head, half in the body"),
        Parameter("every_ms", 500, 50, 2_000, "between two bytes"),
    ),
)
