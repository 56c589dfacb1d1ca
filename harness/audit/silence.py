"""Lets a part keep silent, or fail, and sees what becomes of the requests: those that need it and the others."""

from __future__ import annotations

import asyncio
import dataclasses
import time

from harness.audit.bench import Bench
from harness.audit.facts.limits import Retried, Silence, Timed
from harness.audit.timed_lines import WRITES, TimedLines
from harness.faults.blackhole import Blackhole
from harness.model.request import RequestLine
from harness.parts.stub import Behaviour, Stub

_AT_ONCE, _OTHERS = 8, 10
_HEAD_START_S = 0.2
_QUIET_S, _CALLS_S, _BACKGROUND_S = 0.2, 3.0, 0.4
_STATUSES = (500, 503)
_TRIES = 2  # a worker whose breaker is open makes no call: another may


async def silent_stub(bench: Bench, lines: TimedLines, part: str) -> Silence:
    """The HTTP part takes requests and never answers."""
    stub = bench.rig.stubs[part]
    before = (await stub.counts()).hung
    await stub.program([Behaviour(path="*", hang=True)])
    try:
        seen = await _ask_all(lines, part, _AT_ONCE, bench.target.slo.deadline_s + _slack(bench))
    finally:
        await stub.program([])
    return dataclasses.replace(seen, reached=(await stub.counts()).hung - before)


async def silent_database(bench: Bench, lines: TimedLines, part: str) -> Silence:
    """No byte passes between the app and PostgreSQL."""
    hole = Blackhole(bench.rig.toxiproxy, bench.rig.links[part])
    await hole.apply()
    try:
        return await _ask_all(lines, part, 2, bench.target.slo.deadline_s + 1 + _slack(bench))
    finally:
        await hole.lift()


async def _ask_all(lines: TimedLines, part: str, at_once: int, wait_s: float) -> Silence:
    needing = [line for line in lines.needing(part) for _ in range(at_once)]
    asked = [asyncio.create_task(lines.ask(line, wait_s)) for line in needing]
    await asyncio.sleep(_HEAD_START_S)  # until they wait for the part
    others = await _ask_others(lines, lines.not_needing(part), wait_s)
    return Silence(part, None, tuple(await asyncio.gather(*asked)), tuple(others))


async def _ask_others(lines: TimedLines, others: list[RequestLine], wait_s: float) -> list[Timed]:
    """One after another, not longer than the whole may wait."""
    end, found = time.monotonic() + wait_s, []
    for _ in range(_OTHERS if others else 0):
        for line in others:
            if time.monotonic() < end:
                found.append(await lines.ask(line, wait_s))
    return found


async def retries(bench: Bench, lines: TimedLines, part: str, recover_s: float) -> list[Retried]:
    """What one request becomes at the part: while it is well, and while it fails."""
    stub, found = bench.rig.stubs[part], []
    for line in lines.needing(part):
        if not await lines.until_well([line], recover_s):
            continue
        before = (await stub.counts()).total
        await asyncio.sleep(_BACKGROUND_S)  # whoever else asks it would be taken for us
        background = (await stub.counts()).total != before
        well = await _calls(stub, lines, line)
        most, worst = -1, 0
        for status in _STATUSES:
            await stub.program([Behaviour(path="*", error_rate=1.0, status=status)])
            try:
                calls = max([await _calls(stub, lines, line) for _ in range(_TRIES)])
            finally:
                await stub.program([])
            if calls > most:
                most, worst = calls, status
            await lines.until_well([line], recover_s)
        found.append(Retried(part, line.name, line.method in WRITES, well, most, worst, background))
    return found


async def _calls(stub: Stub, lines: TimedLines, line: RequestLine) -> int:
    """Calls for one request, those that come after its answer included."""
    before = (await stub.counts()).total
    await lines.ask(line, _CALLS_S * 4)
    end, seen, since = time.monotonic() + _CALLS_S, -1, time.monotonic()
    while time.monotonic() < end:
        if (now := (await stub.counts()).total) != seen:
            seen, since = now, time.monotonic()
        elif time.monotonic() - since >= _QUIET_S:
            break
        await asyncio.sleep(0.02)
    return seen - before


def _slack(bench: Bench) -> float:
    return bench.target.limits.answer_slack_s
