"""An exception that nobody expected is logged, reported once, without secrets and with its tags, and not told outside.

An answer of 502, 503 or 504 is a deliberate "not now" and no unhandled exception; so where an app gives only those,
nothing is said of its reports. Metrics are right when they count what was asked, whichever worker is scraped.
"""

from __future__ import annotations

from itertools import pairwise

from harness.audit.check import Check, Told, failed, inconclusive, not_applicable, passed, vouched
from harness.audit.facts.monitoring import MetricsSeen, Monitoring, Provoked

_SLACK = 5
_LINES = "[[load.requests]] that need a database of ours (not use_existing), so that an exception can be provoked"


def _defects(facts: Monitoring) -> list[Provoked]:
    return [each for each in facts.provoked if each.is_defect]


def _logged(facts: Monitoring) -> Told:
    if not facts.how and not facts.provoked:
        return not_applicable("Nothing could be asked to provoke an exception.", _LINES)
    defects = _defects(facts)
    answers = [_shown(each) for each in facts.provoked[:10]]
    evidence = {"how": facts.how, "answers": answers, "not_back": list(facts.broken_after)}
    swallowed = [
        each for each in facts.provoked if 0 <= each.status < 500 and each.statements_failed > 0 and not each.logged
    ]
    if swallowed:
        first = swallowed[0]
        why = f"{first.line} met an error of the database, answered {first.status}, and nothing stands in the log."
        return failed(why, "Answer 5xx and log the exception; no handler may pass it over.", **evidence)
    silent = [each for each in defects if not each.logged]
    if silent:
        why = f"{silent[0].line} was answered {silent[0].status}, and no line at error level tells of the exception."
        return failed(why, "Log each unhandled exception with its traceback.", **evidence)
    if not defects:
        return inconclusive("No unhandled exception could be provoked: every error was handled.", "", **evidence)
    why = f"Each unhandled exception stands in the log with its error ({len(defects)}, {facts.how})."
    return passed(why, **evidence)


def _shown(each: Provoked) -> dict[str, object]:
    return {
        "line": each.line,
        "status": each.status,
        "statements_failed": each.statements_failed,
        "logged": each.logged,
    }


def _no_reporting(facts: Monitoring) -> Told | None:
    """Where the app shows no sign of reporting errors anywhere."""
    if facts.posted or (facts.sdk and facts.report_env_declared):
        return None
    why = f"The app posted no error report to the collector in {facts.report_env}"
    why += "." if facts.sdk else ", and its interpreter has no sentry_sdk."
    return not_applicable(why, f"audit.error_report_env, or {facts.report_env} in [target.env]")


def _reported(facts: Monitoring) -> Told:
    if (absent := _no_reporting(facts)) is not None:
        return absent
    defects = _defects(facts)
    types = sorted({name for each in facts.reports for name in each.exceptions})
    evidence: dict[str, object] = {"defects": len(defects), "reports": len(facts.reports), "exceptions": types}
    if not defects:
        return inconclusive("No unhandled exception could be provoked, so none was to be reported.", "", **evidence)
    if facts.unreadable:
        return inconclusive("What was posted is packed in a way that we cannot read.", "", **evidence)
    if missing := [each for each in defects if not each.reports]:
        why = f"{len(missing)} of {len(defects)} unhandled exceptions were not reported within 10 s."
        return failed(why, "Let the SDK see each unhandled exception (its FastAPI or logging integration).", **evidence)
    if twice := [each for each in defects if each.reports > 1]:
        why = f"{twice[0].line}: one unhandled exception made {twice[0].reports} reports."
        return failed(why, "Let one integration alone report, or let them share the exception.", **evidence)
    if not types:
        return failed("The reports name no exception.", "Report with the exception (exc_info).", **evidence)
    return passed(f"Each unhandled exception was reported once ({len(defects)}: {', '.join(types)}).", **evidence)


def _scrubbed(facts: Monitoring) -> Told:
    if (absent := _no_reporting(facts)) is not None:
        return absent
    if facts.leaked:
        why = f"Error reports hold {', '.join(facts.leaked)}."
        advice = "Set send_default_pii=False, include_local_variables=False, max_request_body_size='never', and scrub"
        return failed(why, f"{advice} headers, cookies and query in before_send.", leaked=list(facts.leaked))
    if facts.unreadable:
        return inconclusive(f"{facts.unreadable} of {facts.posted} posts are packed in a way that we cannot read.")
    if not facts.reports:
        return inconclusive("No error report came, so none could be searched.")
    places = ", ".join(facts.canaries)
    return passed(f"{len(facts.reports)} error reports hold no secret and no canary ({places}).", posted=facts.posted)


