"""Clients that send bytes which are no HTTP: scanners, TLS on a plain port, a broken library.

Each connection sends one of a few kinds of nonsense and listens for a second.
"""

from __future__ import annotations

import random
from functools import partial

from harness.faults.crowd import Crowd, send
from harness.faults.fault import Actor, FaultSpec, Parameter, Stage
from harness.model.scenario import FaultUse

_CLIENTS = 10
_LISTEN_S = 1.0
_NONSENSE: tuple[bytes, ...] = (
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # how TLS begins
    b"\x00" * 128,
    b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: minus one\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nno colon here\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nno length\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX-Long: " + b"a" * 131_072 + b"\r\n\r\n",
)


async def _visit(chance: random.Random, crowd: Crowd, number: int, turn: int) -> None:
    kind = (number + turn) % (len(_NONSENSE) + 1)
    nonsense = _NONSENSE[kind] if kind < len(_NONSENSE) else chance.randbytes(256)
    async with crowd.connection() as sock:
        crowd.tally["begun"] += 1
        await send(sock, nonsense)
        crowd.tally["sent"] += 1
        await crowd.hear(sock, _LISTEN_S)


def _build(use: FaultUse, stage: Stage) -> Actor:
    visit = partial(_visit, random.Random(stage.seed))
    pause_s = _CLIENTS / FAULT.value(use, "rate_rps")
    return Crowd(stage.deployment.address, _CLIENTS, visit, lambda tally: tally["sent"] >= len(_NONSENSE), pause_s)


FAULT = FaultSpec(
    name="malformed",
    on="client",
    does="bytes that are no HTTP are sent, on about rate_rps new connections a second",
    build=_build,
    parameters=(Parameter("rate_rps", 20, 1, 200, "beside the load"),),
)
