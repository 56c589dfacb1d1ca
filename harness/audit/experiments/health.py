"""Takes the parts away for a few seconds each and listens to what the probes say, as a load balancer would.

    peace ── refuse (each needed part) ── blackhole (each) ── hang (each HTTP part that is not needed) ──▶
             until readiness has turned, at most ready_down_s + 1 s; then until it is back

Every round asks on fresh connections, twice as many at once as there are workers, for one worker that still says yes
is enough to send traffic into an outage. Liveness is asked meanwhile.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from harness.audit.bench import Bench
from harness.audit.checks.health import CHECKS
from harness.audit.facts.health import Health, Outage, Round, Trouble
from harness.audit.lines import lines_to_ask, send
from harness.audit.row import Row
from harness.audit.service import Service
from harness.faults.blackhole import Blackhole
from harness.faults.fault import Link
from harness.model.target import HttpPart
from harness.parts.stub import Behaviour
from harness.probes.http import Answer, get_once
from harness.probes.paths import connections_to

_PEACE = 20
_BEAT_S = 0.2
_CALM = 4  # rounds that agree, until it is believed
_HANG_S = 3.0
_SLACK_S = 0.5
_MORE_S = 1.0
_LIVE_S = 2.0


async def observe(bench: Bench) -> Health:
    service, target = await bench.service(), bench.target
    asked = [await _get(bench, service, target.live, _LIVE_S) for _ in range(_PEACE)]
    others = [part.name for part in target.parts if isinstance(part, HttpPart) and part.name not in target.ready_needs]
    planned: list[tuple[Trouble, str]] = [("refuse", part) for part in target.ready_needs]
    planned += [("blackhole", part) for part in target.ready_needs]
    planned += [("hang", part) for part in others]
    outages = []
    for trouble, part in planned:
        outages.append(await _Trial(bench, service, part, trouble).run())
        if outages[-1].back_after_s is None:  # the rows that follow need one that works
            await service.deployment.kill()
            service = await bench.service()
    return Health(
        live=target.live,
        ready=target.ready,
        live_ms=tuple(round(_ms(answer), 2) if answer.outcome == "answered" else -1.0 for answer in asked),
        live_statuses=tuple(answer.status for answer in asked),
        outages=tuple(outages),
        needs=target.ready_needs,
        others=tuple(others),
        ready_down_s=target.limits.ready_down_s,
        recover_s=target.limits.recover_s,
        ready_period_s=target.ready_probe.period_s,
        ready_timeout_s=target.ready_probe.timeout_s,
        orchestration=bench.spec.declared.get("orchestration", ""),
    )


async def _get(bench: Bench, service: Service, path: str, timeout_s: float) -> Answer:
    return await get_once(service.address, path, bench.clock, timeout_s)


def _ms(answer: Answer) -> float:
    return (answer.done_ns - answer.sent_ns) / 1e6


class _Trial:
    """One part, one trouble."""

    def __init__(self, bench: Bench, service: Service, part: str, trouble: Trouble) -> None:
        self._bench, self._service, self._part, self._trouble = bench, service, part, trouble
        self._link: Link = bench.rig.links[part]
        self._live_asked = self._live_bad = self._live_silent = 0

    async def run(self) -> Outage:
        target = self._bench.target
        via_proxy, direct = await self._seen()
        over = asyncio.Event()
        try:
            await self._bite()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._ask_liveness(over))
                rounds = await self._rounds(self._turned, *self._length())
                over.set()
        finally:
            await self._lift()
        within_s = target.limits.recover_s + target.ready_probe.period_s + _MORE_S
        after = await self._rounds(self._is_back, within_s, 0.0)
        return Outage(
            part=self._part,
            trouble=self._trouble,
            needed=self._part in target.ready_needs,
            rounds=rounds,
            after=after,
            live_asked=self._live_asked,
            live_bad=self._live_bad,
            live_silent=self._live_silent,
            via_proxy=via_proxy,
            direct=direct,
        )

    def _length(self) -> tuple[float, float]:
        """How long it lasts at most, and at least."""
        if self._trouble == "hang":
            return _HANG_S, _HANG_S
        return self._bench.target.limits.ready_down_s + _MORE_S, 0.0

    async def _bite(self) -> None:
        toxiproxy = self._bench.rig.toxiproxy
        match self._trouble:
            case "refuse":
                await toxiproxy.disable(self._link.proxy)
            case "blackhole":
                await Blackhole(toxiproxy, self._link).apply()
            case "hang":
                await self._bench.rig.stubs[self._part].program([Behaviour(hang=True)])

    async def _lift(self) -> None:
        await self._bench.rig.toxiproxy.heal(self._link.proxy)
        if self._trouble == "hang":
            await self._bench.rig.stubs[self._part].program([])

    async def _rounds(self, enough: Callable[[list[Round]], bool], most_s: float, least_s: float) -> tuple[Round, ...]:
        began, rounds = time.monotonic(), list[Round]()
        while (past_s := time.monotonic() - began) < most_s:
            if past_s >= least_s and enough(rounds):
                break
            rounds.append(await self._round(began))
            await asyncio.sleep(_BEAT_S)
        return tuple(rounds)

    def _turned(self, rounds: list[Round]) -> bool:
        last = rounds[-_CALM:]
        return self._trouble == "hang" or (len(last) == _CALM and not any(each.yes for each in last))

    def _is_back(self, rounds: list[Round]) -> bool:
        last = rounds[-_CALM:]
        return len(last) == _CALM and not any(each.no for each in last)

    async def _round(self, began: float) -> Round:
        bench, service, target = self._bench, self._service, self._bench.target
        timeout_s = target.ready_probe.timeout_s + _SLACK_S
        probes: list[Awaitable[Answer]] = [
            _get(bench, service, target.ready, timeout_s) for _ in range(2 * service.workers)
        ]
        said = await asyncio.gather(*probes)
        yes = sum(answer.good for answer in said)
        silent = sum(answer.outcome == "timeout" for answer in said)
        slowest = max(_ms(answer) for answer in said)
        return Round(round(time.monotonic() - began, 3), yes, len(said) - yes, silent, round(slowest, 1))

    async def _ask_liveness(self, over: asyncio.Event) -> None:
        """At the pace of the rounds, and apart from them: one that hangs must not hold up readiness.

        A probe without an answer is sent again at once: a hiccup of this machine says nothing of the app.
        """
        bench, service, target = self._bench, self._service, self._bench.target
        while not over.is_set():
            self._live_asked += 1
            answer = await _get(bench, service, target.live, target.live_probe.timeout_s)
            if answer.outcome == "timeout":
                answer = await _get(bench, service, target.live, target.live_probe.timeout_s)
                self._live_silent += answer.outcome == "timeout"
            self._live_bad += answer.outcome != "timeout" and not answer.good
            await asyncio.sleep(_BEAT_S)

    async def _seen(self) -> tuple[int, int]:
        """By how many connections the app uses the part, through the proxy and around it."""
        bench, service = self._bench, self._service
        for line in await lines_to_ask(bench, service):
            if not line.needs or self._part in line.needs:
                await send(service, line)
        proxy = self._link.proxy
        pids = [service.deployment.master(), *service.deployment.workers()]
        held = connections_to({proxy.listen.port, proxy.upstream.port}, pids)
        via_proxy = held.get(proxy.listen.port, 0)
        if (stub := bench.rig.stubs.get(self._part)) is not None:
            via_proxy = (await stub.counts()).total
        return via_proxy, held.get(proxy.upstream.port, 0)


ROW = Row(
    "health",
    "Do liveness and readiness tell the truth, and at once?",
    Health,
    observe,
    CHECKS,
)