def _tagged(facts: Monitoring) -> Told:
    if (absent := _no_reporting(facts)) is not None:
        return absent
    if not facts.reports:
        return inconclusive("No error report came.")
    for name in ("environment", "release"):
        missing = sum(1 for each in facts.reports if not getattr(each, name))
        if missing:
            why = f"{missing} of {len(facts.reports)} error reports have no {name}."
            return failed(why, f"Set {name} where the SDK is initialised.", missing=missing)
    first = facts.reports[0]
    why = f"Reports are tagged: environment {first.environment}, release {first.release}."
    return passed(why, environment=first.environment, release=first.release)


def _not_told(facts: Monitoring) -> Told:
    answers = [each for each in facts.provoked if each.status >= 500]
    if not answers:
        return inconclusive("No request was answered with a 5xx, so no body of an error was seen.")
    telling = [each for each in answers if each.told]
    if telling:
        first = telling[0]
        why = f"{first.line}: the body of the {first.status} tells {', '.join(first.told)}."
        return failed(why, "Answer unhandled exceptions with a fixed text; debug=False.", excerpt=first.excerpt)
    return passed(f"{len(answers)} bodies of errors tell no SQL, traceback or path.", answers=len(answers))


def _metrics(facts: Monitoring) -> Told:
    seen = facts.metrics
    if not seen.path:
        return not_applicable("No page of metrics was found at /metrics.", "audit.metrics")
    name = _counter(seen)
    if not name:
        return inconclusive(f"{seen.path} has no counter of requests (…request…_total or _count).")
    rounds = [[sums.get(name, 0.0) for sums in each.sums] for each in (*seen.before, *seen.after)]
    if not seen.asked or any(not each for each in rounds):
        return inconclusive(f"{seen.path} was not answered each time.")
    evidence: dict[str, object] = {"counter": name, "asked": seen.asked, "scrapes": rounds, "workers": facts.workers}
    for earlier, later in pairwise(rounds):
        if min(later) < max(earlier):
            why = f"{name} went back from {max(earlier):g} to {min(later):g}: another worker answered the scrape."
            return failed(why, _MULTI, **evidence)
    first, last = rounds[len(seen.before) - 1], rounds[len(seen.before)]
    grown = min(last) - max(first)
    scrapes = sum(len(each) for each in rounds)
    if grown < seen.asked:
        return failed(f"{name} grew by {grown:g} over {seen.asked} requests.", _MULTI, **evidence)
    if grown > seen.asked + scrapes + _SLACK:
        why = f"{name} grew by {grown:g} over {seen.asked} requests: they are counted more than once."
        return failed(why, "Count each request in one place.", **evidence)
    why = f"{name} grew by {grown:g} over {seen.asked} requests, and no scrape of {scrapes} went back."
    return passed(why, **evidence)


_MULTI = "Use prometheus_client's multiprocess mode, or another store that all workers share."


def _counter(seen: MetricsSeen) -> str:
    """The counter of requests that moved most; of two, the one that is named as a total."""
    pages = [sums for each in (*seen.before, *seen.after) for sums in each.sums]
    names = sorted({name for page in pages for name in page})

    def moved(name: str) -> tuple[float, bool]:
        values = [page.get(name, 0.0) for page in pages]
        return max(values) - min(values), name.endswith("_total")

    return max(names, key=moved, default="")


def _alerting(facts: Monitoring) -> Told:
    return vouched("alerting", facts.alerting, "Nobody said who is called when something is wrong.")


CHECKS: tuple[Check[Monitoring], ...] = (
    Check("exception-logged", "Is an unhandled exception logged as an error?", _logged, essential=True),
    Check("exception-reported", "Is an unhandled exception reported, once?", _reported, essential=True),
    Check("report-scrubbed", "Are error reports free of secrets?", _scrubbed),
    Check("report-tagged", "Do error reports say environment and release?", _tagged),
    Check("errors-not-told", "Do answers keep the inside to themselves?", _not_told),
    Check("metrics-right", "Do the metrics count what was asked, whichever worker answers?", _metrics),
    Check("alerting", "Is somebody called?", _alerting),
)
