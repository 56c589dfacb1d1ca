"""The deployment answers as it is said to, alone and under a short load; what its makers did before is vouched for.

The load is a baseline, not a search for the limit: the rate of the target file, 8 s. Over is over surely, by the lower
end of the 95 % interval, as for the checks of a trial.
"""

from __future__ import annotations

from harness.audit.check import Check, Told, failed, inconclusive, not_applicable, passed, vouched
from harness.audit.facts.testing import LoadSeen, Tried
from harness.checks.facts.statistics import lower_bound

_LATE_SHARE = 0.01
_LAG_SHARE = 0.10
_MIN_SENT = 50
_LINES = "[[load.requests]]: the requests that matter, with what they are answered"


def _smoke(facts: Tried) -> Told:
    if not facts.asked:
        return inconclusive("Nothing was asked.")
    wrong = [each for each in facts.asked if not each.as_expected]
    evidence = {each.name: {"status": each.status, "took_ms": each.took_ms} for each in facts.asked}
    if wrong:
        first = wrong[0]
        said = "had no answer" if first.status < 0 else f"was answered {first.status}"
        wanted = ", ".join(map(str, first.expect))
        other = " with another body than expected" if first.status in first.expect else ""
        why = f"{len(wrong)} of {len(facts.asked)} requests were not answered as expected: {first.name} {said}{other}"
        return failed(
            f"{why} (expected: {wanted}).", "Mend the line, or what [[load.requests]] says of it.", asked=evidence
        )
    if not facts.lines_declared:
        return passed("Liveness and readiness answer; no other request is declared.", asked=evidence)
    why = f"Liveness, readiness and {len(facts.asked) - 2} declared lines were answered as expected."
    return passed(why, asked=evidence)


def _schema(facts: Tried) -> Told:
    if facts.schema == "absent":
        return not_applicable("The app serves no /openapi.json; many keep it private.", "FastAPI(openapi_url=…)")
    if facts.schema == "broken":
        return failed("/openapi.json is served and is no OpenAPI document.", "Mend app.openapi(), or serve none.")
    if not facts.documented:
        return not_applicable("/openapi.json parses; no request line is declared to compare it with.", _LINES)
    unknown = [each.name for each in facts.documented if not each.path_found]
    other = [f"{each.name}: {each.status}" for each in facts.documented if each.path_found and not each.status_found]
    if unknown or other:
        told = "; ".join([f"not in it: {name}" for name in unknown] + [f"status not in it: {name}" for name in other])
        why = f"/openapi.json parses, and does not tell all that was seen ({told})."
        return inconclusive(why, "Document these, where clients rely on them.", unknown=unknown, other_status=other)
    why = f"/openapi.json has all {len(facts.documented)} declared lines with the status that was seen."
    return passed(why, lines=len(facts.documented))


def _load(facts: Tried) -> Told:
    if not facts.lines_declared:
        return not_applicable("No request line is declared to load.", _LINES)
    if not facts.loads:
        return inconclusive("No load was sent.")
    load = facts.loads[-1]
    evidence = _figures(facts.loads)
    if load.n < _MIN_SENT:
        why = f"{load.n} requests are too few to tell ({_MIN_SENT} are needed)."
        return inconclusive(why, "Raise load.rate_rps.", **evidence)
    problem = _problem(facts, load)
    if problem is not None and (doubt := _late(facts, load)):
        return inconclusive(f"{problem.why} But the machine was not fit to judge: {doubt}.", "Repeat it.", **evidence)
    if problem is not None:
        return Told(problem.verdict, problem.why, evidence, problem.advice)
    if load.errors or load.not_sent or load.p99_ms > facts.p99_ms:
        why = f"At {load.rate_rps:g} requests/s it was close: {_told(load)}."
        return inconclusive(why, "Repeat it, with a higher load.rate_rps for more requests.", **evidence)
    why = f"At {load.rate_rps:g} requests/s for {load.duration_s:g} s: {_told(load)}."
    return passed(why, **evidence)


def _problem(facts: Tried, load: LoadSeen) -> Told | None:
    if lower_bound(load.errors, load.n) > facts.error_rate:
        why = f"{load.errors} of {load.n} requests failed at {load.rate_rps:g}/s (limit {facts.error_rate:.2%})."
        return failed(why, "Read the service's log at these errors.")
    if lower_bound(load.over, load.n) > _LATE_SHARE:
        why = (
            f"{load.over} of {load.n} requests took longer than {facts.p99_ms:g} ms at {load.rate_rps:g}/s"
            f" ({_told(load)})."
        )
        return failed(why, "Look for what holds the event loop or the pool, or set slo.p99_ms to what is needed.")
    return None


def _late(facts: Tried, load: LoadSeen) -> str:
    """Why the figures may be the machine's and not the app's; empty where it was fit."""
    if load.loop_lag_ms > facts.loop_lag_ms:
        return f"the harness itself stalled for {load.loop_lag_ms:.0f} ms"
    if load.foreign_cpu_share > facts.foreign_cpu_share:
        return f"others used {load.foreign_cpu_share:.0%} of the CPUs"
    if load.lag_p99_ms > _LAG_SHARE * facts.p99_ms and not load.not_sent:
        return f"requests left up to {load.lag_p99_ms:.0f} ms late"
    return ""


def _told(load: LoadSeen) -> str:
    return f"n = {load.n}, {load.errors} errors, p50 {load.p50_ms:.1f} ms, p99 {load.p99_ms:.1f} ms"


def _figures(loads: tuple[LoadSeen, ...]) -> dict[str, object]:
    load = loads[-1]
    lines = {
        line.name: {"n": line.n, "errors": line.errors, "p50_ms": line.p50_ms, "p99_ms": line.p99_ms}
        for line in load.lines
    }
    return {
        "rate_rps": load.rate_rps,
        "n": load.n,
        "errors": load.errors,
        "over_slo": load.over,
        "not_sent": load.not_sent,
        "p50_ms": load.p50_ms,
        "p99_ms": load.p99_ms,
        "send_lag_p99_ms": load.lag_p99_ms,
        "loop_lag_ms": load.loop_lag_ms,
        "foreign_cpu_share": load.foreign_cpu_share,
        "lines": lines,
        "loads": len(loads),
    }


def _migrations(facts: Tried) -> Told:
    return vouched("staging", facts.staging, "Nobody said where migrations are tried before production.")


def _ci(facts: Tried) -> Told:
    return vouched("ci", facts.ci, "Nobody said where the tests run before a deployment.")


CHECKS: tuple[Check[Tried], ...] = (
    Check("smoke", "Are the probes and every declared request answered as expected?", _smoke, essential=True),
    Check("schema-honest", "Does the OpenAPI document tell what is there?", _schema),
    Check("load-baseline", "Does it keep its SLO under a short load?", _load, essential=True),
    Check("migrations-tried", "Are migrations tried before production?", _migrations),
    Check("ci", "Do tests run before a deployment?", _ci),
)
