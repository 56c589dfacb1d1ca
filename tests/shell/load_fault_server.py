"""A server that does wrong what a server can do wrong; the path of the request says what."""

import asyncio
import collections
import socket
import ssl
import struct
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Pid: 4711\r\n\r\nok"
CUT_HEADERS = b"HTTP/1.1 200 OK\r\nContent-"
CUT_BODY = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"

ANSWERS = {
    "/ok": OK,
    "/chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "/none": b"HTTP/1.1 204 No Content\r\n\r\n",
    "/head": b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n",
    "/interim": b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + OK,
    "/moved": b"HTTP/1.1 302 Found\r\nLocation: /500\r\nContent-Length: 0\r\n\r\n",
    "/500": b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n",
    "/json": b'HTTP/1.1 200 OK\r\nContent-Length: 22\r\n\r\n{"state": "ok", "n":1}',
    "/extra": OK + b"and more",
    "/garbage": b"good morning\r\n\r\n",
    "/upgrade": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
    "/mute": b"",
    "/slow-body": CUT_BODY,
    "/slow-head": CUT_HEADERS,
    "/close": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
    "/empty": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "/not-modified": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\n\r\n",
    "/continue": b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
    "/trailer": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n",
    "/old": b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "/old-kept": b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
    "/double": OK + OK,
    "/two-lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\nhello",
    "/both-lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "/bad-chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "/ssh": b"SSH-2.0-OpenSSH_9\r\n",
    "/late": OK,
}
LATE_S = 0.8
THEN_EOF = {
    "/close-delimited": b"HTTP/1.1 200 OK\r\n\r\nabc",
    "/eof": b"",
    "/eof-headers": CUT_HEADERS,
    "/eof-body": CUT_BODY,
    "/eof-chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
}
THEN_RESET = {
    "/rst": b"",
    "/rst-headers": CUT_HEADERS,
    "/rst-body": CUT_BODY,
    "/rst-chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    "/rst-delimited": b"HTTP/1.1 200 OK\r\n\r\nabc",
}


class FaultServer:
    """Counts what it saw. While `stalled` holds a span of time.monotonic_ns, no answer leaves before its end."""

    def __init__(self) -> None:
        self.port = 0
        self.seen: collections.Counter[str] = collections.Counter()
        self.resets = self.answered_late = 0
        self.bodies: list[bytes] = []
        self.stalled = (0, 0)
        self._tasks: set[asyncio.Task[None]] = set()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # Not in `_serve`: a task that is cancelled before its first step runs no finally, and its client would wait.
        task.add_done_callback(lambda _: writer.close())

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        count = 0
        try:
            while True:
                path = await self._read(reader)
                count += 1
                self.seen[path] += 1
                if not await self._answer(path, count, writer):
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            return

    async def _read(self, reader: asyncio.StreamReader) -> str:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = head.lower().partition("content-length: ")[2].partition("\r\n")[0]
        if length and int(length):
            self.bodies.append(await reader.readexactly(int(length)))
        return head.split()[1].partition("?")[0]

    async def _answer(self, path: str, count: int, writer: asyncio.StreamWriter) -> bool:
        start, end = self.stalled
        if start <= time.monotonic_ns() < end:
            await asyncio.sleep((end - time.monotonic_ns()) / 1e9)
        if path == "/third-rst":
            path = "/rst" if count == 3 else "/ok"
        if path == "/late":
            await asyncio.sleep(LATE_S)
            self.answered_late += 1
        if path in ANSWERS:
            writer.write(ANSWERS[path])
            return True
        writer.write(THEN_EOF.get(path) or THEN_RESET[path] if path != "/eof" else b"")
        await asyncio.sleep(0.02)  # so that what was written arrives before the reset, which would overtake it
        if path in THEN_RESET:
            self.resets += 1
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()
        return False


class Listener:
    """One that is shut in the middle of a load, and leaves no connection between the kernel and the server.

    One of asyncio loses what it has accepted and not yet handed on when it is closed (Python 3.11): nobody closes
    such a connection, and its client waits.
    """

    def __init__(self, server: FaultServer) -> None:
        self._server = server
        self._handed_on: set[asyncio.Task[Any]] = set()
        self._listener = socket.create_server(("127.0.0.1", server.port), backlog=128)
        self._listener.setblocking(False)
        server.port = self._listener.getsockname()[1]
        asyncio.get_running_loop().add_reader(self._listener, self._take)

    def _take(self) -> None:
        connection, _ = self._listener.accept()
        connection.setblocking(False)
        protocol = asyncio.StreamReaderProtocol(asyncio.StreamReader(), self._server.accept)
        handing = asyncio.get_running_loop().connect_accepted_socket(lambda: protocol, connection)
        task = asyncio.create_task(handing)
        self._handed_on.add(task)
        task.add_done_callback(self._handed_on.discard)

    async def shut(self) -> None:
        """Ends all connections, too."""
        asyncio.get_running_loop().remove_reader(self._listener)
        self._listener.close()
        await asyncio.gather(*self._handed_on)
        await self._server.close()


@asynccontextmanager
async def fault_server(tls: ssl.SSLContext | None = None) -> AsyncIterator[FaultServer]:
    faults = FaultServer()
    server = await asyncio.start_server(faults.accept, "127.0.0.1", 0, ssl=tls)
    faults.port = server.sockets[0].getsockname()[1]
    try:
        yield faults
    finally:
        server.close()
        await faults.close()
