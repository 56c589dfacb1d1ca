"""Readiness says the truth: down when the service cannot serve, up when it can. On every worker.

A static readiness, or one that asks a cached connection, sends users to a service without its database; one that falls
with a part that is not needed, or with one worker of several, takes away what still works. One worker that is wrong is
enough, so each is asked over its own connection too.

"Down" is measured at the first failed probe with no good one after it until the lift, as an orchestrator knows it: at
the answer, or when its patience ends. The default of 4 s is a probe each second, a verdict from a probe of a second
with a second of patience, and two in a row of them. "Up" is broken by one bad probe. Left out where one worker is hurt:
what was in its hands, workers that replace it (they may be unready while they start: `recovers` looks at them), and a
lone bad probe, which may have met such a worker. Through a reload workers go on purpose, and each may say so: those
that go are left out, and on fresh connections it takes `failure_threshold` bad probes in a row, as an orchestrator
counts.

Finds F12 (boot needs the database), F28 (silence through a reload), F39 (readiness falls with a busy pool) and F53
(idle connections fill the limit).
"""

from dataclasses import dataclass

from harness.model.observation import ProbeAnswered
from harness.model.record import Span, TrialRecord
from harness.model.target import Limits, ProbeSpec
from harness.model.verdict import Verdict

from .check import FAULT_PROVEN, MACHINE_FIT, STARTS, Check, failed, inconclusive, passed
from .facts.machine import excused, for_the_rig, unfit_spans, unless_unfit
from .facts.probes import Stream, fresh, known_ns, pids_at, pids_before, pinned, says, was_on_hurt_worker
from .facts.recovery import bite
from .facts.settings import ended_by_itself
from .facts.troubles import first_bite_ns, hurts, is_harmless, served_until_ns, service_span, troubles

NAME = "readiness-flips"
_MIN_PROBES = 5


def applies(record: TrialRecord) -> str | None:
    if record.trial.scenario.ready == "any":
        return "the scenario leaves open what readiness should say"
    return None


def judge(record: TrialRecord, limits: Limits) -> Verdict:
    return _judge_down(record, limits) if record.trial.scenario.ready == "down" else _judge_up(record, limits)


@dataclass(frozen=True, slots=True)
class Flip:
    """How one way in took the fault: `down_ns` when it was known to be down, `last_good` what it said until then."""

    stream: Stream
    down_ns: int | None
    last_good: ProbeAnswered | None


def _judge_down(record: TrialRecord, limits: Limits) -> Verdict:
    spec = record.trial.ready_probe
    window = _fault_window(record)
    if window is None:
        return inconclusive(NAME, "No fault was applied that readiness should have told.")
    if window.length_s <= limits.ready_down_s + spec.period_s:
        why = f"The fault lasted {window.length_s:.1f} s, too short for a limit of {limits.ready_down_s:g} s."
        return inconclusive(NAME, why)
    heard_until = window.start_ns + int(limits.ready_down_s * 1e9)
    asked = fresh(record, "ready", window)
    if not any(seen.sent_ns >= heard_until for seen in asked.probes):
        return inconclusive(NAME, f"No readiness probe was sent later than {limits.ready_down_s:g} s into the fault.")
    workers = [s for s in pinned(record, "ready", window) if any(p.sent_ns >= heard_until for p in s.probes)]
    flips = [_flip(stream, spec, window) for stream in (asked, *workers)]
    evidence: dict[str, object] = {
        "down_after_s": {flip.stream.name: _after_s(flip, window) for flip in flips},
        "orchestrator_after_s": _decision_s(asked, spec, window),
        "probes": sum(len(flip.stream.probes) for flip in flips),
    }
    wrong = [flip for flip in flips if flip.down_ns is None or flip.down_ns > heard_until]
    numbers = f"limit {limits.ready_down_s:g} s, {evidence['probes']} probes, {len(workers)} workers asked alone"
    if not wrong:
        slowest = max((flip.down_ns or 0) - window.start_ns for flip in flips) / 1e9
        why = f"Readiness said no {slowest:.1f} s after the fault at the latest ({numbers})."
        return passed(NAME, why, evidence=evidence, limits={"ready_down_s": limits.ready_down_s})
    names = ", ".join(_tell(flip, window) for flip in wrong)
    verdict = failed(
        NAME,
        f"Readiness stayed up although the service could not serve: {names} ({numbers}).",
        evidence=evidence,
        advice=f"Let {record.trial.ready} tell a cached verdict of a probe that runs each second, with a timeout of a"
        " second.",
        limits={"ready_down_s": limits.ready_down_s},
    )
    shown = [flip.last_good for flip in wrong if flip.last_good]
    return unless_unfit(record, limits, verdict, [Span(seen.sent_ns, seen.done_ns) for seen in shown])


