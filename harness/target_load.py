"""The tables of a target file that say how the app is used: [load], [ledger], [probes], [slo], [limits]."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from harness.load.profile import MAX_CONNECTIONS
from harness.model.load_shape import own_rate_rps
from harness.model.request import KEY, RequestLine
from harness.model.target import LedgerSpec, Limits, LoadSpec, Part, ProbeSpec, Slo
from harness.target_flow import read_flow
from harness.target_shape import MAX_RPS, read_shape
from harness.target_table import Table, is_number, show
from harness.target_values import read_values

_WRITES = ("POST", "PUT", "PATCH")


def read_load(table: Table, parts: tuple[Part, ...], live: str, slo: Slo, root: Path) -> LoadSpec:
    """Without requests the load asks the liveness path, which needs no part."""
    requests = tuple(_read_request(line, parts) for line in table.tables("requests"))
    rate = table.number("rate_rps", 0.0, 0.0, MAX_RPS, above=True) or None
    shape = read_shape(table, root, rate)
    timeout_s = table.number("timeout_s", slo.deadline_s + 2.0, 0.0, 3600.0, above=True)
    if timeout_s <= slo.deadline_s:
        table.wrong(
            "timeout_s",
            f"is {timeout_s:g}, and a client that gives up by slo.deadline_s ({slo.deadline_s:g}) cannot see whether"
            f" the deadline holds; accepted: more than {slo.deadline_s:g}",
        )
    connections = table.whole("connections", 0, 0, MAX_CONNECTIONS)
    pre_connect = table.truth("pre_connect", False)
    flow = read_flow(table, root)
    if pre_connect and flow is not None:
        table.wrong("pre_connect", "stands beside locustfile, whose users connect as they come; accepted: without it")
    values, first = read_values(table, root, requests)
    table.done()
    default = _line_of(name=f"GET {live}", path=live)
    own = own_rate_rps(shape)
    return LoadSpec(
        rate_rps=rate if own is None else own,
        connections=connections,
        timeout_s=timeout_s,
        requests=first or (default,),
        shape=shape,
        flow=flow,
        values=values,
        varied=requests if values else (),
        pre_connect=pre_connect,
        timeout_declared=table.has("timeout_s"),
    )


def _read_request(table: Table, parts: tuple[Part, ...]) -> RequestLine:
    every = tuple(part.name for part in parts)
    method = table.text("method", "GET", lambda value: refusal(method=value.upper())).upper()
    path = table.text("path", "/", lambda value: refusal(path=value))
    headers, body = read_body(table)
    uses_key = any(KEY in text for text in (path, body, *(value for _, value in headers)))
    stores = table.truth("stores", uses_key and method in _WRITES)
    if stores and not uses_key:
        table.wrong("stores", "needs {key} in path, headers, json or body: by its key the stored effect is found")
    fields: dict[str, Any] = {
        "name": table.text("name", f"{method} {path}", lambda value: None if value else "a name that is not empty"),
        "method": method,
        "path": path,
        "headers": headers,
        "body": body,
        "weight": table.number("weight", 1.0, 0.0, 1e6, above=True),
        "expect": read_expect(table),
        "expect_json": table.json("expect_json") or "",
        "stores": stores,
        "needs": table.names("needs", every, every),
    }
    table.done()
    return _line_of(**fields)


def _line_of(**fields: Any) -> RequestLine:
    """Stands in for a line whose mistakes are told already, key by key."""
    try:
        return RequestLine(**fields)
    except ValueError:
        return RequestLine("wrong")


def refusal(**field: Any) -> str | None:
    """Why a request line refuses this value."""
    try:
        RequestLine(name="x", **field)
    except ValueError as error:
        return str(error).removeprefix("x: ").split(", not ")[0]
    return None


def read_body(table: Table) -> tuple[tuple[tuple[str, str], ...], str]:
    """Headers and body; `json` brings its content type."""
    headers = _read_headers(table)
    if not table.has("json"):
        return headers, table.text("body", "")
    if table.has("body"):
        table.wrong("body", "stands beside json; accepted: one of the two")
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers = (*headers, ("Content-Type", "application/json"))
    return headers, table.json("json") or ""


def _read_headers(table: Table) -> tuple[tuple[str, str], ...]:
    inner = table.table("headers", secret=True)
    pairs = tuple((name, inner.text(name, "")) for name in list(inner.raw))
    for name, value in pairs:
        if refused := refusal(headers=((name, value),)):
            table.wrong("headers", f"is refused: {refused}")
    return pairs


def read_expect(table: Table) -> tuple[int, ...]:
    if not table.has("expect"):
        return (200,)
    value = table.raw["expect"]
    statuses = value if isinstance(value, list) else [value]
    if statuses and all(is_number(item) and isinstance(item, int) and 200 <= item <= 599 for item in statuses):
        return tuple(dict.fromkeys(statuses))
    shown = ", ".join(show(item) for item in statuses[:5])
    table.wrong("expect", f"is [{shown}]; accepted: a list of statuses from 200 to 599, as in [200, 404]")
    return (200,)


def read_ledger(table: Table, parts: tuple[Part, ...]) -> LedgerSpec:
    if not any(part.kind == "postgres" for part in parts):
        table.problems.add(
            "ledger", "asks a database, and this target has none; accepted: with a part of kind postgres"
        )
    keys = table.text("keys", None, lambda value: None if value.strip() else "a query that gives one column of keys")
    settle_s = table.number("settle_s", 2.0, 0.0, 60.0)
    table.done()
    return LedgerSpec(keys, settle_s)


def read_probe(table: Table) -> ProbeSpec:
    default = ProbeSpec()
    spec = ProbeSpec(
        period_s=table.number("period_s", default.period_s, 0.05, 60.0),
        timeout_s=table.number("timeout_s", default.timeout_s, 0.05, 60.0),
        failure_threshold=table.whole("failure_threshold", default.failure_threshold, 1, 100),
    )
    table.done()
    return spec


def read_slo(table: Table) -> Slo:
    default = Slo()
    slo = Slo(
        p99_ms=table.number("p99_ms", default.p99_ms, 0.0, 600_000.0, above=True),
        error_rate=table.number("error_rate", default.error_rate, 0.0, 1.0),
        deadline_s=table.number("deadline_s", default.deadline_s, 0.0, 600.0, above=True),
    )
    table.done()
    return slo


def read_limits(table: Table) -> Limits:
    """Every field of `Limits` is a key. A share lies between 0 and 1."""
    values = {
        item.name: table.number(item.name, float(str(item.default)), 0.0, 1.0 if item.name.endswith("_share") else 1e6)
        for item in dataclasses.fields(Limits)
    }
    table.done()
    return Limits(**values)


def read_probes(table: Table) -> tuple[ProbeSpec, ProbeSpec]:
    """Liveness, readiness."""
    live, ready = read_probe(table.table("live")), read_probe(table.table("ready"))
    table.done()
    return live, ready
