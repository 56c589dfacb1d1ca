"""Starts the app without each variable that it needs, and with a URL that is none; reads its folder; provokes errors.

What a variable is worth shows in the app itself: one without which it comes up and answers all that is declared was not
needed, whatever its name says.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterable, Sequence

import httpx

from harness.audit.bench import SECRET_NAMES, Bench
from harness.audit.checks.configuration import CHECKS
from harness.audit.experiments.error_answers import provoke
from harness.audit.facts.configuration import Configuration, Ended, Start, Tree
from harness.audit.lines import as_expected, declared_lines, send
from harness.audit.row import Row
from harness.audit.service import Service
from harness.audit.source_tree import scan
from harness.model.request import RequestLine
from harness.system.process import clean_env

LIMIT_S = 10.0
_AT_ONCE = 2
_MOST = 8
_POLL_S = 0.1
_ASK_S = 1.0
_SETTLE_S = 4.0
_TAIL = 20_000
_FRAGMENT = 12  # of a secret: an error that shortens the values it shows still shows that much
_FILLED = re.compile(r"(?<!\{)\{[A-Za-z_]")
_URL = re.compile(r"://|\{[A-Za-z_]\w*\.url\}")


async def observe(bench: Bench) -> Configuration:
    shared = await bench.service()
    lines = await _well(shared, await declared_lines(bench))
    wanted = [(name, True) for name in required(bench)] + [(name, False) for name in urls(bench)[:1]]
    turns = asyncio.Semaphore(_AT_ONCE)

    async def start(name: str, missing: bool) -> Start:
        async with turns:
            return await _start(bench, shared, lines, name, missing)

    starts = await asyncio.gather(*(start(name, missing) for name, missing in wanted))
    for index, (name, missing) in enumerate(wanted):
        if missing and starts[index].ended == "running":
            # Once more, with nothing beside it: a busy machine is no reason.
            starts[index] = await start(name, missing)
    return Configuration(
        declared=bench.spec.required_env is not None,
        starts=tuple(starts),
        tree=await _tree(bench, shared),
        answers=await provoke(bench, shared),
        limit_s=LIMIT_S,
    )


def required(bench: Bench) -> tuple[str, ...]:
    """Declared, else those of [target.env] that hold an address or a secret."""
    if bench.spec.required_env is not None:
        return bench.spec.required_env[:_MOST]
    return tuple(name for name, text in bench.target.env.items() if _FILLED.search(text))[:_MOST]


def urls(bench: Bench) -> tuple[str, ...]:
    return tuple(name for name, text in bench.target.env.items() if _URL.search(text))


async def _well(service: Service, lines: Iterable[RequestLine]) -> list[RequestLine]:
    """Those that are answered as expected while nothing is wrong."""
    return [line for line in lines if as_expected(line, await send(service, line))]


async def _start(bench: Bench, shared: Service, lines: Sequence[RequestLine], name: str, missing: bool) -> Start:
    """On the shared databases: nothing is written by an app that does not start."""
    kind = "without" if missing else "malformed"
    canary = "" if missing else bench.secrets.canary(f"the value of {name}")
    value = None if missing else f"://shakedown:{canary}@"
    label = f"{kind}-{name.lower().replace('_', '-')}"
    async with bench.boot(label, env={name: value}, databases=shared.databases) as service:
        began = time.monotonic()
        ended = await _watch(service, began)
        took_s = time.monotonic() - began
        failing = await _failing(service, lines) if ended == "up" else ()
        output = service.log_since(0)
        code = service.deployment.exit_code
    told = shown_secrets(bench.secrets.names, output)
    line = _line_with(name, output)
    return Start(
        variable=name,
        kind="missing" if missing else "malformed",
        ended=ended,
        took_s=round(took_s, 2),
        exit_code=code if ended == "exited" else None,
        named=bool(line),
        line="" if told else bench.secrets.redact(line)[:300],
        told=told,
        failing=failing,
    )


async def _watch(service: Service, began: float) -> Ended:
    while time.monotonic() - began < LIMIT_S:
        if service.deployment.exit_code is not None:
            return "exited"
        if _is_well(await service.ask("GET", service.target.live, timeout_s=_ASK_S)):
            return "up"
        await asyncio.sleep(_POLL_S)
    return "running"


async def _failing(service: Service, lines: Sequence[RequestLine]) -> tuple[str, ...]:
    """What does not work in an app that came up all the same: readiness, and the declared requests."""
    end = time.monotonic() + _SETTLE_S
    while True:
        ready = await service.ask("GET", service.target.ready, timeout_s=_ASK_S)
        answers = await asyncio.gather(*(send(service, line, timeout_s=_SETTLE_S) for line in lines))
        failing = [] if _is_well(ready) else [f"readiness ({service.target.ready})"]
        failing += [line.name for line, answer in zip(lines, answers, strict=True) if not as_expected(line, answer)]
        if not failing or time.monotonic() >= end or service.deployment.exit_code is not None:
            break
        await asyncio.sleep(_POLL_S)
    return tuple(failing)


def _is_well(answer: httpx.Response | None) -> bool:
    return answer is not None and 200 <= answer.status_code < 400


def _line_with(name: str, output: str) -> str:
    """The last line that names the variable, as a word, in either case."""
    word = re.compile(rf"(?<![A-Za-z0-9_]){re.escape(name)}(?![A-Za-z0-9_])", re.IGNORECASE)
    found = [line.strip() for line in output[-_TAIL:].splitlines() if word.search(line)]
    return found[-1] if found else ""


def shown_secrets(words: dict[str, str], text: str) -> tuple[str, ...]:
    """Names of the secrets that a text shows, whole or a good part of them."""

    def shows(word: str) -> bool:
        size = min(_FRAGMENT, len(word))
        return any(word[at : at + size] in text for at in range(len(word) - size + 1))

    return tuple(sorted({name for word, name in words.items() if shows(word)}))


async def _tree(bench: Bench, shared: Service) -> Tree:
    """What git keeps, where it keeps anything; else whatever lies in the folder."""
    listed = await bench.run("git -c safe.directory='*' ls-files -z 2>/dev/null", clean_env(), timeout_s=10)
    paths = [path for path in listed.output.split("\0") if path] if listed.exit_code == 0 else []
    values = {
        name: text
        for name, text in shared.env.items()
        if name in bench.target.pass_env and any(word in name.lower() for word in SECRET_NAMES)
    }
    return await asyncio.to_thread(scan, bench.target.root, paths or None, values)


ROW = Row(
    "configuration",
    "Is it configured by its environment, and does it refuse to start wrongly?",
    Configuration,
    observe,
    CHECKS,
)