def _fault_window(record: TrialRecord) -> Span | None:
    """While it was surely broken: from the first fault in force to the first lift."""
    found = [trouble for trouble in troubles(record) if not trouble.has("final")]
    if not found:
        return None
    start = min(trouble.applied.done_ns for trouble in found)
    hurt = bite(record)
    lifts = [trouble.lifted.sent_ns for trouble in found if trouble.lifted]
    end = min(lifts, default=hurt.end_ns if hurt else start)
    return Span(start, max(start, min(end, served_until_ns(record))))


def _flip(stream: Stream, spec: ProbeSpec, window: Span) -> Flip:
    down_ns: int | None = None
    last_good: ProbeAnswered | None = None
    for seen in stream.probes:
        said = says(seen, spec)
        if said and seen.done_ns <= window.end_ns:
            down_ns, last_good = None, seen
        elif said is False and down_ns is None:
            down_ns = known_ns(seen, spec)
    return Flip(stream, down_ns, last_good)


def _after_s(flip: Flip, window: Span) -> float | None:
    return None if flip.down_ns is None else (flip.down_ns - window.start_ns) / 1e9


def _tell(flip: Flip, window: Span) -> str:
    after_s = _after_s(flip, window)
    if after_s is not None:
        return f"{flip.stream.name} after {after_s:.1f} s"
    if flip.last_good is None:
        return f"{flip.stream.name} never said no"
    last_s = (flip.last_good.done_ns - window.start_ns) / 1e9
    return f"{flip.stream.name} still said yes after {last_s:.1f} s"


def _decision_s(stream: Stream, spec: ProbeSpec, window: Span) -> float | None:
    """When an orchestrator would have taken it out of service: after `failure_threshold` failed probes in a row."""
    run = 0
    for seen in stream.probes:
        said = says(seen, spec)
        if said is not None:
            run = 0 if said else run + 1
        if run >= spec.failure_threshold:
            return (known_ns(seen, spec) - window.start_ns) / 1e9
    return None


def _judge_up(record: TrialRecord, limits: Limits) -> Verdict:
    service, baseline = service_span(record), record.phase("baseline")
    if service is None or baseline is None:
        return inconclusive(NAME, "The record has no baseline, so readiness was not watched.")
    span = Span(baseline.start_ns, max(baseline.start_ns, service.end_ns))
    asked = fresh(record, "ready", span)
    if len(asked.probes) < _MIN_PROBES:
        return inconclusive(NAME, f"Only {len(asked.probes)} readiness probes were sent; {_MIN_PROBES} are needed.")
    hurt = bite(record)
    if hurt and not hurts(record.trial, "server") and not _met(asked, hurt):
        return inconclusive(NAME, f"None of {len(asked.probes)} readiness probes fell into the fault.")
    streams = [asked, *_old_workers(record, span)]
    count = sum(len(stream.probes) for stream in streams)
    down = [(stream, seen) for stream in streams for seen in _wrong(record, limits, stream)]
    evidence: dict[str, object] = {
        "probes": count,
        "down": len(down),
        "orchestrator_after_s": _decision_s(asked, record.trial.ready_probe, span),
    }
    if not down:
        return passed(NAME, f"Readiness stayed up: none of {count} probes said no (limit 0).", evidence=evidence)
    stream, first = down[0]
    evidence |= {"first_s": first.sent_ns / 1e9, "on": stream.name, "outcome": first.outcome, "status": first.status}
    verdict = failed(
        NAME,
        f"Readiness said no where it must stay up: {len(down)} of {count} probes (limit 0), the first at"
        f" {first.sent_ns / 1e9:.1f} s on {stream.name} ({_said(first)}).",
        evidence=evidence,
        advice=ended_by_itself(record) or _stay_up(record),
    )
    unfit = unfit_spans(record, limits)
    if all(excused(unfit, seen.sent_ns, seen.done_ns) for _, seen in down):
        return for_the_rig(record, limits, verdict, Span(first.sent_ns, first.done_ns))
    return verdict


