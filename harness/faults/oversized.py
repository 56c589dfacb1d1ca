"""Clients that send a body of `body_mb` megabytes where a small one is expected, with and without saying so before.

The even ones tell its length in the head, where it can be refused at once; the odd ones send it in chunks, so that
only who counts finds out. The body is no JSON: nothing can be stored of it.
"""

from __future__ import annotations

import asyncio
import socket
from functools import partial

from harness.faults import asking
from harness.faults.crowd import Crowd, send
from harness.faults.fault import Actor, FaultSpec, Parameter, Stage
from harness.model.request import RequestLine
from harness.model.scenario import FaultUse

_PIECE = b"a" * 65_536
_ANSWER_S = 5.0


async def _visit(line: RequestLine, size: int, crowd: Crowd, number: int, turn: int) -> None:
    chunked = bool(number % 2)
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {size}"
    async with crowd.connection() as sock:
        await send(sock, asking.head(line, framing))
        crowd.tally["bodies_begun"] += 1
        sending = asyncio.create_task(_pour(crowd, sock, size, chunked))
        hearing = asyncio.create_task(crowd.hear(sock))
        try:
            await asyncio.wait({sending, hearing}, return_when=asyncio.FIRST_COMPLETED)
            async with asyncio.timeout(_ANSWER_S):
                await hearing
        finally:
            sending.cancel()
            hearing.cancel()
            await asyncio.gather(sending, hearing, return_exceptions=True)


async def _pour(crowd: Crowd, sock: socket.socket, size: int, chunked: bool) -> None:
    for _ in range(size // len(_PIECE)):
        await send(sock, b"%x\r\n%s\r\n" % (len(_PIECE), _PIECE) if chunked else _PIECE)
        crowd.tally["kilobytes_sent"] += len(_PIECE) // 1024
        await asyncio.sleep(0)  # what fits into the socket at once would keep the loop, and the answer unheard
    if chunked:
        await send(sock, b"0\r\n\r\n")
    crowd.tally["bodies_sent_whole"] += 1


def _build(use: FaultUse, stage: Stage) -> Actor:
    size = int(FAULT.value(use, "body_mb")) * 2**20
    return Crowd(
        stage.deployment.address,
        int(FAULT.value(use, "clients")),
        partial(_visit, asking.write(stage), size),
        lambda tally: tally["kilobytes_sent"] > 0,
    )


FAULT = FaultSpec(
    name="oversized",
    on="client",
    does="bodies of body_mb megabytes are sent, half of them with their length, half in chunks",
    build=_build,
    parameters=(
        Parameter("clients", 2, 1, 20, "each sends one body a second at the most"),
        Parameter("body_mb", 8, 1, 100, "of each body"),
    ),
)
