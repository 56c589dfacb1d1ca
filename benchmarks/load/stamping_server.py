"""Answers every request at once and remembers when it came: `k` of its path and time.monotonic_ns.

    python stamping_server.py FILE      prints its port; writes FILE (pairs of int64) when its input ends

A judge beside the generator: its stamps need no trust in what a generator says of itself.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from array import array
from pathlib import Path

import uvloop

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
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


async def main(path: Path) -> None:
    loop = asyncio.get_running_loop()
    stamps: array[int] = array("q")
    server = await loop.create_server(lambda: Stamping(stamps), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    over = loop.create_future()
    loop.add_reader(0, lambda: over.done() or os.read(0, 1) or over.set_result(None))
    await over
    with open(path, "wb") as file:  # noqa: ASYNC230  nothing else is left to be done
        file.write(stamps.tobytes())


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1])))
