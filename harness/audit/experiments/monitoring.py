"""Provokes exceptions that nobody expects, sends canaries with them, and looks where they turn up.

tables away ── each line once, with canaries ──▶ tables back ── each line answers as before?
no unhandled exception by that: a deployment of its own, a column at a time without values
metrics: scrape ── n requests ── scrape six times
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace

import asyncpg
import httpx

from harness.audit.bench import Bench
from harness.audit.checks.monitoring import CHECKS
from harness.audit.envelopes import Event, read_events
from harness.audit.facts.monitoring import MetricsSeen, Monitoring, Provoked, Reported, Scrape
from harness.audit.lines import as_expected, lines_to_ask, send
from harness.audit.provoke import tables_away, values_missing
from harness.audit.row import Row
from harness.audit.scrape import request_counters
from harness.audit.service import Service
from harness.audit.telltale import logged_as, told_in
from harness.model.request import RequestLine

REPORT_S = 10.0
_UNDECLARED_S = 3.0  # where nothing says that it reports at all, silence is no failure
_SETTLE_S = 0.8
_QUIET_S = 0.4
_LOG_S = 2.0
_LINES = 6
_ASKED = 20
_SCRAPES = 6
_METRICS = "/metrics"
_EXCERPT = 200
_PLACES = ("Authorization", "cookie", "query", "body")


async def observe(bench: Bench) -> Monitoring:
    service, spec = await bench.service(), bench.spec
    declared = spec.error_report_env in bench.target.env or spec.error_report_env != "SENTRY_DSN"
    seen = _Seen(bench, REPORT_S if declared else _UNDECLARED_S)
    posted_before = len(bench.collector.posted)
    leaked_before = _leaked(bench)
    bench.collector.forget()
    lines = (await lines_to_ask(bench, service))[:_LINES]
    whole = await _without_tables(bench, service, lines, seen)
    if not any(each.is_defect for each in seen.provoked):
        await _without_values(bench, seen)
    sdk = await bench.run(f'"{bench.target.python}" -c "import sentry_sdk"', service.env, timeout_s=20)
    return Monitoring(
        how=seen.how,
        provoked=tuple(seen.provoked),
        reports=tuple(Reported(event.exceptions, event.environment, event.release) for event in seen.events),
        posted=posted_before + len(bench.collector.posted),
        leaked=tuple(sorted({*leaked_before, *_leaked(bench)})),
        sdk=sdk.exit_code == 0,
        report_env=spec.error_report_env,
        report_env_declared=declared,
        canaries=_PLACES,
        broken_after=whole,
        metrics=await _metrics(bench, service),
        unreadable=sum(not each.readable for each in bench.collector.posted),
        workers=service.workers,
        alerting=spec.declared.get("alerting", ""),
    )


def _leaked(bench: Bench) -> tuple[str, ...]:
    return bench.secrets.found_in("\n".join(each.body for each in bench.collector.posted))


class _Seen:
    """What was provoked so far, and the canaries that went with it. `noisy`: statements fail without our requests."""

    def __init__(self, bench: Bench, patience_s: float) -> None:
        self.bench, self.how, self.noisy, self.patience_s = bench, "", False, patience_s
        self.events: list[Event] = []
        self.provoked: list[Provoked] = []
        self.canaries = {place: bench.secrets.canary(f"canary in {place}") for place in _PLACES}

    async def ask(self, service: Service, line: RequestLine) -> Provoked:
        mark, database_mark = service.log_size(), _database_log(self.bench)
        reported = len(read_events(self.bench.collector.posted))
        answer = await self._send(service, line)
        defect = answer is not None and answer.status_code >= 500
        text = await _log_text(service, mark, wait=defect)
        told = Provoked(
            line=self.bench.secrets.redact(line.name),
            status=answer.status_code if answer is not None else -1,
            as_expected=as_expected(line, answer),
            statements_failed=-1 if self.noisy else _failed(self.bench, database_mark),
            logged=logged_as(text),
            told=told_in(answer.text) if answer is not None and defect else (),
            excerpt=self.bench.secrets.redact(answer.text)[:_EXCERPT] if answer is not None and defect else "",
        )
        if not told.is_defect:
            return told
        events = await self._reports(reported)
        self.events += events
        return replace(told, reports=len(events))

    async def listen(self) -> None:
        """Whether something of the app's own asks its tables: then failed statements tell nothing of a request."""
        mark = _database_log(self.bench)
        await asyncio.sleep(_QUIET_S)
        self.noisy = _failed(self.bench, mark) > 0

    async def _reports(self, before: int) -> list[Event]:
        """The reports of the last request and, for doubles, a moment more. Who was silent is not waited for again."""
        end = time.monotonic() + self.patience_s
        while len(found := read_events(self.bench.collector.posted)) <= before and time.monotonic() < end:
            await asyncio.sleep(0.05)
        if len(found) <= before:
            self.patience_s = _SETTLE_S
            return []
        await asyncio.sleep(_SETTLE_S)
        return read_events(self.bench.collector.posted)[before:]

    async def _send(self, service: Service, line: RequestLine) -> httpx.Response | None:
        """With every canary; where these are refused by themselves, without those that stand in what is validated."""
        headers = {"Cookie": f"session={self.canaries['cookie']}"}
        if not any(name.lower() == "authorization" for name, _ in line.headers):
            headers["Authorization"] = f"Bearer {self.canaries['Authorization']}"
        full = _with_body(line, self.canaries["body"])
        answer = await send(service, full, headers=headers, query=f"token={self.canaries['query']}")
        if answer is not None and 400 <= answer.status_code < 500:
            answer = await send(service, line, headers={"Cookie": headers["Cookie"]})
        return answer


