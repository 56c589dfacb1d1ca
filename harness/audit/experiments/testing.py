"""Asks every declared line once, then sends a short load, with the driver that `run` uses.

A load that is not clean is sent a second time, for one hiccup of a shared machine says nothing of the app.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np

from harness.audit.bench import Bench
from harness.audit.checks.testing import CHECKS
from harness.audit.facts.testing import Asked, Documented, LineLoad, LoadSeen, Tried
from harness.audit.lines import are_declared, as_expected, declared_lines, send
from harness.audit.row import Row
from harness.audit.service import Service
from harness.load.profile import Profile, Segment
from harness.load.rows_file import read_rows
from harness.loading import Load
from harness.model.observation import Observation
from harness.model.request import RequestLine
from harness.model.rows import NOT_SENT, Rows, in_group
from harness.model.samples import errors, of_endpoint, over_limit, quantiles, response_ns, send_lag_ns
from harness.probes.machine import CpuTimes, LoopLag

DURATION_S = 8.0
RATE_RPS = 20.0
_DRAIN_S = 5.0
_LEAD_S = 0.3
_LOADS = 2
_ALIVE = tuple(range(200, 400))


async def observe(bench: Bench) -> Tried:
    service, target = await bench.service(), bench.target
    declared = are_declared(target)
    lines = await declared_lines(bench) if declared else ()
    probes = tuple(RequestLine(f"GET {path}", path=path, expect=_ALIVE) for path in (target.live, target.ready))
    asked = [await _ask(bench, service, line) for line in (*probes, *lines)]
    schema, document = await _schema(service)
    loads: list[LoadSeen] = []
    while lines and len(loads) < _LOADS and not (loads and _clean(bench, loads[-1])):
        loads.append(await _Driven(bench, service, lines).run())
    return Tried(
        asked=tuple(asked),
        lines_declared=declared,
        schema=schema,
        documented=tuple(_documented(line, said, document) for line, said in zip(lines, asked[2:], strict=True)),
        loads=tuple(loads),
        p99_ms=target.slo.p99_ms,
        error_rate=target.slo.error_rate,
        loop_lag_ms=target.limits.loop_lag_ms,
        foreign_cpu_share=target.limits.foreign_cpu_share,
        ci=bench.spec.declared.get("ci", ""),
        staging=bench.spec.declared.get("staging", ""),
    )


async def _ask(bench: Bench, service: Service, line: RequestLine) -> Asked:
    began = time.monotonic()
    answer = await send(service, line)
    took_ms = round(1000 * (time.monotonic() - began), 1)
    status = answer.status_code if answer is not None else -1
    expect = line.expect if line.expect is not _ALIVE else (200,)
    return Asked(bench.secrets.redact(line.name), status, expect, as_expected(line, answer), took_ms)


async def _schema(service: Service) -> tuple[Any, Mapping[str, Any]]:
    answer: httpx.Response | None = await service.ask("GET", "/openapi.json")
    if answer is None or answer.status_code != 200:
        return "absent", {}
    try:
        document = answer.json()
    except ValueError:
        return "broken", {}
    whole = isinstance(document, dict) and "openapi" in document and isinstance(document.get("paths"), dict)
    return ("served", document) if whole else ("broken", {})


def _documented(line: RequestLine, said: Asked, document: Mapping[str, Any]) -> Documented:
    paths = document.get("paths", {})
    for template in sorted(paths, key=lambda each: each.count("{")):
        operation = paths[template].get(line.method.lower()) if matches(template, line.path) else None
        if isinstance(operation, dict):
            known = set(operation.get("responses", {}))
            found = bool(known & {str(said.status), f"{said.status // 100}XX", "default"})
            return Documented(said.name, said.status, True, found)
    return Documented(said.name, said.status, False, False)


def matches(template: str, path: str) -> bool:
    """A path against one with {parameters}, piece by piece."""
    ours, theirs = path.split("?")[0].strip("/").split("/"), template.strip("/").split("/")
    return len(ours) == len(theirs) and all(
        "{" in known or known == piece for known, piece in zip(theirs, ours, strict=True)
    )


def _clean(bench: Bench, load: LoadSeen) -> bool:
    return load.errors == 0 and load.not_sent == 0 and 0 <= load.p99_ms <= bench.target.slo.p99_ms


@dataclass(slots=True)
class _Driven:
    """One load by the driver of `run`, straight to the server."""

    bench: Bench
    service: Service
    lines: tuple[RequestLine, ...]

    async def run(self) -> LoadSeen:
        bench, target = self.bench, self.bench.target
        rate_rps = target.load.rate_rps or RATE_RPS
        profile = Profile(
            host=self.service.address.host,
            port=self.service.address.port,
            segments=(Segment.steady(DURATION_S, rate_rps),),
            requests=self.lines,
            timeout_s=target.load.timeout_s,
            queue_timeout_s=target.load.timeout_s,
            connections=target.load.connections,
            key_prefix=f"sda-{secrets.token_hex(4)}",
        )
        folder = bench.rig.folder / f"audit-load-{secrets.token_hex(4)}"
        folder.mkdir()
        load = await Load.launch(bench.rig, folder, bench.clock, _unheard)
        lag = LoopLag()
        try:
            await load.prepare(profile, folder / "samples.rows")
            lag.take_ms()
            before = CpuTimes.read(os.getppid())
            await load.start()
            await asyncio.sleep(DURATION_S + _LEAD_S)
            foreign, worst_ms = CpuTimes.read(os.getppid()).foreign_share(before), lag.take_ms()
            await load.stop(_DRAIN_S)
        finally:
            lag.stop()
            await load.close()
        return self._seen(read_rows(folder / "samples.rows"), rate_rps, worst_ms, foreign)

    def _seen(self, rows: Rows, rate_rps: float, loop_lag_ms: float, foreign: float) -> LoadSeen:
        share, over = errors(rows), over_limit(rows, int(self.bench.target.slo.p99_ms * 1e6))
        p50, p99 = _quantiles_ms(response_ns(rows))
        lines = tuple(self._line(of_endpoint(rows, index), line) for index, line in enumerate(self.lines))
        return LoadSeen(
            rate_rps=rate_rps,
            duration_s=DURATION_S,
            n=share.n,
            errors=share.count,
            over=over.count,
            not_sent=int(np.count_nonzero(in_group(rows, NOT_SENT))),
            p50_ms=p50,
            p99_ms=p99,
            lag_p99_ms=_quantiles_ms(send_lag_ns(rows))[1],
            loop_lag_ms=round(loop_lag_ms, 1),
            foreign_cpu_share=round(foreign, 3),
            lines=lines,
        )

    def _line(self, rows: Rows, line: RequestLine) -> LineLoad:
        share, (p50, p99) = errors(rows), _quantiles_ms(response_ns(rows))
        return LineLoad(self.bench.secrets.redact(line.name), share.n, share.count, p50, p99)


def _unheard(_observation: Observation) -> None:
    """What is told of this load is told from its rows."""


def _quantiles_ms(times: Any) -> tuple[float, float]:
    """Median and p99, −1 where there is nothing to tell."""
    found = quantiles(times)
    return (round(found.p50_ns / 1e6, 2), round(found.p99_ns / 1e6, 2)) if found else (-1.0, -1.0)


ROW = Row(
    "testing",
    "Is it tried before it is deployed?",
    Tried,
    observe,
    CHECKS,
)
