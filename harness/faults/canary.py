"""A round trip of ours on the same path that the app takes: through the proxy of a link, over a new connection.

PostgreSQL answers an SSLRequest (8 bytes) with one byte before anybody has logged in; HTTP answers a GET. So a canary
needs no account and no endpoint of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from typing import Literal

from harness.faults.fault import Link

# Frontend/backend protocol, "SSLRequest": length 8, code 80877103
_SSL_REQUEST = bytes.fromhex("0000000804d2162f")


@dataclass(frozen=True, slots=True)
class Echo:
    """What came of a canary: `took_ms` from sending to the first byte (or to the end of waiting)."""

    outcome: Literal["answered", "refused", "silent", "closed"]
    took_ms: float


async def send(link: Link, *, timeout_s: float = 1.0) -> Echo:
    """One canary through the link's proxy."""
    where = link.proxy.listen
    began = time.monotonic()
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(where.host, where.port)
    except TimeoutError:
        return Echo("silent", _since(began))
    except OSError:
        return Echo("refused", _since(began))
    try:
        return await _round_trip(reader, writer, _question(link), timeout_s)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _round_trip(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, question: bytes, timeout_s: float
) -> Echo:
    began = time.monotonic()
    writer.write(question)
    try:
        async with asyncio.timeout(timeout_s):
            answer = await reader.read(1)
    except TimeoutError:
        return Echo("silent", _since(began))
    except OSError:
        return Echo("closed", _since(began))
    return Echo("answered" if answer else "closed", _since(began))


def _question(link: Link) -> bytes:
    if link.kind == "postgres":
        return _SSL_REQUEST
    path = link.live if link.kind == "ingress" else "/"
    return f"GET {path} HTTP/1.1\r\nHost: canary\r\nConnection: close\r\n\r\n".encode()


def _since(began: float) -> float:
    return round((time.monotonic() - began) * 1000, 3)
