"""Clients that ask and do not read: the answers pile up in the server, which must stop writing for them alone.

Each asks again every `every_ms` over the same connection, with a small window, until nothing more can be sent.
"""

from __future__ import annotations

import array
import asyncio
import fcntl
import socket
import termios
from functools import partial

from harness.faults import asking
from harness.faults.crowd import ARRIVING_S, Crowd, send
from harness.faults.fault import Actor, FaultSpec, Parameter, Stage
from harness.model.request import RequestLine
from harness.model.scenario import FaultUse

_WINDOW = 2_304  # the least that Linux gives
_REQUESTS = 2_000


async def _visit(line: RequestLine, every_ms: float, crowd: Crowd, number: int, turn: int) -> None:
    request = asking.head(line)
    async with crowd.connection(receive_buffer=_WINDOW) as sock:
        for _ in range(_REQUESTS):
            await send(sock, request)
            crowd.tally["requests"] += 1
            await asyncio.sleep(every_ms / 1000)
            crowd.tally["most_bytes_unread"] = max(crowd.tally["most_bytes_unread"], _waiting(sock))


def _waiting(sock: socket.socket) -> int:
    """What the kernel holds for us to read."""
    count = array.array("i", [0])
    fcntl.ioctl(sock, termios.FIONREAD, count)
    return count[0]


def _build(use: FaultUse, stage: Stage) -> Actor:
    line = max(asking.reads(stage), key=lambda line: line.weight)
    return Crowd(
        stage.deployment.address,
        int(FAULT.value(use, "clients")),
        partial(_visit, line, FAULT.value(use, "every_ms")),
        lambda tally: tally["most_bytes_unread"] > 0,
        arriving_s=ARRIVING_S,
    )


FAULT = FaultSpec(
    name="slow-reader",
    on="client",
    does="requests are sent each every_ms and their answers never read",
    build=_build,
    parameters=(
        Parameter("clients", 5, 1, 200, "each with one connection"),
        Parameter("every_ms", 100, 20, 10_000, "between two requests of a client"),
    ),
)
