"""Nothing is without an end: no body, no wait for a part, no queue, no connection that says nothing.

The server's own settings are no help here: Gunicorn's timeout watches a worker's heartbeat and ends no request, and
Uvicorn reads a body as long as the app takes it. So the app itself, or the proxy before it, has to say when it is over.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from harness.audit.check import Check, Told, declared, failed, inconclusive, not_applicable, passed
from harness.audit.facts.limits import Body, Limits, Retried, Silence, Timed

GROWN_SHARE = 0.5  # of the body: a worker that keeps all of it grows by more than its size
QUICK_S = 1.0  # a request that waits for nothing takes milliseconds; a second is a blocked worker, not a busy machine
DATABASE_EXTRA_S = 1.0
CALLS_READ, CALLS_WRITE = 3, 1
LEAST_ASKED = 20
FRESH_LATE = 1  # one late answer of twenty proves nothing on a busy machine
KEEPALIVE_S = 60.0  # the idle timeout of common load balancers and of nginx's upstreams
_OTHER_REASON = (401, 403, 404, 405)


def _body_limited(facts: Limits) -> Told:
    if not facts.bodies:
        return inconclusive("audit.body_max_bytes is larger than any body that was sent.", "Try it by hand.")
    large = [body for body in facts.bodies if body.kind != "below"]
    for body in large:
        if why := _taken(body):
            return failed(
                why,
                "Count the bytes while the body comes in and answer 413 beyond the limit (a small ASGI middleware),"
                " and set client_max_body_size at the proxy.",
                bodies=[_shown_body(each) for each in facts.bodies],
            )
    below = next((body for body in facts.bodies if body.kind == "below"), None)
    if below is not None and below.status in (-1, 413):
        return failed(
            f"A body of {below.size_bytes} bytes is within audit.body_max_bytes = {facts.body_max_bytes}, and"
            f" {below.request} {_ended(below)}.",
            "Make the declared limit the one that is enforced.",
            bodies=[_shown_body(each) for each in facts.bodies],
        )
    unclear = [body for body in large if body.status in _OTHER_REASON or 200 <= body.status <= 399]
    if unclear:
        return inconclusive(
            f"{unclear[0].request} was answered {unclear[0].status}, without a look at its body: that says nothing of"
            " its size.",
            "load.requests: a line with POST that the app takes.",
            bodies=[_shown_body(each) for each in facts.bodies],
        )
    size = large[0].size_bytes / 2**20
    how = " and ".join(
        f"{_ended(body)} ({'with a length' if body.kind == 'declared' else 'chunked'})" for body in large
    )
    within = f" One of {below.size_bytes} bytes is let through ({below.status})." if below else ""
    return passed(
        f"A body of {size:.0f} MiB {how}, by the app itself: no proxy stands before it here.{within}",
        bodies=[_shown_body(each) for each in facts.bodies],
    )


def _taken(body: Body) -> str:
    """Why a body that is too large was not refused, if so."""
    size = f"{body.size_bytes / 2**20:.0f} MiB"
    how = "with a Content-Length" if body.kind == "declared" else "chunked, without a length,"
    if body.grew_bytes > body.size_bytes * GROWN_SHARE:
        return f"A body of {size} {how} made a worker grow by {body.grew_bytes / 2**20:.0f} MiB."
    if (body.whole and 200 <= body.status <= 299) or body.status >= 500:
        return f"A body of {size} {how} was answered {body.status} by {body.request}."
    if body.timed_out:
        return f"A body of {size} {how} was neither taken nor refused in time."
    if body.whole and body.status not in (-1, 413, *_OTHER_REASON) and body.status >= 400:
        return f"A body of {size} {how} was read to its end, and then answered {body.status} by {body.request}."
    return ""


def _ended(body: Body) -> str:
    return "ends the connection" if body.status == -1 else f"is answered {body.status}"


def _shown_body(body: Body) -> dict[str, object]:
    return {
        "kind": body.kind,
        "request": body.request,
        "status": body.status,
        "bytes": body.size_bytes,
        "taken_bytes": body.sent_bytes,
        "grew_bytes": body.grew_bytes,
        "server": body.server,
    }


def _dependency_timeout(facts: Limits) -> Told:
    if not facts.http_parts:
        return not_applicable("No request line needs an HTTP part.", "parts.NAME with kind = 'http', and its lines")
    limit_s = facts.deadline_s + facts.slack_s
    for silence in facts.dependency:
        if late := _late(silence.needing, limit_s):
            return failed(
                f"While {silence.part} kept silent, {len(late)} of {len(silence.needing)} requests that need it had no"
                f" answer within {limit_s:g} s ({late[0].line}).",
                "Give each outbound call a timeout as a whole, shorter than the request's deadline.",
                late=[_shown(each) for each in late[:10]],
            )
        if slow := _slow(silence):
            return failed(
                f"While {silence.part} kept silent, requests that do not need it took {slow:.1f} s (median).",
                "Limit how many requests may wait for the dependency at once, and never wait on the event loop.",
                others=[_shown(each) for each in silence.others[:10]],
            )
    unreached = [silence.part for silence in facts.dependency if not silence.reached]
    if unreached:
        return inconclusive(f"No request came to {unreached[0]} while it kept silent, so nothing had to wait.")
    slowest = max(each.took_s for silence in facts.dependency for each in silence.needing)
    return passed(
        f"With {', '.join(facts.http_parts)} silent, all that need it were answered within {slowest:.1f} s, and the"
        " others were not held up.",
        statuses=sorted({each.status for silence in facts.dependency for each in silence.needing}),
        others_median_s=[round(median(each.took_s for each in s.others), 3) for s in facts.dependency if s.others],
    )


def _late(asked: Sequence[Timed], limit_s: float) -> list[Timed]:
    return [each for each in asked if each.status < 0 or each.took_s > limit_s]


def _slow(silence: Silence) -> float:
    """The median of the others where it is too long, else nothing."""
    middle = median(each.took_s for each in silence.others) if silence.others else 0.0
    return middle if middle > QUICK_S else 0.0


def _retries(facts: Limits) -> Told:
    if not facts.http_parts:
        return not_applicable("No request line needs an HTTP part.", "parts.NAME with kind = 'http', and its lines")
    disturbed = [each for each in facts.retried if each.background]
    seen = [each for each in facts.retried if each.failing > 0 and not each.background]
    too_many = [each for each in seen if each.failing > _allowed(each)]
    if too_many:
        worst = too_many[0]
        what = "a write, which may have had its effect already" if worst.writes else f"more than {_allowed(worst)}"
        return failed(
            f"One {worst.line} became {worst.failing} calls of {worst.part}, which answered {worst.failed_with}:"
            f" {what}.",
            "Retry at most once or twice, with jitter, and only what may be repeated; never a write without an"
            " idempotency key.",
            calls=[_shown_calls(each) for each in facts.retried],
        )
    if not seen:
        why = f"{disturbed[0].part} is asked in the background too" if disturbed else "no call came while it failed"
        return inconclusive(f"The calls for one request could not be counted: {why}.")
    calls = ", ".join(f"{each.failing} for {each.line}" for each in seen)
    return passed(f"Calls while the part fails: {calls}.", calls=[_shown_calls(each) for each in facts.retried])


def _allowed(retried: Retried) -> int:
    """So often as when all is well, and for reads three times that."""
    return max(retried.well, 1) * (CALLS_WRITE if retried.writes else CALLS_READ)


def _shown_calls(retried: Retried) -> dict[str, object]:
    return {"line": retried.line, "part": retried.part, "well": retried.well, "failing": retried.failing}


def _deadline(facts: Limits) -> Told:
    if not facts.postgres_parts:
        return not_applicable("No request line needs PostgreSQL.", "parts.postgres, and load.requests with needs")
    limit_s = facts.deadline_s + DATABASE_EXTRA_S
    asked = [each for silence in facts.database for each in silence.needing]
    if not asked:
        return inconclusive("No request was sent while the database kept silent.")
    if late := _late(asked, limit_s):
        return failed(
            f"While PostgreSQL kept silent, {len(late)} of {len(asked)} requests had no answer within {limit_s:g} s"
            f" ({late[0].line}).",
            "Give the request a deadline in the app (asyncio.timeout), and connect, acquire and each statement a"
            " shorter one.",
            late=[_shown(each) for each in late[:10]],
        )
    slowest = max(each.took_s for each in asked)
    return passed(
        f"With PostgreSQL silent, {len(asked)} requests were answered within {slowest:.1f} s.",
        asked=[_shown(each) for each in asked[:10]],
    )


def _idle(facts: Limits) -> Told:
    idle = facts.idle
    if idle.opened < idle.asked / 2 or not idle.fresh:
        return inconclusive(f"Only {idle.opened} of {idle.asked} idle connections could be opened.")
    bad = [each for each in idle.fresh if not 200 <= each.status <= 399]
    if len(bad) > FRESH_LATE:
        return failed(
            f"With {idle.opened} half-open connections, {len(bad)} of {len(idle.fresh)} fresh requests were not"
            f" answered well ({bad[0].status if bad[0].status > 0 else 'no answer'}).",
            "Do not let idle connections count against a limit of requests (Uvicorn's limit_concurrency does), and"
            " let a proxy with header timeouts stand before the service.",
            bad=[_shown(each) for each in bad[:10]],
        )
    closes = (
        f"closed {idle.closed} of them" if idle.closed else "closes none of them: that is left to the proxy before it"
    )
    return passed(
        f"With {idle.opened} half-open connections, {len(idle.fresh) - len(bad)} of {len(idle.fresh)} fresh requests"
        f" were answered; within {idle.held_s:g} s the server {closes}.",
        opened=idle.opened,
        closed=idle.closed,
        slowest_s=round(max(each.took_s for each in idle.fresh), 3),
    )


def _overload(facts: Limits) -> Told:
    crowd = facts.overload
    if not crowd.tried:
        return not_applicable("No request line needs PostgreSQL.", "parts.postgres, and load.requests with needs")
    evidence: dict[str, object] = {
        "concurrency": crowd.concurrency,
        "sessions": crowd.sessions,
        "by_status": dict(crowd.by_status),
        "retry_after": crowd.retry_after,
        "slowest_s": crowd.slowest_s,
    }
    if crowd.late:
        return failed(
            f"Of {crowd.asked} requests by {crowd.concurrency} clients at a database slower by {crowd.latency_ms} ms,"
            f" {crowd.late} had no answer within {facts.deadline_s + facts.slack_s:g} s.",
            "Wait for a connection of the pool for a second or so, and then answer 503 with Retry-After.",
            **evidence,
        )
    answered = crowd.asked - crowd.by_status.get("-1", 0)
    if answered < LEAST_ASKED:
        return inconclusive(f"Only {answered} of {crowd.asked} requests were answered at all.", "", **evidence)
    shed = crowd.by_status.get("503", 0)
    told = f"{shed} with 503, {crowd.retry_after} of these with Retry-After" if shed else "none was turned away"
    return passed(
        f"All {crowd.asked} requests by {crowd.concurrency} clients ended within {crowd.slowest_s:.1f} s: {told}.",
        **evidence,
    )


def _proxy(facts: Limits) -> Told:
    proxy = facts.proxy
    if proxy is None:
        if facts.proxy_declared:
            return declared(facts.proxy_declared)
        return not_applicable("No proxy is declared.", "audit.proxy_config, or audit.declared.proxy")
    if proxy.wrong:
        return inconclusive(f"{proxy.file} was not understood: {proxy.wrong}.", "audit.proxy_config")
    evidence: dict[str, object] = {
        "proxy_read_timeout_s": proxy.read_timeout_s,
        "upstream_keepalive_timeout_s": proxy.keepalive_s if proxy.keeps else None,
        "client_max_body_size": proxy.body_max_bytes,
        "server_keepalive_s": facts.keepalive_s,
    }
    if proxy.read_timeout_s <= facts.deadline_s:
        return failed(
            f"{proxy.file} gives up after {proxy.read_timeout_s:g} s (proxy_read_timeout), not after the service's own"
            f" deadline of {facts.deadline_s:g} s (read).",
            "Set proxy_read_timeout above slo.deadline_s.",
            **evidence,
        )
    if proxy.body_max_bytes == 0:
        return failed(
            f"{proxy.file} lets bodies of any size through (read).", "Set client_max_body_size to a limit.", **evidence
        )
    if proxy.keeps and facts.keepalive_s is not None and proxy.keepalive_s >= facts.keepalive_s:
        return failed(
            f"{proxy.file} keeps idle connections for {proxy.keepalive_s:g} s, and the server closes them after"
            f" {facts.keepalive_s:g} s: a request may meet the close (read).",
            "Set keepalive_timeout of the upstream below the server's keep-alive.",
            **evidence,
        )
    return passed(
        f"{proxy.file}: a read timeout of {proxy.read_timeout_s:g} s above the deadline, bodies up to"
        f" {proxy.body_max_bytes} bytes, idle connections closed before the server does it (read).",
        **evidence,
    )


def _keepalive(facts: Limits) -> Told:
    if facts.keepalive_s is None:
        return passed("The server closes no idle connection (read).")
    least_s = KEEPALIVE_S
    if facts.proxy is not None and facts.proxy.keeps and not facts.proxy.wrong:
        least_s = min(least_s, facts.proxy.keepalive_s)
    if facts.keepalive_s >= least_s:
        return passed(f"The server keeps idle connections for {facts.keepalive_s:g} s (read).", limit_s=least_s)
    if facts.proxy_declared:
        return declared(f"The server keeps idle connections for {facts.keepalive_s:g} s. {facts.proxy_declared}")
    return failed(
        f"The server closes idle connections after {facts.keepalive_s:g} s, before a load balancer does after"
        f" {KEEPALIVE_S:g} s: a request may meet the close (read).",
        "Set the server's keep-alive (keepalive, timeout_keep_alive) above that of the proxy, 65 to 75 s; or say in"
        " audit.declared.proxy what the proxy does.",
        keepalive_s=facts.keepalive_s,
    )


def _shown(timed: Timed) -> dict[str, object]:
    return {"line": timed.line, "status": timed.status, "took_s": round(timed.took_s, 3)}


CHECKS: tuple[Check[Limits], ...] = (
    Check("body-limited", "Is a body that is too large refused before it fills the memory?", _body_limited, True),
    Check("dependency-timeout", "Is every call of a dependency given up in time?", _dependency_timeout, True),
    Check("dependency-retries-bounded", "Does one request stay few calls of a failing dependency?", _retries),
    Check("deadline", "Does every request end while the database keeps silent?", _deadline),
    Check("idle-connections-survived", "Do connections that say nothing keep nobody out?", _idle, True),
    Check("overload-sheds", "Is every request answered in time when there are too many?", _overload),
    Check("proxy-in-line", "Do the proxy's timeouts and limits fit the service's?", _proxy),
    Check("keepalive-above-proxy", "Does the server keep idle connections for longer than the proxy?", _keepalive),
)