def _with_body(line: RequestLine, canary: str) -> RequestLine:
    try:
        body = json.loads(line.body)
    except ValueError:
        return line
    if not isinstance(body, dict):
        return line
    with_canary = json.dumps({**body, "password": canary})
    return RequestLine(line.name, line.method, line.path, line.headers, with_canary, expect=line.expect)


def _is_ours(bench: Bench, service: Service) -> bool:
    """Only a database that we made may be broken."""
    return any(not bench.rig.postgres[name].part.use_existing for name in list(service.databases)[:1])


async def _without_tables(bench: Bench, service: Service, lines: Sequence[RequestLine], seen: _Seen) -> tuple[str, ...]:
    """Ask each line while the tables have other names; afterwards, the lines that no longer answer as expected."""
    if not lines or not _is_ours(bench, service):
        return ()
    name, database = next(iter(service.databases.items()))
    good = [line for line in lines if as_expected(line, await send(service, line))]
    try:
        async with bench.superuser(name, database) as connection, tables_away(connection) as count:
            if count:
                await seen.listen()
                seen.how = "tables away"
                seen.provoked += [await seen.ask(service, line) for line in good]
    except asyncpg.PostgresError as error:
        bench.say(f"the app's tables cannot be renamed ({type(error).__name__}); nothing is provoked by them")
    broken = [line.name for line in good if not await _answers_again(service, line)]
    if broken:
        await service.deployment.kill()
    return tuple(bench.secrets.redact(each) for each in broken)


async def _answers_again(service: Service, line: RequestLine) -> bool:
    end = time.monotonic() + 5.0
    while not as_expected(line, await send(service, line)):
        if time.monotonic() > end:
            return False
        await asyncio.sleep(0.1)
    return True


async def _without_values(bench: Bench, seen: _Seen) -> None:
    """The first column without which some line shows an unhandled exception."""
    async with bench.boot("values-missing") as service:
        if not _is_ours(bench, service) or await service.until_up():
            return
        lines = (await lines_to_ask(bench, service))[:_LINES]
        for line in lines:  # so that there are rows
            await send(service, line)
        name, database = next(iter(service.databases.items()))
        try:
            async with bench.superuser(name, database) as connection, aclosing(values_missing(connection)) as columns:
                async for _ in columns:
                    tried = [await seen.ask(service, line) for line in lines if line.method == "GET"]
                    if defects := [each for each in tried if each.is_defect]:
                        seen.how = "values missing"
                        seen.provoked += defects
                        return
        except asyncpg.PostgresError as error:
            bench.say(f"no value can be taken away ({type(error).__name__})")


async def _log_text(service: Service, mark: int, *, wait: bool) -> str:
    """What was written since the mark; of a defect, until it is told or time is up."""
    end = time.monotonic() + (_LOG_S if wait else 0.1)
    while not logged_as(text := service.log_since(mark)) and time.monotonic() < end:
        await asyncio.sleep(0.05)
    return text


def _database_log(bench: Bench) -> int:
    cluster = next((each.cluster for each in bench.rig.postgres.values()), None)
    return cluster.log.stat().st_size if cluster is not None else -1


def _failed(bench: Bench, mark: int) -> int:
    """Statements that failed at the server since the mark, by its own log; −1 where that is not ours to read."""
    cluster = next((each.cluster for each in bench.rig.postgres.values()), None)
    if cluster is None or mark < 0:
        return -1
    return cluster.log.read_bytes()[mark:].decode("utf-8", "replace").count("ERROR:  ")


async def _metrics(bench: Bench, service: Service) -> MetricsSeen:
    service = await bench.service() if service.deployment.exit_code is not None else service
    path = bench.spec.metrics or _METRICS
    first = await service.ask("GET", path)
    if first is None or first.status_code != 200 or request_counters(first.text) is None:
        return MetricsSeen("")
    lines = [line for line in await lines_to_ask(bench, service) if line.method == "GET"]
    line = lines[0] if lines else RequestLine("live", path=bench.target.live)
    before = tuple([await _scrape(service, path) for _ in range(2)])
    answered = [await send(service, line) for _ in range(_ASKED)]
    after = tuple([await _scrape(service, path) for _ in range(_SCRAPES)])
    return MetricsSeen(path, sum(each is not None for each in answered), before, after)


async def _scrape(service: Service, path: str) -> Scrape:
    """Several at once, so that more than one worker has to answer."""
    answers = await asyncio.gather(*(service.ask("GET", path) for _ in range(2 * service.workers)))
    pages = [request_counters(each.text) for each in answers if each is not None and each.status_code == 200]
    return Scrape(tuple(page for page in pages if page is not None))


ROW = Row(
    "monitoring",
    "Are errors reported, scrubbed and tagged, and are the metrics right?",
    Monitoring,
    observe,
    CHECKS,
)
