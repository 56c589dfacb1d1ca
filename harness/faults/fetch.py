"""A whole GET of ours through the proxy of an HTTP part: what came, and when its first and last byte did."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass

from harness.faults.fault import Link

_MOST = 2**20


@dataclass(frozen=True, slots=True)
class Reply:
    """`status` is 0 where none came; `ended` says that the other end closed, as it was asked to."""

    status: int = 0
    media_type: str = ""
    body: bytes = b""
    ended: bool = False
    first_ms: float = 0.0
    took_ms: float = 0.0

    @property
    def told(self) -> str:
        if not self.status:
            return "closed without an answer" if self.ended else f"without an answer for {self.took_ms:.0f} ms"
        return f"answered {self.status} with {len(self.body)} bytes of {self.media_type or 'nothing'}"


async def fetch(link: Link, path: str, *, timeout_s: float) -> Reply:
    """One GET over a new connection; what had come by the end of `timeout_s` is kept."""
    began, raw, first_ms, ended = time.monotonic(), b"", 0.0, False
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(link.proxy.listen.host, link.proxy.listen.port)
            writer.write(f"GET {path} HTTP/1.1\r\nHost: canary\r\nConnection: close\r\n\r\n".encode())
            while len(raw) < _MOST and (piece := await reader.read(65_536)):
                first_ms = first_ms or _since(began)
                raw += piece
            ended = True
    except TimeoutError:
        ended = False
    except OSError:
        ended = True
    finally:
        if writer is not None:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
    return _read(raw, ended, first_ms, _since(began))


def _read(raw: bytes, ended: bool, first_ms: float, took_ms: float) -> Reply:
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    words = first.split(" ", 2)
    if len(words) < 2 or not words[1].isdigit():
        return Reply(ended=ended, took_ms=took_ms)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
    return Reply(int(words[1]), headers.get("content-type", ""), body, ended, first_ms, took_ms)


def _since(began: float) -> float:
    return round((time.monotonic() - began) * 1000, 3)
