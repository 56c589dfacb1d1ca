"""Liveness answers at once whatever happens to others; readiness tells of what is needed, in time, and always answers.

Limits are those of the target file: `ready_down_s`, `recover_s` and the probe's own period and timeout.
"""

from __future__ import annotations

from statistics import median

from harness.audit.check import Check, Told, failed, inconclusive, not_applicable, passed, vouched
from harness.audit.facts.health import Health, Outage, Trouble

LIVE_MS = 100.0
SLACK_S = 0.5
_NEEDS = "target.ready_needs: the parts without which the app must not get traffic"


def _liveness(facts: Health) -> Told:
    if not facts.live_ms:
        return inconclusive("Liveness was not asked.")
    bad = [status for status in facts.live_statuses if not 200 <= status <= 399]
    times = [each for each in facts.live_ms if each >= 0]
    evidence: dict[str, object] = {"n": len(facts.live_ms), "bad": len(bad)}
    if bad:
        what = f"status {bad[0]}" if bad[0] > 0 else "no answer"
        why = f"{len(bad)} of {len(facts.live_ms)} liveness probes failed in peace ({facts.live}: {what})."
        return failed(why, f"Answer 200 on {facts.live} without asking anything.", **evidence)
    typical = round(median(times), 1)
    evidence |= {"median_ms": typical, "slowest_ms": max(times)}
    if typical >= LIVE_MS:
        why = f"Liveness takes {typical:g} ms in peace (median of {len(times)}; limit {LIVE_MS:g} ms)."
        return failed(why, "Let the liveness endpoint do no I/O.", **evidence)
    for outage in facts.outages:
        if outage.live_bad or outage.live_silent > 1:
            return _liveness_fell(facts, outage, evidence)
    asked = sum(outage.live_asked for outage in facts.outages)
    silent = sum(outage.live_silent for outage in facts.outages)
    evidence |= {"asked_in_outages": asked, "silent_in_outages": silent}
    if silent:
        return inconclusive(f"{silent} of {asked} liveness probes in an outage had no answer, twice.", "", **evidence)
    beside = f", and all {asked} in outages of {_names(facts)} were answered" if asked else ""
    return passed(f"Liveness takes {typical:g} ms (median of {len(times)}){beside}.", **evidence)


def _liveness_fell(facts: Health, outage: Outage, evidence: dict[str, object]) -> Told:
    count = outage.live_bad + outage.live_silent
    why = (
        f"{count} of {outage.live_asked} liveness probes failed while {outage.part} was away ({outage.trouble}):"
        " an orchestrator would restart every replica."
    )
    return failed(why, f"Let {facts.live} ask no part; readiness does that.", **evidence, bad_in_outage=count)


def _names(facts: Health) -> str:
    return ", ".join(sorted({outage.part for outage in facts.outages}))


def _of(facts: Health, trouble: Trouble) -> list[Outage]:
    return [outage for outage in facts.outages if outage.trouble == trouble]


def _missed(outage: Outage) -> Told | None:
    """A reason why an outage that readiness did not tell of may never have reached the app."""
    if outage.direct > 0:
        why = (
            f"The app reaches {outage.part} around the proxy ({outage.direct} direct connections), so it met no outage."
        )
        return inconclusive(why, "Take its address from {…} in [target.env].")
    if outage.via_proxy == 0:
        why = f"The app was not seen to use {outage.part}, so it may have met no outage."
        return inconclusive(
            why, f"Declare a line of [[load.requests]] that needs {outage.part}, or take it out of {_NEEDS}."
        )
    return None


def _flips(facts: Health) -> Told:
    outages = _of(facts, "refuse")
    if not outages:
        return not_applicable("Readiness is said to need no part.", _NEEDS)
    back_limit_s = facts.recover_s + facts.ready_period_s
    evidence = _evidence(outages)
    for outage in outages:
        down_s, back_s = outage.down_after_s, outage.back_after_s
        if not outage.rounds:
            return inconclusive(f"Readiness was not asked while {outage.part} refused.", "", **evidence)
        if down_s is None or down_s > facts.ready_down_s:
            if doubt := _missed(outage):
                return doubt
            turned = "went on saying yes" if down_s is None else f"said no after {down_s:.1f} s"
            why = f"{outage.part} refused connections and {facts.ready} {turned} (limit {facts.ready_down_s:g} s)."
            return failed(why, f"Let {facts.ready} ask {outage.part}, at least each second.", **evidence)
        if back_s is None or back_s > back_limit_s:
            said = "was not back" if back_s is None else f"was back after {back_s:.1f} s"
            why = f"After the outage of {outage.part}, {facts.ready} {said} (limit {back_limit_s:g} s)."
            return failed(why, "Reconnect by itself: no worker may need a restart to be ready again.", **evidence)
    told = "; ".join(f"{o.part}: no after {o.down_after_s:.1f} s, yes after {o.back_after_s:.1f} s" for o in outages)
    return passed(f"Readiness tells of an outage and of its end ({told}).", **evidence)


