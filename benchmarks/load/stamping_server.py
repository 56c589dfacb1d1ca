"""Answers every request at once and remembers when it came: `k` of its path and time.monotonic_ns.

Prints its port; the stamps are pairs of int64.
"""

from __future__ import annotations

import asyncio
import time
from array import array

from benchmarks.load.stamps import ANSWER, serve

END = b"\r\n\r\n"


class Stamping(asyncio.Protocol):
    def __init__(self, stamps: array[int]) -> None:
        self.stamps, self.rest = stamps, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        now = time.monotonic_ns()
        *heads, self.rest = (self.rest + data).split(END)
        for head in heads:
            self.stamps.append(int(head[head.index(b"-") + 1 : head.index(b" H")]))
            self.stamps.append(now)
        self.transport.write(ANSWER * len(heads))  # type: ignore[attr-defined]


if __name__ == "__main__":
    serve(Stamping)
