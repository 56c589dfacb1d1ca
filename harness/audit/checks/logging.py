"""Structured lines on stdout at the right level, tied together by a request id, without a secret."""

from __future__ import annotations

from harness.audit.check import Check, Told, failed, inconclusive, not_applicable, passed
from harness.audit.facts.logging import Logging, Traced

LEAST_LINES = 10
SHARE = 0.95  # a server's own word before its logging is set up may be plain
_ID = (
    "Take X-Request-ID from the request or make one, in a middleware around everything; put it into each log line"
    " and into the answer."
)


def _structured(facts: Logging) -> Told:
    shape = facts.shape
    n = shape.lines
    if n < LEAST_LINES:
        return inconclusive(f"{n} lines were written, and fewer than {LEAST_LINES} say little.", lines=n)
    if shape.structured < SHARE * n:
        return failed(
            f"{n - shape.structured} of {n} lines are neither JSON nor logfmt. The first: {shape.first_text}",
            "Write each line as one JSON object, with one formatter for the app and its server (Gunicorn's"
            " logconfig_dict, Uvicorn's --log-config).",
            lines=n,
            structured=shape.structured,
            first=shape.first_text,
        )
    if shape.alike < SHARE * n:
        named = f" ({', '.join(shape.keys)})" if shape.keys else ""
        return failed(
            f"{n - shape.alike} of {n} lines lack the same keys for time, level and message{named}. The first:"
            f" {shape.first_unlike}",
            "Give every line the same keys: time, level, message.",
            lines=n,
            alike=shape.alike,
            first=shape.first_unlike,
        )
    return passed(
        f"{shape.alike} of {n} lines are structured, with the keys {', '.join(shape.keys)}.",
        lines=n,
        structured=shape.structured,
        keys=list(shape.keys),
    )


def _to_stdout(facts: Logging) -> Told:
    if facts.files:
        worst = facts.files[0]
        return failed(
            f"{worst.process} holds {worst.path} open for appending: its lines are not (only) on stdout.",
            "Log to stdout and stderr; the platform collects, rotates and ships.",
            files=[f"{item.path} ({item.process})" for item in facts.files[:10]],
        )
    if facts.shape.lines < 1:
        return inconclusive("Nothing was written to stdout or stderr.")
    return passed(f"{facts.shape.lines} lines on stdout and stderr, and no log file is open.", lines=facts.shape.lines)


def _level(facts: Logging) -> Told:
    levels = facts.levels
    if levels.debug:
        return failed(
            f"{levels.debug} lines are below INFO. The first: {levels.first_debug}",
            "Set the level to INFO in production, the libraries' loggers included.",
            debug=levels.debug,
            first=levels.first_debug,
        )
    if not levels.known:
        return inconclusive("No line says its level.")
    return passed(f"None of {levels.known} lines is below INFO.", lines=levels.known)


def _request_id(facts: Logging) -> Told:
    answered = [item for item in facts.traced if item.status >= 0]
    if not any(item.sent for item in answered) or all(item.sent for item in answered):
        return inconclusive("Too few requests were answered to look for their ids.")
    wrong = [(item, what) for item in answered if (what := _lack(item))]
    shown = [f"{item.request}: {what}" for item, what in wrong]
    if wrong:
        return failed(f"{len(wrong)} of {len(answered)} requests cannot be traced: {shown[0]}.", _ID, wrong=shown[:10])
    headers = sorted({item.header for item in answered})
    return passed(
        f"An id that is sent, and one that is made where none is, comes back in {', '.join(headers)} and stands in the"
        f" log ({len(answered)} requests).",
        headers=headers,
        requests=len(answered),
    )


def _lack(item: Traced) -> str:
    if not item.header:
        return "the id that was sent does not come back" if item.sent else "no id is made where none is sent"
    return "" if item.logged else f"the id in {item.header} stands in no log line"


def _passed_on(facts: Logging) -> Told:
    if not facts.passed_on:
        return not_applicable(
            "No request is known to need an HTTP part.", "a part of kind http, and needs of [[load.requests]]"
        )
    reached = [item for item in facts.passed_on if item.reached]
    if not reached:
        asked = sum(item.asked for item in facts.passed_on)
        return inconclusive(f"{asked} requests that are said to need an HTTP part did not reach it.")
    without = [item for item in reached if not item.with_id]
    counts = {item.part: f"{item.with_id} of {item.reached}" for item in reached}
    if without:
        return failed(
            f"{without[0].part} got {without[0].reached} requests, and none of them with the id that we had sent.",
            "Send the request's id on, as X-Request-ID, with each call to another service.",
            with_id=counts,
        )
    return passed(f"{', '.join(counts)} got the id that we had sent.", with_id=counts)


def _no_secrets(facts: Logging) -> Told:
    if facts.leaks:
        worst = facts.leaks[0]
        names = sorted({leak.secret for leak in facts.leaks})
        return failed(
            f"The {worst.secret} stands in a log line: {worst.line}",
            "Log no query, header or body; redact by name what must be logged, tracebacks and the server's access log"
            " included.",
            secrets=names,
            lines=[leak.line for leak in facts.leaks[:5]],
        )
    if not facts.answers or not facts.searched_lines:
        return inconclusive(
            f"{facts.answers} of {facts.requests} requests with secrets were answered, and {facts.searched_lines} lines"
            " written: too little to look into."
        )
    return passed(
        f"None of {len(facts.searched_for)} secrets stands in {facts.searched_lines} lines, after {facts.answers}"
        " requests that carried some.",
        searched_for=list(facts.searched_for),
    )


CHECKS: tuple[Check[Logging], ...] = (
    Check("structured", "Is each line structured, with the same keys?", _structured, essential=True),
    Check("to-stdout", "Does it log to stdout and to no file?", _to_stdout, essential=True),
    Check("level-right", "Is nothing logged below INFO?", _level),
    Check("request-id", "Can a request be found in the log by its id?", _request_id, essential=True),
    Check("request-id-passed-on", "Do other services get the request's id?", _passed_on),
    Check("no-secrets", "Is the log free of secrets?", _no_secrets, essential=True),
)