def _bounded(facts: Health) -> Told:
    outages = _of(facts, "blackhole")
    if not outages:
        return not_applicable("Readiness is said to need no part.", _NEEDS)
    limit_s, evidence = facts.ready_timeout_s + SLACK_S, _evidence(outages)
    for outage in outages:
        if not outage.rounds:
            return inconclusive(f"Readiness was not asked while {outage.part} was silent.", "", **evidence)
        silent = sum(each.unanswered for each in outage.rounds)
        asked = sum(each.yes + each.no for each in outage.rounds)
        if silent:
            why = f"{outage.part} was silent, and {silent} of {asked} readiness probes had no answer in {limit_s:g} s."
            return failed(why, "Bound the look at the part, beside the pool, below the probe's timeout.", **evidence)
        if outage.down_after_s is None:
            if doubt := _missed(outage):
                return doubt
            lasted_s = outage.rounds[-1].at_s
            why = f"{outage.part} was silent for {lasted_s:.1f} s, and {facts.ready} went on saying yes."
            return failed(why, f"Let {facts.ready} ask {outage.part} under a short timeout.", **evidence)
    slowest = max(outage.slowest_ms for outage in outages)
    why = (
        f"While a needed part was silent each readiness probe was answered (the slowest in {slowest:.0f} ms), then no."
    )
    return passed(why, **evidence)


def _apart(facts: Health) -> Told:
    outages = _of(facts, "hang")
    if not outages:
        return not_applicable("There is no HTTP part that readiness does without.", "parts.NAME of kind http")
    evidence = _evidence(outages)
    for outage in outages:
        if outage.doubted > 1:
            why = f"{outage.part} did not answer, and {facts.ready} said no, although ready_needs does without it."
            advice = f"Leave {outage.part} out of readiness, or name it in target.ready_needs."
            return failed(why, advice, **evidence)
        if len(outage.rounds) < 2:
            return inconclusive(f"Readiness was hardly asked while {outage.part} did not answer.", "", **evidence)
        if wavered := sum(1 for each in outage.rounds if each.no):
            why = f"While {outage.part} did not answer readiness wavered {wavered} times, and said yes all the same."
            return inconclusive(why, "", **evidence)
    return passed(f"Readiness stayed yes while {', '.join(o.part for o in outages)} did not answer.", **evidence)


def _short(facts: Health) -> Told:
    """Told, so that a silent part can be compared with one that refuses: the difference is the timeout of the look."""
    outages = _of(facts, "blackhole")
    if not outages:
        return not_applicable("Readiness is said to need no part.", _NEEDS)
    evidence = _evidence([*_of(facts, "refuse"), *outages])
    times = [outage.down_after_s for outage in outages]
    turned = [each for each in times if each is not None]
    if len(turned) < len(times):
        return inconclusive("Readiness did not turn while a needed part was silent.", "", **evidence)
    if max(turned) > facts.ready_down_s:
        why = f"With a silent part readiness says no after {max(turned):.1f} s (limit {facts.ready_down_s:g} s)."
        return failed(why, "Shorten the timeout and the interval of the look at the part.", **evidence)
    refused = [each for outage in _of(facts, "refuse") if (each := outage.down_after_s) is not None]
    beside = f", with one that refuses after {max(refused):.1f} s" if refused else ""
    return passed(f"With a silent part readiness says no after {max(turned):.1f} s{beside}.", **evidence)


def _evidence(outages: list[Outage]) -> dict[str, object]:
    return {
        f"{outage.part}.{outage.trouble}": {
            "probes": sum(each.yes + each.no for each in outage.rounds),
            "unanswered": sum(each.unanswered for each in outage.rounds),
            "down_after_s": outage.down_after_s,
            "back_after_s": outage.back_after_s,
            "slowest_ms": outage.slowest_ms,
        }
        for outage in outages
    }


def _orchestration(facts: Health) -> Told:
    return vouched("orchestration", facts.orchestration, "Nobody said which probes the orchestrator uses.")


CHECKS: tuple[Check[Health], ...] = (
    Check("liveness-at-once", "Does liveness answer at once, whatever happens to others?", _liveness, essential=True),
    Check("readiness-flips", "Does readiness tell of an outage and of its end?", _flips, essential=True),
    Check("readiness-bounded", "Is readiness answered while a part is silent?", _bounded, essential=True),
    Check("readiness-without-dependency", "Is a part that readiness does without left out?", _apart),
    Check("short-timeouts", "Is the look at a part under a short timeout?", _short),
    Check("orchestration", "Does an orchestrator use the probes?", _orchestration),
)
