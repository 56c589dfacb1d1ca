"""Proves, before any load, that a reset on a kept connection is seen as a failure.

A client that sends again in silence makes a server that cuts requests look healthy. So a server of our own answers two
requests on a connection and resets it at the third; what makes the load must count two answers and one reset, and the
server must have seen three requests.
"""

import asyncio
import os
import socket
import struct
import tempfile
import time
from typing import cast

from harness.load.engine.run import Run
from harness.load.profile import Profile, Segment
from harness.load.rows_file import read_rows
from harness.model.request import RequestLine
from harness.model.rows import Outcome

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_LINGER_0 = struct.pack("ii", 1, 0)
_DEADLINE_S = 5.0


class SelfTestFailed(Exception):
    """The driver cannot be trusted here."""


class _Resetting(asyncio.Protocol):
    def __init__(self, seen: list[bytes]) -> None:
        self._seen, self._count = seen, 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._seen.append(data)
        self._count += 1
        if self._count < 3:
            self._transport.write(_ANSWER)
            return
        self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_0)
        self._transport.abort()


async def self_test() -> None:
    seen: list[bytes] = []
    server = await asyncio.get_running_loop().create_server(lambda: _Resetting(seen), "127.0.0.1", 0)
    descriptor, path = tempfile.mkstemp(prefix="shakedown-self-test-")
    os.close(descriptor)
    try:
        await _check(server.sockets[0].getsockname()[1], path, seen)
    finally:
        os.unlink(path)
        server.close()


async def _check(port: int, path: str, seen: list[bytes]) -> None:
    profile = Profile(
        host="127.0.0.1",
        port=port,
        segments=(Segment.steady(0.03, 100),),
        requests=(RequestLine("self-test"),),
        connections=1,
        timeout_s=_DEADLINE_S,
        queue_timeout_s=_DEADLINE_S,
    )
    run = Run(profile, path)
    now = time.monotonic_ns()
    run.engine.start(now, now)
    await asyncio.wait_for(run.finished.wait(), 2 * _DEADLINE_S)
    run.end()
    codes = read_rows(path)["code"].tolist()
    if codes != [Outcome.OK, Outcome.OK, Outcome.RESET_REUSED] or len(seen) != 3:
        names = ", ".join(Outcome(code).name.lower() for code in codes) or "nothing"
        raise SelfTestFailed(
            "A connection that was reset at its third request should have been seen as two answers and one reset. "
            f"Seen: {names}; the server saw {len(seen)} requests."
        )
