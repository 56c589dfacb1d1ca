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

# Frontend/backend protocol: length 8 and a code, 80877103 and 80877104. Each may be asked once of a connection.
_SSL_REQUEST = bytes.fromhex("0000000804d2162f")
_GSS_REQUEST = bytes.fromhex("0000000804d21630")
BEFORE = 3
"""Canaries that are sent before a fault, where the quickest is asked for."""
_START = bytes.fromhex("00030000")  # protocol 3.0, after the length


@dataclass(frozen=True, slots=True)
class Echo:
    """What came of a canary: `took_ms` from sending to the first byte (or to the end of waiting); was it accepted?"""

    outcome: Literal["answered", "refused", "silent", "closed", "reset"]
    took_ms: float
    connected: bool = True


async def send(link: Link, *, timeout_s: float = 1.0, load_bytes: int = 0) -> Echo:
    """One canary through the link's proxy; it carries `load_bytes` more than it needs, up to 8 KB."""
    where = link.proxy.listen
    began = time.monotonic()
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(where.host, where.port)
    except TimeoutError:
        return Echo("silent", _since(began), connected=False)
    except OSError:
        return Echo("refused", _since(began), connected=False)
    try:
        return await _round_trip(reader, writer, question(link, load_bytes=load_bytes), timeout_s)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def quickest_ms(link: Link, *, load_bytes: int = 0) -> float:
    """Of a few, before a fault: what else a busy machine does must not be taken off what the fault will add."""
    return min([(await send(link, load_bytes=load_bytes)).took_ms for _ in range(BEFORE)])


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
    except ConnectionResetError:
        return Echo("reset", _since(began))
    except OSError:
        return Echo("closed", _since(began))
    return Echo("answered" if answer else "closed", _since(began))


def question(link: Link, *, load_bytes: int = 0, keep: bool = False, again: bool = False) -> bytes:
    """What the link's other end answers; `again` on a connection that had it before."""
    if link.kind == "postgres":
        if load_bytes:
            # A user that nobody is, so that the load has a place: refused, or asked for a password.
            body = _START + b"user\0shakedown-canary\0application_name\0" + b"x" * load_bytes + b"\0\0"
            return (len(body) + 4).to_bytes(4, "big") + body
        return _GSS_REQUEST if again else _SSL_REQUEST
    path = link.live if link.kind == "ingress" else "/"
    lines = [f"GET {path} HTTP/1.1", "Host: canary", f"Connection: {'keep-alive' if keep else 'close'}"]
    lines += [f"X-Load: {'x' * load_bytes}"] if load_bytes else []
    return "\r\n".join([*lines, "", ""]).encode()


def _since(began: float) -> float:
    return round((time.monotonic() - began) * 1000, 3)
