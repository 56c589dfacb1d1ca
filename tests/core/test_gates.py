"""The gates of the generator: each breaks by its own figure, and what is not known does not hold."""

from dataclasses import replace

import numpy as np
import pytest
from record_builder import BASELINE, Done, Story

from harness.model.cpu_map import plan_cpus
from harness.model.observation import LoadSummed, MachineSampled
from harness.model.record import Span, TrialRecord
from harness.model.rows import Outcome
from harness.tuning.gates import broken, gates, unknown

S = 1_000_000_000
SPAN = Span(4 * S, 12 * S)


def sums(
    *, cpu_share: float = 0.3, loop_lag_ms: float = 0.5, waiting: int = 0, every_s: float = 0.5
) -> list[LoadSummed]:
    found = []
    for at_s in np.arange(3.0, 13.0, 0.5).tolist():
        at_ns = round(at_s * S)
        first = (0, 0, 0, 0, 0, 0, 1.0, 1.0, 0.1, cpu_share * at_s)
        found.append(LoadSummed(*first, at_ns, at_ns, loop_lag_ms, waiting))
    return found


def record_of(done: Done | None = None, told: list[LoadSummed] | None = None, **machine: float) -> TrialRecord:
    story = Story(BASELINE, request=(lambda _at, _line: done) if done else None, rate=200)
    record = replace(story.record(), trial=replace(story.trial(), cpus=plan_cpus(range(4), 4.0)))
    sampled = {"foreign_cpu_share": 0.01, **machine}
    kept = tuple(
        replace(seen, **sampled) if isinstance(seen, MachineSampled) else seen  # type: ignore[arg-type]
        for seen in record.observations
        if not isinstance(seen, LoadSummed)
    )
    return replace(record, observations=(*kept, *(sums() if told is None else told)))


def names(record: TrialRecord) -> set[str]:
    return {gate.name for gate in gates(record, SPAN) if not gate.holds}


def test_a_generator_in_order_passes_them_all() -> None:
    assert names(record_of()) == set()
    assert broken(record_of(), SPAN) == ""


@pytest.mark.parametrize(
    ("record", "name", "says"),
    [
        (record_of(Done(lag_s=0.003)), "send lag", "send lag p99 3.0 ms (at most 2.0 ms)"),
        (record_of(Done(1.5, Outcome.NOT_SENT_LATE)), "lateness", "late for 100.0%"),
        (record_of(told=sums(cpu_share=0.9)), "generator CPU", "used 90% of a CPU"),
        (record_of(told=sums(loop_lag_ms=6)), "loop lag", "over 5 ms late in 100%"),
        (record_of(foreign_cpu_share=0.05), "foreign CPU", "others used 0.20 CPUs"),
        (record_of(steal_share=0.03), "steal", "3.0% of the CPU time was stolen"),
    ],
)
def test_each_gate_breaks_by_its_own_figure(record: TrialRecord, name: str, says: str) -> None:
    assert name in names(record)
    assert says in broken(record, SPAN)


def test_what_was_not_sent_is_a_rate_that_was_not_reached() -> None:
    record = record_of()
    rows = record.samples.copy()
    lost = np.arange(len(rows)) % 50 == 0
    rows["sent"][lost], rows["code"][lost] = -1, Outcome.NOT_SENT
    assert names(replace(record, samples=rows)) == {"rate reached"}


def test_a_slow_service_allows_for_more_lag() -> None:
    assert "send lag" in names(record_of(Done(took_s=0.010, lag_s=0.004)))
    assert "send lag" not in names(record_of(Done(took_s=0.100, lag_s=0.004)))


def test_the_wait_for_a_connection_is_not_the_generators() -> None:
    """And then nothing is known of its own lag, which is told too."""
    hindered = gates(record_of(Done(lag_s=0.5), told=sums(waiting=3)), SPAN)
    unknown = {gate.name for gate in hindered if gate.value is None}
    assert unknown == {"send lag", "rate reached"}


def test_a_short_peak_of_cpu_is_seen() -> None:
    told = sums(cpu_share=0.2)
    busy = [replace(seen, cpu_s=seen.cpu_s + min(max(0.0, seen.sent_ns / S - 6), 2.5) * 0.75) for seen in told]
    assert names(record_of(told=busy)) == {"generator CPU"}


def test_what_is_not_known_does_not_hold() -> None:
    silent = replace(record_of(told=[]), trial=replace(Story(BASELINE).trial(), cpus=None))
    unsaid = {gate.name for gate in gates(silent, SPAN) if gate.value is None}
    assert unsaid == names(silent) == {"send lag", "rate reached", "generator CPU", "loop lag", "foreign CPU"}
    assert "did not say" in unknown(silent, SPAN)
    assert broken(silent, SPAN) == "", "nor is it proof of disorder"
