"""The service was in a steady state before anything was broken: the two halves of the baseline are alike.

A warm-up that goes on (imports, pools, caches) would be told as the service's own latency. The medians of the halves
may differ by a quarter or by 5 ms, whichever is more: on two shared cores latencies of a healthy service spread by half
(seen so), the medians of some hundred requests by far less. Where the mixture of request lines is the reason for a
difference, the lines are compared one by one.

Finds no failure mode of a service: it keeps a warm-up from being told as one.
"""

import numpy as np

from harness.model.record import Span, TrialRecord
from harness.model.rows import Rows, nearest_rank
from harness.model.samples import of_endpoint, response_ns
from harness.model.target import Limits
from harness.model.verdict import Verdict

from .check import BASELINE_STEADY, MACHINE_FIT, STARTS, Check, inconclusive, passed
from .facts.phases import baseline_rows, baseline_span

_MIN_ANSWERS = 20

Medians = tuple[float, float]


def judge(record: TrialRecord, limits: Limits) -> Verdict:
    span, rows = baseline_span(record), baseline_rows(record)
    if span is None or rows is None:
        return inconclusive(BASELINE_STEADY, "The record has no baseline.")
    pooled = _medians(rows, span)
    if pooled is None:
        why = f"A half of the baseline has fewer than {_MIN_ANSWERS} answers ({len(rows)} requests in all)."
        return inconclusive(BASELINE_STEADY, why, advice="Raise rate_rps, or make the baseline longer.")
    lines = [_medians(of_endpoint(rows, index), span) for index in range(len(record.trial.requests))]
    known = [medians for medians in lines if medians is not None]
    steady = _alike(pooled, limits) or (bool(known) and all(_alike(medians, limits) for medians in known))
    first, second = pooled
    evidence: dict[str, object] = {"first_half_ms": first, "second_half_ms": second, "n": len(rows)}
    numbers = (
        f"median {first:.1f} ms in its first half, {second:.1f} ms in its second"
        f" (limit a factor of {limits.steady_ratio:g} or {limits.steady_ms:g} ms, n = {len(rows)})"
    )
    bounds = {"steady_ratio": limits.steady_ratio, "steady_ms": limits.steady_ms}
    if steady:
        return passed(BASELINE_STEADY, f"The baseline was steady: {numbers}.", evidence=evidence, limits=bounds)
    advice = "Repeat; if it stays so, the service needs a longer warm-up or the rate is near its capacity."
    why = f"The baseline was not steady: {numbers}."
    return inconclusive(BASELINE_STEADY, why, evidence=evidence, advice=advice, limits=bounds)


def _medians(rows: Rows, span: Span) -> Medians | None:
    """Of both halves, in ms; None where one has too few answers."""
    middle = (span.start_ns + span.end_ns) // 2
    early: np.ndarray = rows["intended"] < middle
    halves = [response_ns(rows[early]), response_ns(rows[~early])]
    if min(len(half) for half in halves) < _MIN_ANSWERS:
        return None
    first, second = (nearest_rank(half, 500) / 1e6 for half in halves)
    return first, second


def _alike(medians: Medians, limits: Limits) -> bool:
    low, high = sorted(medians)
    return high - low <= limits.steady_ms or high <= low * limits.steady_ratio


CHECK = Check(BASELINE_STEADY, "Was the service steady before the fault?", judge, premises=(STARTS, MACHINE_FIT))
