"""Many at once: connections that never say what they want, and more requests than a slow database can take."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import cycle, islice

import httpx

from harness.audit.bench import Bench
from harness.audit.facts.limits import Idle, Overload, Timed
from harness.audit.service import Service
from harness.audit.timed_lines import TimedLines
from harness.model.request import RequestLine
from harness.parts.toxic import Toxic

_CONNECTIONS, _HELD_S, _EVERY_S, _FRESH_S = 100, 5.0, 0.25, 2.0
_CONNECT_S = 2.0
_BURST_S, _FILL_S, _FILL = 3.0, 1.0, 64
_TIMES, _MOST = 8, 200
_LATENCY_MS = 200
_PAUSE_S = 0.1  # after a refusal: who is told to come back later does


async def idle_connections(bench: Bench, service: Service) -> Idle:
    """Half a head each, then silence."""
    where = service.address
    head = f"GET {bench.target.live} HTTP/1.1\r\nHost: {where.host}\r\nX-Half".encode("latin-1")
    opened = await asyncio.gather(*(_half_open(where.host, where.port, head) for _ in range(_CONNECTIONS)))
    held = [each for each in opened if each is not None]
    ends = [asyncio.create_task(_until_closed(reader)) for reader, _ in held]
    began, fresh = time.monotonic(), []
    try:
        while time.monotonic() - began < _HELD_S:
            fresh.append(await _fresh(bench, service))
            await asyncio.sleep(_EVERY_S)
        closed = sum(end.done() for end in ends)
    finally:
        for end, (_, writer) in zip(ends, held, strict=True):
            end.cancel()
            writer.transport.abort()
        if ends:
            await asyncio.wait(ends)
    return Idle(_CONNECTIONS, len(held), closed, _HELD_S, tuple(fresh))


async def _half_open(host: str, port: int, head: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
    try:
        async with asyncio.timeout(_CONNECT_S):
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(head)
            return reader, writer
    except (OSError, TimeoutError):
        return None


async def _until_closed(reader: asyncio.StreamReader) -> None:
    with contextlib.suppress(OSError):
        while await reader.read(4096):
            pass


async def _fresh(bench: Bench, service: Service) -> Timed:
    began = time.monotonic()
    answer = await service.ask("GET", bench.target.live, timeout_s=_FRESH_S)
    return Timed(f"GET {bench.target.live}", answer.status_code if answer else -1, time.monotonic() - began)


@dataclass(slots=True)
class _Burst:
    by_status: Counter[str] = field(default_factory=Counter)
    retry_after: int = 0
    late: int = 0
    slowest_s: float = 0.0


async def overload(bench: Bench, lines: TimedLines, part: str) -> Overload:
    """First as many as fill the pools, whose size that shows; then eight times as many as they hold."""
    needing, link = lines.needing(part), bench.rig.links[part]
    await bench.rig.toxiproxy.add(
        link.proxy, Toxic("shakedown_latency", "latency", "downstream", {"latency": _LATENCY_MS})
    )
    try:
        sessions = await _fill_pools(lines, needing, part)
        concurrency = min(_TIMES * max(sessions, lines.service.workers), _MOST)
        burst = await _run(lines, needing, concurrency, _BURST_S, _limit_s(bench))
    finally:
        await bench.rig.toxiproxy.heal(link.proxy)
    return Overload(
        tried=True,
        concurrency=concurrency,
        sessions=sessions,
        latency_ms=_LATENCY_MS,
        by_status=dict(sorted(burst.by_status.items())),
        retry_after=burst.retry_after,
        late=burst.late,
        slowest_s=round(burst.slowest_s, 3),
    )


async def _fill_pools(lines: TimedLines, needing: list[RequestLine], part: str) -> int:
    """The most sessions that the app had meanwhile."""
    reserved, most = lines.service.reserved[part], 0
    filling = asyncio.create_task(_run(lines, needing, _FILL, _FILL_S, _FILL_S * 10))
    while not filling.done():
        most = max(most, (await reserved.sample()).sessions)
        await asyncio.sleep(0.05)
    await filling
    return most


async def _run(lines: TimedLines, needing: list[RequestLine], concurrency: int, for_s: float, limit_s: float) -> _Burst:
    burst, end = _Burst(), time.monotonic() + for_s
    async with lines.service.client(timeout_s=limit_s) as client:
        askers = [_ask_on(lines, client, line, burst, end, limit_s) for line in islice(cycle(needing), concurrency)]
        await asyncio.gather(*askers)
    return burst


async def _ask_on(
    lines: TimedLines, client: httpx.AsyncClient, line: RequestLine, burst: _Burst, end: float, limit_s: float
) -> None:
    while (began := time.monotonic()) < end:
        answer = await lines.send(client, line, limit_s)
        took_s = time.monotonic() - began
        burst.by_status[str(answer.status_code if answer is not None else -1)] += 1
        burst.slowest_s = max(burst.slowest_s, took_s)
        burst.late += took_s >= limit_s
        if answer is None or answer.status_code >= 500:
            burst.retry_after += answer is not None and answer.status_code == 503 and "retry-after" in answer.headers
            await asyncio.sleep(_PAUSE_S)


def _limit_s(bench: Bench) -> float:
    return bench.target.slo.deadline_s + bench.target.limits.answer_slack_s
