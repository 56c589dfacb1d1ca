"""Sends secrets and request ids to every known path, then reads what the deployment has written.

Only what is sent by us is looked for, and the secrets of the run: each by its name, so that no text of one is kept.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import httpx

from harness.audit.bench import Bench
from harness.audit.checks.logging import CHECKS
from harness.audit.facts.logging import Leak, LogFile, Logging, PassedOn, Traced
from harness.audit.lines import lines_to_ask, send
from harness.audit.log_lines import levels_of, shape_of
from harness.audit.row import Row
from harness.audit.service import Service
from harness.model.request import RequestLine
from harness.system.open_files import OpenFile, written_files
from harness.system.proc import command_of

UNKNOWN = "/shakedown-no-such-path"
ID_HEADERS = ("X-Request-ID", "X-Correlation-ID")
_TRACED, _PASSED, _LEAKS = 3, 5, 20
_LINE_S = 2.0
_SHOWN = 300
_JSON = {"Content-Type": "application/json"}
_NO_LOGS = ("/dev/", "/proc/", "/sys/")


async def observe(bench: Bench) -> Logging:
    service = await bench.service()
    lines = await lines_to_ask(bench, service)
    if bench.target.auth is not None:
        await bench.token()  # a login is what a service logs with the least care
    traced = await _trace(service, lines)
    passed_on = await _pass_on(bench, service, lines)
    canaries = {name: bench.secrets.canary(f"canary in {name}") for name in _PLACES}
    baits = make_baits(lines, canaries)
    answers = [await send(service, bait.line, headers=bait.headers, query=bait.query) for bait in baits]
    files = [LogFile(each.path, command_of(each.pid)[:120]) for each in _log_files(service)]
    written = _lines_of(service.log_since(0))
    everything = [line for path in bench.logs().values() for line in _lines_of(path.read_text("utf-8", "replace"))]
    shown = [bench.secrets.redact(line)[:_SHOWN] for line in everything]
    leaks = [
        Leak(name, text) for line, text in zip(everything, shown, strict=True) for name in bench.secrets.found_in(line)
    ]
    shape, levels = shape_of(written), levels_of(written)
    return Logging(
        shape=replace(
            shape,
            first_text=bench.secrets.redact(shape.first_text)[:_SHOWN],
            first_unlike=bench.secrets.redact(shape.first_unlike)[:_SHOWN],
        ),
        levels=replace(levels, first_debug=bench.secrets.redact(levels.first_debug)[:_SHOWN]),
        files=tuple(dict.fromkeys(files)),
        traced=traced,
        passed_on=passed_on,
        requests=len(answers),
        answers=sum(answer is not None for answer in answers),
        searched_lines=len(everything),
        searched_for=tuple(sorted(set(bench.secrets.names.values()))),
        leaks=tuple(dict.fromkeys(leaks))[:_LEAKS],
    )


def _lines_of(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


# Request ids


async def _trace(service: Service, lines: Sequence[RequestLine]) -> tuple[Traced, ...]:
    """With an id of ours and without; on a path that does not exist only where no other is known."""
    asked = list(lines[:_TRACED]) or [RequestLine("an unknown path", path=UNKNOWN)]
    found = []
    header = ""
    for line in asked:
        ids = {name: str(uuid.uuid4()) for name in ID_HEADERS}  # some libraries take a UUID only
        mark = service.log_size()
        answer = await send(service, line, headers=ids)
        header = _which(answer, set(ids.values()))
        logged = bool(header) and answer is not None and await _is_logged(service, mark, answer.headers[header])
        found.append(Traced(line.name, True, answer.status_code if answer is not None else -1, header, logged))
    for line in asked:
        mark = service.log_size()
        answer = await send(service, line)
        made = answer.headers.get(header, "") if answer is not None and header else _any_id(answer)
        name = header or next(
            (each.lower() for each in ID_HEADERS if answer is not None and each in answer.headers), ""
        )
        logged = bool(made) and await _is_logged(service, mark, made)
        found.append(
            Traced(line.name, False, answer.status_code if answer is not None else -1, name if made else "", logged)
        )
    return tuple(found)


def _which(answer: httpx.Response | None, ids: set[str]) -> str:
    """The header of the answer that holds one of our ids."""
    headers = answer.headers.items() if answer is not None else ()
    return next((name for name, value in headers if value in ids), "")


def _any_id(answer: httpx.Response | None) -> str:
    return next((answer.headers[name] for name in ID_HEADERS if name in answer.headers), "") if answer else ""


async def _is_logged(service: Service, mark: int, id: str) -> bool:
    """A line may come a little after the answer. Some write a UUID without its dashes."""
    end = time.monotonic() + _LINE_S
    while True:
        text = service.log_since(mark)
        if id in text or id.replace("-", "") in text:
            return True
        if time.monotonic() >= end:
            return False
        await asyncio.sleep(0.05)


async def _pass_on(bench: Bench, service: Service, lines: Sequence[RequestLine]) -> tuple[PassedOn, ...]:
    found = []
    for part, stub in bench.rig.stubs.items():
        needing = [line for line in lines if part in line.needs][:_PASSED]
        ids: set[str] = set()
        before = (await stub.counts()).total
        for line in needing:
            sent = {name: str(uuid.uuid4()) for name in ID_HEADERS}
            ids |= set(sent.values())
            await send(service, line, headers=sent)
        reached = (await stub.counts()).total - before
        heads = (await stub.recent())[-reached:] if reached else []
        with_id = sum(any(id in head for id in ids) for head in heads)
        if needing:
            found.append(PassedOn(part, len(needing), reached, with_id))
    return tuple(found)


# Secrets

_PLACES = ("Authorization", "Cookie", "X-Api-Key", "?token=", "?password=", "JSON body", "malformed body")


@dataclass(frozen=True, slots=True)
class Bait:
    """A request that carries secrets."""

    line: RequestLine
    headers: Mapping[str, str]
    query: str = ""


def make_baits(lines: Sequence[RequestLine], canaries: Mapping[str, str]) -> list[Bait]:
    """Every path as usual, as a stranger, with more in the body than it takes, and with a body that is cut."""
    query = f"token={canaries['?token=']}&password={canaries['?password=']}"
    common = {"Cookie": f"session={canaries['Cookie']}", "X-Api-Key": canaries["X-Api-Key"]}
    stranger = {**common, "Authorization": f"Bearer {canaries['Authorization']}"}
    cut = f'{{"password": "{canaries["malformed body"]}", "token": '
    post = RequestLine("POST to an unknown path", "POST", UNKNOWN, body=cut)
    baits = [Bait(RequestLine("an unknown path", path=UNKNOWN), stranger, query), Bait(post, stranger)]
    for line in (replace(line, stores=False) for line in lines):
        others = tuple((name, value) for name, value in line.headers if name.lower() != "authorization")
        baits.append(Bait(replace(line, headers=others), stranger, query))
        if others != line.headers:
            baits.append(Bait(line, common, query))
        if line.method in ("POST", "PUT", "PATCH"):
            full = _with_canaries(line.body, canaries["JSON body"])
            baits += [Bait(replace(line, body=body), {**common, **_JSON}) for body in (full, cut)]
    return baits


def _with_canaries(body: str, canary: str) -> str:
    """The declared body with two more fields."""
    try:
        told = json.loads(body) if body else {}
    except ValueError:
        told = {}
    return json.dumps({**(told if isinstance(told, dict) else {}), "password": canary, "token": canary})


# Files


def _log_files(service: Service) -> list[OpenFile]:
    """Where it writes beside stdout. Heartbeat files, metrics and databases are written to, but are no logs."""
    ours = {str(service.log), str(service.log.resolve())}
    return [each for each in written_files(service.pids()) if each.path not in ours and is_log(each)]


def is_log(file: OpenFile) -> bool:
    name = file.path.rsplit("/", 1)[-1].lower()
    if file.path.startswith(_NO_LOGS) or "wgunicorn" in name or ".db" in name or ".sqlite" in name:
        return False
    return file.appends or ".log" in name


ROW = Row(
    "logging",
    "Are the logs structured, complete and free of secrets?",
    Logging,
    observe,
    CHECKS,
)