def _stay_up(record: TrialRecord) -> str:
    period_s, timeout_s = record.trial.ready_probe.period_s, record.trial.ready_probe.timeout_s
    return (
        f"Let {record.trial.ready} fall only with what all requests need, after two failures in a row. A task asks each"
        f" {period_s:g} s, for at most {timeout_s:g} s (asyncio.wait, as the probe itself waits), over a connection of"
        " its own: a pool that is merely busy is no reason to send nobody any more."
    )


def _met(stream: Stream, hurt: Span) -> bool:
    """A fault that is over at once, as a kill, is met by the next probe."""
    return any(seen.done_ns >= hurt.start_ns for seen in stream.probes)


def _old_workers(record: TrialRecord, span: Span) -> list[Stream]:
    """Each worker that was there before a worker was hurt; all of them where none was."""
    found = [trouble for trouble in troubles(record) if trouble.what == "worker"]
    streams = list(pinned(record, "ready", span))
    if is_harmless(record.trial):
        stayed = pids_before(record, first) if (first := first_bite_ns(record)) is not None else frozenset()
        return [stream for stream in streams if stream.pid in stayed & set(pids_at(record, span.end_ns))]
    if not found:
        return streams
    old = pids_before(record, min(trouble.applied.sent_ns for trouble in found))
    return [stream for stream in streams if stream.pid in old]


def _wrong(record: TrialRecord, limits: Limits, stream: Stream) -> list[ProbeAnswered]:
    spec, found = record.trial.ready_probe, troubles(record)
    kept = [seen for seen in stream.probes if not was_on_hurt_worker(seen, found) and says(seen, spec) is not None]
    kept = [seen for seen in kept if not _at_a_lift(record, seen)]
    down = [index for index, seen in enumerate(kept) if says(seen, spec) is False]
    hurt = bite(record)
    if hurt and stream.pid < 0 and hurts(record.trial, "worker"):
        until = hurt.end_ns + int(limits.recover_s * 1e9)
        near = [i for i in down if hurt.start_ns <= kept[i].sent_ns < until]
        lone = {i for i in near if i - 1 not in down and i + 1 not in down}
        down = [i for i in down if i not in lone]
    if stream.pid < 0 and is_harmless(record.trial):
        down = _in_a_row(down, spec.failure_threshold)
    return [kept[index] for index in down]


def _in_a_row(down: list[int], least: int) -> list[int]:
    """Those that belong to a run of at least so many, by the places in their stream."""
    runs: list[list[int]] = []
    for index in down:
        if runs and runs[-1][-1] == index - 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    return [index for run in runs if len(run) >= least for index in run]


def _at_a_lift(record: TrialRecord, seen: ProbeAnswered) -> bool:
    """Was it open while a link was made whole, or asked within a period after that?

    Making it whole cuts the link's connections (Toxiproxy would wedge otherwise), so a no at that moment is our doing;
    how soon it is over is for `recovers` to say.
    """
    after_ns = int(record.trial.ready_probe.period_s * 1e9)
    lifts = [t.lifted for t in troubles(record) if t.lifted and t.what in (*record.trial.part_kinds, "ingress")]
    return any(seen.done_ns >= lift.sent_ns and seen.sent_ns <= lift.done_ns + after_ns for lift in lifts)


def _said(probe: ProbeAnswered) -> str:
    if probe.outcome != "answered":
        return probe.outcome
    return f"status {probe.status} after {probe.took_s:.1f} s"


CHECK = Check(
    NAME,
    "Does readiness say the truth, on every worker?",
    judge,
    applies,
    (STARTS, MACHINE_FIT, FAULT_PROVEN),
    finds=("F12", "F28", "F39", "F53"),
)
