"""How long the service took to come back: readiness, requests and, after a worker's fault, the worker itself.

    bite ────────── lift ─────── ready ──── requests ─────────── end of the load
                     │◀─ ready_s ─▶│            │
                     │◀────── requests_s ──────▶│ the start of the first three good seconds

A service is ready from the first good answer on after which no bad one followed, on fresh connections and on each
worker. Requests are good from the start of the first three seconds in a row in which 99 % of what was due was answered
as expected within the SLO (one bad request of 10 to 199 is let pass, none of fewer).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from harness.model.observation import LoadEnded, ProbeAnswered, WorkersSeen
from harness.model.record import Span, TrialRecord
from harness.model.rows import NOT_SENT, UNASKED, UNFINISHED, Outcome, Rows, in_group
from harness.model.samples import ends_ns, taken
from harness.model.target import Limits

from .machine import excused
from .probes import Stream, fresh, pids_at, pids_before, pinned, says, spec_of, steady_since
from .troubles import Trouble, served_until_ns, troubles

SECOND = 1_000_000_000
WINDOWS = 3
_STEP_NS = SECOND // 4
_OURS = UNASKED | {Outcome.LOST, Outcome.NOT_SENT_LATE}
_SUPERVISOR_SLACK_NS = 2 * SECOND  # gunicorn and uvicorn replaced a frozen worker within their timeout + 2 s (F05)


@dataclass(frozen=True, slots=True)
class Recovery:
    """Moments on the trial's clock; None: not seen. `silent` are workers alive at the end that nothing was heard of,
    `unwatched` what the record does not hold and would have to.

    `due_ns`: the latest moment for readiness and requests, `worker_due_ns` for a hurt worker. `watched_ns`: until when
    the record could have shown it.
    """

    lift_ns: int
    due_ns: int
    worker_due_ns: int
    watched_ns: int
    ready_ns: int | None
    requests_ns: int | None
    worker_ns: int | None
    late_streams: tuple[str, ...]
    silent: tuple[int, ...]
    unwatched: tuple[str, ...]

    @property
    def recovered_ns(self) -> int | None:
        if self.ready_ns is None or self.requests_ns is None or self.worker_ns is None:
            return None
        return max(self.ready_ns, self.requests_ns, self.worker_ns)

    @property
    def in_time(self) -> bool:
        return not (self.ready_late or self.requests_late or self.worker_late)

    @property
    def was_late(self) -> bool:
        """Something came back, but too late: watching for longer changes nothing of that."""
        pairs = ((self.ready_ns, self.due_ns), (self.requests_ns, self.due_ns), (self.worker_ns, self.worker_due_ns))
        return any(came_ns is not None and came_ns > due_ns for came_ns, due_ns in pairs)

    @property
    def ready_late(self) -> bool:
        return self.ready_ns is None or self.ready_ns > self.due_ns

    @property
    def requests_late(self) -> bool:
        return self.requests_ns is None or self.requests_ns > self.due_ns

    @property
    def worker_late(self) -> bool:
        return self.worker_ns is None or self.worker_ns > self.worker_due_ns


def worker_back_ns(record: TrialRecord, trouble: Trouble) -> int | None:
    """When a hurt worker was made good: another in its place answered, or it answered itself after the lift."""
    before = pids_before(record, trouble.applied.done_ns)
    lift_ns = trouble.lifted.done_ns if trouble.lifted else None
    for seen in sorted(record.of(ProbeAnswered), key=lambda probe: probe.done_ns):
        if seen.via != "pinned" or not seen.good or seen.done_ns <= trouble.applied.done_ns:
            continue
        thawed = seen.pid == trouble.pid and lift_ns is not None and seen.sent_ns >= lift_ns
        new = seen.pid not in before and len(pids_at(record, seen.done_ns)) >= record.trial.workers
        if new or thawed:
            return seen.done_ns
    return None


def hurt_until_ns(record: TrialRecord, trouble: Trouble) -> int:
    """When a fault was over: lifted, or for a worker made good; the end of the fault phase where neither was seen."""
    lift_ns = trouble.lifted.done_ns if trouble.lifted else None
    back_ns = worker_back_ns(record, trouble) if trouble.what == "worker" else lift_ns
    if back_ns is not None:
        return back_ns
    phase = record.phase("fault")
    return max(trouble.applied.done_ns, lift_ns or 0, phase.end_ns if phase else record.last_ns)


def bite(record: TrialRecord) -> Span | None:
    """From the first fault to the end of the last one; None where nothing was broken."""
    found = troubles(record)
    if not found:
        return None
    return Span(min(t.applied.sent_ns for t in found), max(hurt_until_ns(record, t) for t in found))


def load_end_ns(record: TrialRecord) -> int:
    """Until when the load went on: the driver was stopped, or the drain began."""
    ended = record.of(LoadEnded)
    return min(ended[-1].sent_ns if ended else record.last_ns, served_until_ns(record))


def recovery(record: TrialRecord, limits: Limits, forgiven: Sequence[Span] = ()) -> Recovery | None:
    """None where the record knows no lift of a fault. `forgiven`: what is bad there is not counted."""
    what = ("recovery", limits, tuple(forgiven))
    return record.once(what, lambda: _recovery(record, limits, forgiven))


def _recovery(record: TrialRecord, limits: Limits, forgiven: Sequence[Span]) -> Recovery | None:
    found = [trouble for trouble in troubles(record) if not trouble.has("final")]
    if not found or any(trouble.lifted is None and trouble.what != "worker" for trouble in found):
        return None
    lift_ns = max(_lift_ns(trouble) for trouble in found)
    end_ns = load_end_ns(record)
    heard = _streams(record, Span(lift_ns, max(lift_ns, served_until_ns(record))))
    since = [(s.name, steady_since(s.probes, spec_of(record, kind), forgiven)) for kind, s in heard]
    allowed_ns = int(limits.recover_s * SECOND)
    due_ns = allowed_ns + max(_lift_ns(t) + (_SUPERVISOR_SLACK_NS if t.has("fatal") else 0) for t in found)
    worker_dues = [_worker_due_ns(record, trouble) for trouble in found if trouble.what == "worker"]
    known = [moment for _, moment in since if moment is not None]
    return Recovery(
        lift_ns=lift_ns,
        due_ns=due_ns,
        worker_due_ns=max(worker_dues, default=due_ns - allowed_ns) + allowed_ns,
        watched_ns=end_ns,
        ready_ns=max(known) if known and len(known) == len(since) else None,
        requests_ns=good_since(record, Span(lift_ns, end_ns), forgiven),
        worker_ns=_workers_back_ns(record, found, lift_ns),
        late_streams=tuple(sorted({name for name, moment in since if moment is None or moment > due_ns})),
        silent=_silent(record, heard, end_ns),
        unwatched=_unwatched(record, found, Span(lift_ns, end_ns)),
    )


def _streams(record: TrialRecord, span: Span) -> list[tuple[str, Stream]]:
    """Fresh readiness, and of each worker alive at the end its readiness and its liveness."""
    alive = pids_at(record, span.end_ns)
    found = [("ready", fresh(record, "ready", span))]
    for kind in ("ready", "live"):
        spec = spec_of(record, kind)
        for stream in pinned(record, kind, span):
            if stream.pid in alive and any(says(probe, spec) is not None for probe in stream.probes):
                found.append((kind, stream))
    return found


def _silent(record: TrialRecord, heard: list[tuple[str, Stream]], end_ns: int) -> tuple[int, ...]:
    """Workers alive at the end without a single probe of their own, where others have some."""
    with_probes = {stream.pid for _, stream in heard if stream.pid >= 0}
    if not record.probes("live", "pinned") and not record.probes("ready", "pinned"):
        return ()
    return tuple(pid for pid in pids_at(record, end_ns) if pid not in with_probes)


def _unwatched(record: TrialRecord, found: Sequence[Trouble], span: Span) -> tuple[str, ...]:
    """What was not looked at after the lift: its absence shows nothing of the service."""
    missing: list[str] = []
    if not fresh(record, "ready", span).probes:
        missing.append("no readiness probe was sent")
    due = record.samples["intended"]
    if not np.any((due >= span.start_ns) & (due < span.end_ns)):
        missing.append("no request was due")
    if any(trouble.what == "worker" for trouble in found):
        looks = [seen for seen in record.of(WorkersSeen) if span.start_ns <= seen.done_ns <= span.end_ns]
        if not looks:
            missing.append("the workers were not listed")
        nobody_left = bool(looks) and not looks[-1].pids  # so there was nobody to ask
        if not nobody_left and not any(
            seen.via == "pinned" and seen.done_ns >= span.start_ns for seen in record.of(ProbeAnswered)
        ):
            missing.append("no worker was asked over a connection of its own")
    return tuple(missing)


def _lift_ns(trouble: Trouble) -> int:
    """A kill is over at once, whenever it is said to be lifted."""
    return trouble.applied.done_ns if trouble.has("fatal") or trouble.lifted is None else trouble.lifted.done_ns


def _worker_due_ns(record: TrialRecord, trouble: Trouble) -> int:
    """When a supervisor must have acted: a death is known at once, silence after its timeout, if it lasts so long."""
    if trouble.has("fatal"):
        return trouble.applied.done_ns + _SUPERVISOR_SLACK_NS
    timeout_s = record.trial.server_settings.stuck_timeout_s
    if timeout_s is None:
        return _lift_ns(trouble)
    return min(_lift_ns(trouble), trouble.applied.done_ns + int(timeout_s * SECOND) + _SUPERVISOR_SLACK_NS)


def _workers_back_ns(record: TrialRecord, found: Sequence[Trouble], lift_ns: int) -> int | None:
    """It may be before the lift: a supervisor waits for no other fault to be over. Without a hurt worker, the lift."""
    moments = [worker_back_ns(record, trouble) for trouble in found if trouble.what == "worker"]
    known = [moment for moment in moments if moment is not None]
    return max(known, default=lift_ns) if len(known) == len(moments) else None


def good_since(record: TrialRecord, span: Span, forgiven: Sequence[Span] = ()) -> int | None:
    """The start of the first three good seconds in a row within `span`."""
    due = record.samples["intended"]
    rows = _judgeable(taken(record.samples, (due >= span.start_ns) & (due < span.end_ns)), record)
    if forgiven:
        rows = rows[~covered(rows, forgiven)]
    rows = rows[np.argsort(rows["intended"], kind="stable")]
    due = rows["intended"]
    bad = np.concatenate(([0], np.cumsum(_is_bad(rows, record))))
    start = span.start_ns
    while start + WINDOWS * SECOND <= span.end_ns:
        edges = np.searchsorted(due, [start + i * SECOND for i in range(WINDOWS + 1)])
        spans = [Span(start + i * SECOND, start + (i + 1) * SECOND) for i in range(WINDOWS)]
        if all(
            _is_good(int(bad[b] - bad[a]), int(b - a), spans[i], forgiven) for i, (a, b) in enumerate(pairwise(edges))
        ):
            return start
        start += _STEP_NS
    return None


def covered(rows: Rows, spans: Sequence[Span]) -> NDArray[np.bool_]:
    """Which requests lie wholly in one of the stretches."""
    ends = ends_ns(rows)
    found = np.zeros(len(rows), dtype=np.bool_)
    for span in spans:
        found |= (rows["intended"] >= span.start_ns) & (ends <= span.end_ns)
    return found


def _is_good(bad: int, n: int, window: Span, forgiven: Sequence[Span]) -> bool:
    if n == 0:
        return excused(forgiven, window.start_ns, window.end_ns)
    return bad <= (max(1, n // 100) if n >= 10 else 0)


def _slo_ns(record: TrialRecord) -> int:
    return int(record.trial.slo.p99_ms * 1e6)


def _judgeable(rows: Rows, record: TrialRecord) -> Rows:
    """What the end of the load cut off before it was late is neither good nor bad, nor is what a sender took along, or
    was itself late with."""
    cut = in_group(rows, UNFINISHED) & (ends_ns(rows) - rows["intended"] <= _slo_ns(record))
    kept: Rows = rows[~cut & ~in_group(rows, _OURS)]
    return kept


def _is_bad(rows: Rows, record: TrialRecord) -> NDArray[np.bool_]:
    slow = ends_ns(rows) - rows["intended"] > _slo_ns(record)
    bad: NDArray[np.bool_] = slow | (rows["code"] != Outcome.OK) | in_group(rows, NOT_SENT)
    return bad
