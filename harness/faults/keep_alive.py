"""A fleet of kept connections that ask now and then, as the pool of a load balancer holds them (F10, F53).

Each belongs to one worker for as long as it lasts, so a worker that comes later hears nothing of them. The evidence of
the lift says how many the server closed while they were idle, and how many while a request was on its way (F21).
"""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Sequence
from functools import partial

import httptools

from harness.faults import asking
from harness.faults.crowd import Crowd, send
from harness.faults.fault import Actor, FaultSpec, Parameter, Stage
from harness.model.request import RequestLine
from harness.model.scenario import FaultUse


class _Answer:
    """One answer to its last byte; the connection is of use again only then."""

    def __init__(self) -> None:
        self.whole = self.kept = False
        self.parser = httptools.HttpResponseParser(self)

    def on_message_complete(self) -> None:
        self.whole, self.kept = True, self.parser.should_keep_alive()


async def _visit(
    lines: Sequence[RequestLine], chance: random.Random, every_s: float, crowd: Crowd, number: int, turn: int
) -> None:
    """One connection, from its first request until the server lets it go."""
    async with crowd.connection() as sock:
        again = False
        while not _has_ended(sock):
            await send(sock, asking.head(asking.drawn(lines, chance)))
            crowd.tally["requests"] += 1
            whole, kept = await _hear_all(crowd, sock)
            if not whole:
                crowd.tally["closed_as_it_was_used"] += again
                return
            crowd.tally["answered_again" if again else "answered_first"] += 1
            if not kept:
                return
            again = True
            await asyncio.sleep(every_s)
        crowd.tally["closed_while_idle"] += 1


def _has_ended(sock: socket.socket) -> bool:
    """As a pool looks before it uses a connection; what comes after that look is the race."""
    try:
        return sock.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False


async def _hear_all(crowd: Crowd, sock: socket.socket) -> tuple[bool, bool]:
    """Whether the answer came to its last byte, and whether the server keeps the connection."""
    answer = _Answer()
    data = await crowd.hear(sock)
    try:
        while data:
            answer.parser.feed_data(data)
            if answer.whole:
                return True, answer.kept
            data = await asyncio.get_running_loop().sock_recv(sock, 65_536)
    except httptools.HttpParserError:
        crowd.tally["not_http"] += 1
    return False, False


def _build(use: FaultUse, stage: Stage) -> Actor:
    clients = int(FAULT.value(use, "connections"))
    visit = partial(_visit, asking.reads(stage), random.Random(stage.seed), FAULT.value(use, "every_ms") / 1000)
    return Crowd(stage.deployment.address, clients, visit, lambda tally: tally["answered_first"] >= 0.9 * clients)


FAULT = FaultSpec(
    name="keep-alive",
    on="client",
    does="connections are kept open, and each asks for a read every every_ms",
    build=_build,
    parameters=(
        Parameter("connections", 100, 1, 500, "at once; one that the server closes is opened again"),
        Parameter("every_ms", 1000, 50, 60_000, "between an answer and the next request of a connection"),
    ),
)
