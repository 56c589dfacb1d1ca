"""Stands in for the service that takes error reports: whatever is posted to it is kept in memory.

It speaks as much HTTP as a reporting SDK needs, on a loopback port. Bodies are kept whole and decompressed, for they
are searched for what must not be in them.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import brotli

from harness.system.ports import Ports

MAX_BYTES = 4 * 2**20
KEPT = 200
_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}"


@dataclass(frozen=True, slots=True)
class Posted:
    """One request: its path, its header lines, and its body as text. Not `readable`: packed in a way we do not know."""

    path: str
    head: str
    body: str
    readable: bool = True


class Collector:
    """`async with Collector(ports) as collector`; `dsn` is what an SDK of Sentry takes."""

    def __init__(self, ports: Ports) -> None:
        self._port = ports.take()
        self._server: asyncio.Server | None = None
        self._posted: list[Posted] = []

    async def __aenter__(self) -> Collector:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port, limit=2**16)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()

    @property
    def dsn(self) -> str:
        return f"http://shakedown@127.0.0.1:{self._port}/1"

    @property
    def posted(self) -> tuple[Posted, ...]:
        return tuple(self._posted)

    def forget(self) -> None:
        """Make room: what comes from now on is kept again."""
        self._posted.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            async with asyncio.timeout(10):
                await self._take(reader)
                writer.write(_ANSWER)
                await writer.drain()
        writer.close()

    async def _take(self, reader: asyncio.StreamReader) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body = await _chunks(reader)
        else:
            body = await reader.readexactly(min(int(headers.get("content-length", "0")), MAX_BYTES))
        if len(self._posted) < KEPT:
            plain = _plain(body, headers.get("content-encoding", "").lower())
            text = (plain or b"").decode("utf-8", "replace")
            self._posted.append(Posted(first.split(" ")[1], head, text, plain is not None))


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int((await reader.readline()).split(b";")[0], 16):
        if len(body) + size > MAX_BYTES:
            break
        body += (await reader.readexactly(size + 2))[:-2]
    return body


def _plain(body: bytes, encoding: str) -> bytes | None:
    """None where it cannot be unpacked: a body that nobody can read must not count as one without secrets."""
    try:
        return _UNPACK[encoding](body) if encoding not in ("", "identity") else body
    except (KeyError, OSError, EOFError, zlib.error, brotli.error):
        return None


_UNPACK: Mapping[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
    "br": brotli.decompress,
}
