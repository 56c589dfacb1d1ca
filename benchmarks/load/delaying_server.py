"""Holds every answer back for a time that it knows, and remembers when each request came and when its answer left.

Prints its port; the stamps are three int64 each: `k`, came and left, in order of leaving.

The time is 20 ms and an exponential tail of 20 ms in the mean, drawn from the number of the request: the same in each
run. What a client tells is compared with what left here, which needs no trust in the client.
"""

from __future__ import annotations

import asyncio
import random
import time
from array import array

from benchmarks.load.stamps import ANSWER, serve

LEAST_S = TAIL_S = 0.02


def held_s(k: int) -> float:
    return LEAST_S + random.Random(k).expovariate(1 / TAIL_S)


class Delaying(asyncio.Protocol):
    """One request at a time on each connection, as a client without pipelining sends them."""

    def __init__(self, stamps: array[int]) -> None:
        self._stamps, self._head = stamps, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        came = time.monotonic_ns()
        self._head += data
        if self._head.endswith(b"\r\n\r\n"):
            k = int(self._head.split(b" ", 2)[1].rpartition(b"-")[2])
            self._head = b""
            asyncio.get_running_loop().call_later(held_s(k), self._answer, k, came)

    def _answer(self, k: int, came: int) -> None:
        if not self._transport.is_closing():  # a client that was killed has asked all the same
            self._transport.write(ANSWER)  # type: ignore[attr-defined]
        self._stamps.extend((k, came, time.monotonic_ns()))


if __name__ == "__main__":
    serve(Delaying)
