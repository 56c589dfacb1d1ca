"""What a server is known for, told apart from what the app does: what stays within those bounds passes with a note.

The same check judges once more, without what the limits account for. If it passes then, the server is why; else the
failure stands as it was. The bounds are tight, so that anything worse still fails. Where users pay for a limit, as for
a whole server that ends with one worker, the note says what helps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from harness.model.known_limit import KnownLimit
from harness.model.observation import BootEnded, Observation, OrphansScanned, ProbeAnswered, ServerStopped, WorkersSeen
from harness.model.record import Span, TrialRecord
from harness.model.rows import FAILED, in_group
from harness.model.samples import ends_ns
from harness.model.target import Limits
from harness.model.verdict import Verdict

from .check import Check
from .facts.troubles import Trouble, first_bite_ns, troubles

_SLACK_NS = 2_000_000_000
_OF_WHAT_FOLLOWS = ("recovers", "graceful-shutdown")
Pairs = Sequence[tuple[KnownLimit, Trouble]]


def unless_known(record: TrialRecord, limits: Limits, check: Check, verdict: Verdict) -> Verdict:
    """The verdict, or a pass that names the server where its known limits explain all that keeps it from passing.

    Also what was inconclusive because the machine was busy: what is left without the limits is then asked.
    """
    if verdict.verdict == "pass":
        return verdict
    pairs = [
        (known, trouble)
        for known in record.trial.known_limits
        for trouble in troubles(record)
        if check.name in known.checks and trouble.id == known.fault
    ]
    known = _cutting(record, verdict) or _ending(record, limits, check, pairs) or _sparing(record, limits, check, pairs)
    if not known:
        return verdict
    told = "; ".join(f"{each.says} ({each.versions}, {each.source})" for each in known)
    why = f"{verdict.why} It is a known limit of the server: {told}."
    advice = next((each.advice for each in known if each.advice), "")
    return replace(verdict, verdict="pass", why=why, attributed_to="server", advice=advice)


def _cutting(record: TrialRecord, verdict: Verdict) -> list[KnownLimit]:
    """Each trial ends with SIGTERM, whatever its faults are."""
    if verdict.verdict != "fail" or not _left_early(record):
        return []
    return [each for each in record.trial.known_limits if each.shows == "cut" and verdict.check in each.checks]


def _ending(record: TrialRecord, limits: Limits, check: Check, pairs: Pairs) -> list[KnownLimit]:
    """A server that has ended explains whatever came later; what was before any fault has to be well."""
    known = [known for known, trouble in pairs if known.shows == "end" and _ended(record, trouble)]
    if known and check.name not in _OF_WHAT_FOLLOWS and check.judge(_before(record), limits).verdict != "pass":
        return []
    return known


def _sparing(record: TrialRecord, limits: Limits, check: Check, pairs: Pairs) -> list[KnownLimit]:
    """Would the check pass without what the limits account for? Being away until the lift accounts for all of it."""
    known = [known for known, _ in pairs]
    if any(each.shows == "away" for each in known):
        away = all(trouble.lifted is not None and bool(trouble.lifted.evidence.get("ended")) for _, trouble in pairs)
        return known if away else []
    spared = record
    for each, trouble in pairs:
        spared = _without(spared, each, trouble)
    return known if spared is not record and check.judge(spared, limits).verdict == "pass" else []


def _ended(record: TrialRecord, trouble: Trouble) -> bool:
    """It ended unasked, and no worker was left soon after the fault."""
    if not any(seen.ended_by == "itself" for seen in record.of(ServerStopped)):
        return False
    late = [seen for seen in record.of(WorkersSeen) if seen.done_ns > trouble.applied.done_ns + _SLACK_NS]
    return bool(late) and not any(seen.pids for seen in late)


def _before(record: TrialRecord) -> TrialRecord:
    """The record up to the first fault: that of a trial in which nothing is broken."""
    end_ns = first_bite_ns(record) or record.last_ns
    trial = replace(record.trial, scenario=replace(record.trial.scenario, faults=(), ready="up"))
    seen = tuple(each for each in record.observations if each.done_ns <= end_ns)
    return replace(record, trial=trial, observations=seen, samples=record.samples[ends_ns(record.samples) <= end_ns])


def _left_early(record: TrialRecord) -> bool:
    """Several workers, asked to end, were gone before the time was over that they have for it."""
    stop = next(reversed(record.of(ServerStopped)), None)
    if stop is None or stop.killed or stop.ended_by == "itself" or record.trial.workers < 2:
        return False
    settled = record.trial.server_settings.graceful_s
    return (stop.done_ns - stop.sent_ns) / 1e9 < (stop.grace_s if settled is None else settled)


def _without_share(record: TrialRecord, trouble: Trouble) -> TrialRecord:
    """The record without the new connections that hung while one worker was hurt; itself where it is more than a share.

    Which worker a connection falls to is chance: twice its standard deviation over the share is let be.
    """
    end_ns = (trouble.lifted or trouble.applied).done_ns + _SLACK_NS
    fresh = [
        seen
        for seen in record.of(ProbeAnswered)
        if seen.via == "fresh" and trouble.applied.sent_ns <= seen.done_ns and seen.sent_ns <= end_ns
    ]
    patience_s = min(record.trial.live_probe.timeout_s, record.trial.ready_probe.timeout_s)
    hung = {id(seen) for seen in fresh if seen.took_s > patience_s}
    share, n = 1 / record.trial.workers, len(fresh)
    if len(hung) > n * share + 2 * math.sqrt(n * share * (1 - share)):
        return record
    return replace(record, observations=tuple(seen for seen in record.observations if id(seen) not in hung))


def _without(record: TrialRecord, known: KnownLimit, trouble: Trouble) -> TrialRecord:
    """The record without what a limit accounts for; the record itself where there is more than it allows."""
    if known.shows in ("end", "cut"):
        return record
    if known.shows == "share":
        return _without_share(record, trouble)
    if known.shows == "unseen":
        settings = replace(record.trial.server_settings, stuck_timeout_s=None)
        return replace(record, trial=replace(record.trial, server_settings=settings))
    span = _span(record, trouble)
    if known.shows == "orphans":
        return replace(record, observations=tuple(_spare_orphans(record, seen, known) for seen in record.observations))
    rows = record.samples
    touched = (rows["intended"] < span.end_ns) & (ends_ns(rows) >= span.start_ns)
    broke = in_group(rows, FAILED)
    if known.shows == "lost":
        lost: NDArray[np.bool_] = touched & broke
        return record if np.count_nonzero(lost) > known.most else replace(record, samples=rows[~lost])
    seen = tuple(
        each
        for each in record.observations
        if not (isinstance(each, ProbeAnswered) and span.holds(each.sent_ns, each.done_ns))
    )
    late = touched & ~broke & (ends_ns(rows) <= span.end_ns)
    return replace(record, observations=seen, samples=rows[~late])


def _span(record: TrialRecord, trouble: Trouble) -> Span:
    """As slow as at the boot of this trial, slower where the fault makes a start so, and a little more."""
    boots = [seen.done_ns - seen.sent_ns for seen in record.of(BootEnded) if seen.ok]
    more_ns = int(float(trouble.applied.evidence.get("start_s", 0)) * 1e9)
    return Span(trouble.applied.sent_ns, trouble.applied.done_ns + max(boots, default=0) + more_ns + _SLACK_NS)


def _spare_orphans(record: TrialRecord, seen: Observation, known: KnownLimit) -> Observation:
    if isinstance(seen, OrphansScanned) and len(seen.pids) <= known.most * record.trial.workers:
        return replace(seen, pids=(), commands=())
    return seen
