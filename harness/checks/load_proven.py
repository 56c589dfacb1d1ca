"""The load was what was asked for: every arrival is accounted for, and they left on time.

A generator that is late hides the latency that it should measure (coordinated omission: a stall of 2 s showed as a p99
of 46 ms, seen). Send lag p99 may be a tenth of the SLO, so that it cannot decide a verdict; one arrival in a hundred
may go unsent. What is due from the bite to the recovery is left out: there the fault holds connections. Of a flow only
the first request of each task was due at a moment; in a closed model none was, and there is nothing to hold.

Finds no failure mode of a service: it keeps a late generator from hiding one, or from making one up.
"""

import numpy as np
from numpy.typing import NDArray

from harness.model.observation import LoadStarted
from harness.model.record import TrialRecord
from harness.model.rows import Outcome, in_group, ledger, nearest_rank
from harness.model.samples import send_lag_ns
from harness.model.target import Limits
from harness.model.verdict import Verdict

from .check import LOAD_PROVEN, STARTS, Check, inconclusive, passed
from .facts.phases import baseline_span, driver_done, is_due_in, recovered_span

_MIN_SENT = 100
_NOT_SENT_SHARE = 0.01
_UNSENT = frozenset({Outcome.NOT_SENT, Outcome.LOST, Outcome.NOT_SENT_LATE})


def judge(record: TrialRecord, limits: Limits) -> Verdict:
    ended = driver_done(record)
    if record.load_started_ns is None or ended is None:
        return inconclusive(LOAD_PROVEN, "The record does not say that the load began and ended.")
    if not ended.ok:
        return inconclusive(LOAD_PROVEN, f"The load driver did not end well: {ended.why.rstrip('.')}.")
    balance = ledger(record.samples, ended.scheduled)
    evidence: dict[str, object] = {
        "scheduled": balance.scheduled,
        "sent": balance.sent,
        "answered": balance.answered,
        "failed": balance.failed,
        "timed_out": balance.timed_out,
        "unfinished": balance.unfinished,
        "not_sent": balance.not_sent,
    }
    if not balance.balanced:
        why = (
            f"The ledger of the load does not balance: of {balance.scheduled} arrivals {balance.missing} are missing,"
            f" {balance.repeated} are there twice, {balance.unreadable} cannot be read."
        )
        return inconclusive(LOAD_PROVEN, why, evidence=evidence)
    if record.trial.closed:
        why = (
            f"{record.trial.flow.users if record.trial.flow else 0} users asked {balance.sent} times, each when it had"
            " its answer (closed model): no request was due at any moment, so a stall is told by the few that met it."
        )
        if balance.sent < _MIN_SENT:
            return inconclusive(LOAD_PROVEN, why, evidence=evidence, advice="Raise users.")
        return passed(LOAD_PROVEN, why, evidence=evidence)
    return _on_time(record, limits, evidence)


def _on_time(record: TrialRecord, limits: Limits, evidence: dict[str, object]) -> Verdict:
    outside = _outside_fault(record, limits)
    n = int(np.count_nonzero(outside))
    lags = send_lag_ns(record.samples, outside)
    if len(lags) < _MIN_SENT:
        why = f"Only {len(lags)} requests were sent outside the fault; {_MIN_SENT} are needed to prove the load."
        return inconclusive(LOAD_PROVEN, why, evidence=evidence, advice="Raise rate_rps.")
    lag_ms = nearest_rank(lags, 990) / 1e6
    limit_ms = limits.send_lag_share * record.trial.slo.p99_ms
    unsent = int(np.count_nonzero(in_group(record.samples, _UNSENT) & outside)) / n
    evidence |= {"send_lag_p99_ms": lag_ms, "not_sent_share": unsent, "n": n}
    bounds = {"send_lag_p99_ms": limit_ms, "not_sent_share": _NOT_SENT_SHARE}
    numbers = f"send lag p99 {lag_ms:.1f} ms (limit {limit_ms:g} ms), {unsent:.1%} not sent (limit 1 %), n = {n}"
    if lag_ms > limit_ms or unsent > _NOT_SENT_SHARE:
        advice = "Lower rate_rps, raise connections, or repeat on a quieter machine."
        why = f"The load was not sent as scheduled: {numbers}."
        return inconclusive(LOAD_PROVEN, why, evidence=evidence, advice=advice, limits=bounds)
    return passed(LOAD_PROVEN, f"The load was sent as scheduled: {numbers}.", evidence=evidence, limits=bounds)


def _outside_fault(record: TrialRecord, limits: Limits) -> NDArray[np.bool_]:
    """Which arrivals were due in the baseline and after the recovery."""
    found = np.zeros(len(record.samples), np.bool_)
    for span in (baseline_span(record), recovered_span(record, limits)):
        if span is not None:
            found |= is_due_in(record.samples, span)
    return found if record.trial.flow is None else found & _is_first(record)


def _is_first(record: TrialRecord) -> NDArray[np.bool_]:
    """Which are the first request of an arrival; the others are numbered above all arrivals."""
    started = record.of(LoadStarted)
    first: NDArray[np.bool_] = record.samples["k"] < (started[-1].scheduled if started else 0)
    return first


CHECK = Check(LOAD_PROVEN, "Was the load what was asked for?", judge, premises=(STARTS,))
