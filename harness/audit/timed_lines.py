"""The declared request lines at one deployment, by the parts that they need, each answer timed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import httpx

from harness.audit.bench import Bench
from harness.audit.facts.limits import Timed
from harness.audit.lines import declared_lines, filled
from harness.audit.service import Service
from harness.model.request import RequestLine

WRITES = ("POST", "PUT", "PATCH", "DELETE")
_LOOK_S, _ASK_S = 0.1, 5.0
_TIMES_A_WORKER = 3  # in a row: which worker answers is the kernel's choice


class TimedLines:
    def __init__(self, service: Service, lines: Sequence[RequestLine]) -> None:
        self.service, self.all = service, lines

    @classmethod
    async def of(cls, bench: Bench, service: Service) -> TimedLines:
        return cls(service, await declared_lines(bench))

    def needing(self, part: str) -> list[RequestLine]:
        return [line for line in self.all if part in line.needs]

    def not_needing(self, part: str) -> list[RequestLine]:
        return [line for line in self.all if part not in line.needs]

    async def send(self, client: httpx.AsyncClient, line: RequestLine, timeout_s: float) -> httpx.Response | None:
        """The answer; None when there was none within that time as a whole."""
        method, path, headers, content = filled(line)
        try:
            async with asyncio.timeout(timeout_s):
                return await client.request(method, path, headers=headers, content=content)
        except (TimeoutError, httpx.HTTPError):
            return None

    async def ask(self, line: RequestLine, timeout_s: float) -> Timed:
        began = time.monotonic()
        async with self.service.client(timeout_s=timeout_s) as client:
            answer = await self.send(client, line, timeout_s)
        return Timed(line.name, answer.status_code if answer is not None else -1, time.monotonic() - began)

    async def until_well(self, lines: Sequence[RequestLine], within_s: float) -> bool:
        """Wait until each is answered as expected, by whichever worker; False when that did not happen in time."""
        end, times = time.monotonic() + within_s, _TIMES_A_WORKER * self.service.workers
        for line in lines:
            good = 0
            while good < times:
                good = good + 1 if (await self.ask(line, _ASK_S)).status in line.expect else 0
                if time.monotonic() > end:
                    return False
                if not good:
                    await asyncio.sleep(_LOOK_S)
        return True
