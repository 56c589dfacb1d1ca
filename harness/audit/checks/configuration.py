"""Configured by the environment, validated at start, and no secret where others read.

A service that starts without what it needs fails later, at the first request that needs it, and its deployment has
long been called a success. A start that ends at once, with the variable's name in its last words, stops a rollout.
"""

from __future__ import annotations

from harness.audit.check import Check, Told, failed, inconclusive, not_applicable, passed
from harness.audit.facts.configuration import Configuration, Hit, Start

_DECLARE = "audit.required_env"
_VALIDATE = (
    "Read all settings once, at import (pydantic-settings does), and let the error end the process: no default for what"
    " the service cannot do without."
)


def _required(facts: Configuration) -> Told:
    tried = [start for start in facts.starts if start.kind == "missing"]
    needed = [start for start in tried if facts.declared or start.ended != "up" or start.failing]
    if not tried:
        return not_applicable("No variable is known that the app cannot do without.", _DECLARE)
    if not needed:
        names = ", ".join(start.variable for start in tried)
        return not_applicable(f"Without {names} all that is declared is answered as before.", _DECLARE)
    evidence: dict[str, object] = {"starts": [_shown(start) for start in tried]}
    spared = [start.variable for start in tried if start not in needed]
    if spared:
        evidence["not_needed"] = spared
    for wrong in (_came_up, _went_on, _said_nothing):
        told = wrong(needed, facts.limit_s)
        if told:
            return failed(told, _VALIDATE, **evidence)
    slowest = max(start.took_s for start in needed)
    names = ", ".join(start.variable for start in needed)
    return passed(
        f"Without {names} the start ended within {slowest:.1f} s (limit {facts.limit_s:g} s) and named the variable.",
        **evidence,
    )


def _came_up(starts: list[Start], limit_s: float) -> str:
    wrong = [start for start in starts if start.ended == "up"]
    if not wrong:
        return ""
    first = wrong[0]
    then = f", and then does not answer {', '.join(first.failing[:3])} as it should" if first.failing else ""
    return f"The service comes up without {first.variable}{then}{_others(wrong)}."


def _went_on(starts: list[Start], limit_s: float) -> str:
    wrong = [start for start in starts if start.ended == "running"]
    if not wrong:
        return ""
    return (
        f"Without {wrong[0].variable} the start had not ended after {limit_s:g} s, twice, and nothing answers"
        f"{_others(wrong)}: a supervisor that goes on starting workers hides the reason."
    )


def _said_nothing(starts: list[Start], limit_s: float) -> str:
    wrong = [start for start in starts if not start.named]
    if not wrong:
        return ""
    return f"The start without {wrong[0].variable} ends, and its output does not name the variable{_others(wrong)}."


def _others(wrong: list[Start]) -> str:
    return f" (and {len(wrong) - 1} more variables)" if len(wrong) > 1 else ""


def _values(facts: Configuration) -> Told:
    if not facts.starts:
        return not_applicable("No start with a wrong environment was tried: no variable is known.", _DECLARE)
    telling = [start for start in facts.starts if start.told]
    if telling:
        first = telling[0]
        how = "without" if first.kind == "missing" else "with a malformed"
        return failed(
            f"The output of the start {how} {first.variable} shows {', '.join(first.told)}.",
            "Name the variable and what is wrong with it, never its value: hide_input_in_errors=True with pydantic.",
            starts=[_shown(start) for start in telling],
        )
    malformed = sum(start.kind == "malformed" for start in facts.starts)
    return passed(
        f"No secret stands in the output of {len(facts.starts)} starts with a wrong environment"
        f" ({malformed} with a malformed URL).",
        starts=[_shown(start) for start in facts.starts],
    )


def _tree(facts: Configuration) -> Told:
    tree = facts.tree
    if not tree.files:
        return inconclusive("No file of the app's folder could be read.")
    hits = [hit for hit in tree.hits if not hit.aside]
    aside = [hit for hit in tree.hits if hit.aside]
    evidence = {"files": tree.files, "kilobytes": tree.kilobytes, "tracked_by_git": tree.tracked}
    if hits:
        return failed(
            f"{len(hits)} secrets lie in the app's folder: {hits[0].kind} in {_where(hits[0])}.",
            "Take it out, hand it in by the environment, and make a new one: what was committed stays in the history.",
            **evidence,
            hits=[_told(hit) for hit in hits[:20]],
        )
    if tree.cut:
        return inconclusive(f"The folder holds more than the {tree.files} files that were read.", "", **evidence)
    beside = f"; {len(aside)} finds in tests, documentation or examples are only told" if aside else ""
    return passed(
        f"No secret was found in {tree.files} {'tracked ' if tree.tracked else ''}files{beside}.",
        **evidence,
        aside=[_told(hit) for hit in aside[:20]],
    )


def _debug(facts: Configuration) -> Told:
    answered = [answer for answer in facts.answers if answer.status >= 0]
    if not answered:
        return inconclusive("No request that cannot be served was answered.")
    telling = [answer for answer in answered if answer.shows]
    statuses = {answer.asked: answer.status for answer in answered}
    if telling:
        first = telling[0]
        return failed(
            f"The answer to {first.asked} ({first.status}) shows {', '.join(first.shows)}.",
            "Set debug=False, and answer failures with a text that tells nothing of the inside.",
            answers=[{"asked": a.asked, "status": a.status, "shows": list(a.shows)} for a in telling],
        )
    failures = sum(status >= 500 for status in statuses.values())
    inside = f"{failures} of them failures of the server" if failures else "none of them a failure of the server"
    return passed(
        f"{len(answered)} error answers, {inside}, show no traceback, no path, no environment.", answers=statuses
    )


def _where(hit: Hit) -> str:
    return f"{hit.path}:{hit.line}" if hit.line else hit.path


def _told(hit: Hit) -> dict[str, str]:
    return {"where": _where(hit), "kind": hit.kind}


def _shown(start: Start) -> dict[str, object]:
    shown: dict[str, object] = {"variable": start.variable, "kind": start.kind, "ended": start.ended}
    shown |= {"took_s": start.took_s, "exit_code": start.exit_code, "said": start.line}
    shown |= {"failing": list(start.failing)} if start.failing else {}
    return shown | ({"told": list(start.told)} if start.told else {})


CHECKS: tuple[Check[Configuration], ...] = (
    Check("required-refused", "Does the start end when a required variable is missing?", _required, essential=True),
    Check("values-not-told", "Does a failed start keep the values to itself?", _values),
    Check("no-secrets-in-tree", "Is no secret in the app's folder?", _tree, essential=True),
    Check("debug-off", "Do error answers show nothing of the inside?", _debug),
)
