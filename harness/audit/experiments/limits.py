"""Sends too much, asks too often, and lets what the app needs keep silent."""

from __future__ import annotations

import secrets

from harness.audit.bench import Bench
from harness.audit.big_body import growth_of, send_body
from harness.audit.checks.limits import CHECKS
from harness.audit.crowd import idle_connections, overload
from harness.audit.facts.limits import Body, BodyKind, Limits, Overload, Proxy
from harness.audit.nginx_file import read_nginx
from harness.audit.row import Row
from harness.audit.service import Service
from harness.audit.silence import retries, silent_database, silent_stub
from harness.audit.timed_lines import TimedLines
from harness.model.request import KEY, RequestLine

BIG_BYTES = 20 * 2**20
_MOST_BYTES = 64 * 2**20
_BELOW_BYTES = 1024
_WITH_BODY = ("POST", "PUT", "PATCH")


async def observe(bench: Bench) -> Limits:
    service = await bench.service()
    lines = await TimedLines.of(bench, service)
    http = tuple(name for name in bench.rig.stubs if lines.needing(name))
    postgres = tuple(name for name in bench.rig.postgres if lines.needing(name))
    recover_s = bench.target.limits.recover_s + 5
    line = _line_with_body(lines)
    bodies = await _bodies(bench, service, lines, line)
    idle = await idle_connections(bench, service)
    dependency = tuple([await silent_stub(bench, lines, part) for part in http])
    retried = [each for part in http for each in await retries(bench, lines, part, recover_s)]
    database = tuple([await silent_database(bench, lines, part) for part in postgres])
    await lines.until_well(lines.all, recover_s)
    crowded = await overload(bench, lines, postgres[0]) if postgres else Overload()
    await lines.until_well(lines.all, recover_s)
    return Limits(
        deadline_s=bench.target.slo.deadline_s,
        slack_s=bench.target.limits.answer_slack_s,
        bodies=bodies,
        body_max_bytes=bench.spec.body_max_bytes,
        http_parts=http,
        postgres_parts=postgres,
        dependency=dependency,
        retried=tuple(retried),
        database=database,
        idle=idle,
        overload=crowded,
        proxy=_read_proxy(bench),
        proxy_declared=bench.spec.declared.get("proxy", ""),
        keepalive_s=(await bench.resolution()).settings.keepalive_s,
    )


def _line_with_body(lines: TimedLines) -> RequestLine | None:
    takers = [line for line in lines.all if line.method in _WITH_BODY]
    return next((line for line in takers if line.body), takers[0] if takers else None)


async def _bodies(bench: Bench, service: Service, lines: TimedLines, line: RequestLine | None) -> tuple[Body, ...]:
    """Above every limit, with a length and without one; and just below the declared limit."""
    declared = bench.spec.body_max_bytes
    size = max(BIG_BYTES, declared + BIG_BYTES // 4)
    if line is None:
        path = lines.all[0].path.split("?")[0] if lines.all else "/"
        line = RequestLine(f"POST {path}", "POST", path)
    if size > _MOST_BYTES:
        return ()
    await lines.ask(line, bench.target.slo.deadline_s)  # what is loaded by a first request is no growth
    found = [await _send(service, line, "declared", size), await _send(service, line, "chunked", size)]
    if declared > _BELOW_BYTES + len(line.body):
        found.append(await _send(service, line, "below", declared - _BELOW_BYTES))
    return tuple(found)


async def _send(service: Service, line: RequestLine, kind: BodyKind, size: int) -> Body:
    """The line's own body, padded: blanks after a JSON text change nothing but its length."""
    key = f"audit-{secrets.token_hex(6)}"
    where = service.address
    headers = "".join(f"{name}: {value.replace(KEY, key)}\r\n" for name, value in line.headers)
    if not any(name.lower() == "content-type" for name, _ in line.headers):
        headers += "Content-Type: application/json\r\n"
    head = f"{line.method} {line.path.replace(KEY, key)} HTTP/1.1\r\nHost: {where.host}:{where.port}\r\n{headers}"
    start = line.body.replace(KEY, key).encode()
    async with growth_of(service.deployment.workers()) as growth:
        sent = await send_body(
            where, head, start, size, chunked=kind == "chunked", timeout_s=service.target.slo.deadline_s + 2
        )
    return Body(kind, line.name, sent.status, size, sent.sent_bytes, growth.most_bytes, sent.server, sent.timed_out)


def _read_proxy(bench: Bench) -> Proxy | None:
    name = bench.spec.proxy_config
    if not name:
        return None
    try:
        return read_nginx(name, (bench.target.root / name).read_text("utf-8", "replace"))
    except OSError as error:
        return Proxy(name, wrong=f"it cannot be read ({error.strerror})")


ROW = Row(
    "limits",
    "Do timeouts and limits hold, from the outside in?",
    Limits,
    observe,
    CHECKS,
)
