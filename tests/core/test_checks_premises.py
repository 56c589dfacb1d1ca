"""Premises: what must hold before anything is said of the app."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from record_builder import BASELINE, BITE_S, DRAIN, REFUSED, Done, Reply, Story, ns

from harness.checks.judge import judge_trial
from harness.model.observation import (
    PROXY_RENEWED,
    BootEnded,
    FaultChanged,
    LoadEnded,
    LoadStarted,
    MachineSampled,
    Noted,
    PathSampled,
    PhaseBegan,
)
from harness.model.record import TrialRecord
from harness.model.rows import Outcome
from harness.model.target import FlowSpec, RequestLine
from harness.model.verdict import Verdict


def verdict_of(record: TrialRecord, check: str) -> Verdict:
    return next(verdict for verdict in judge_trial(record, {check}).verdicts if verdict.check == check)


def test_a_service_that_does_not_start_has_failed_and_nothing_else_is_judged() -> None:
    boot = BootEnded(False, "worker 101 exited", "ImportError: no module named app", 0, ns(3.0))
    judged = judge_trial(Story(REFUSED).record(without=(BootEnded,), plus=(boot,)))
    assert judged.verdict == "fail"
    assert [verdict.check for verdict in judged.verdicts] == ["starts"]
    assert judged.verdicts[0].evidence["log_tail"] == "ImportError: no module named app"
    assert {absent.why for absent in judged.not_applicable} == {"the service did not start"}


def test_without_a_word_of_the_boot_nothing_is_known() -> None:
    judged = judge_trial(Story(REFUSED).record(without=(BootEnded,)))
    assert {verdict.verdict for verdict in judged.verdicts} == {"inconclusive"}


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ({"loop_lag_ms": 99.0}, "pass"),
        ({"loop_lag_ms": 101.0}, "inconclusive"),
        ({"control_ms": 251.0}, "inconclusive"),
        ({"control_ms": -1.0}, "inconclusive"),
        ({"steal_share": 0.2}, "inconclusive"),
        ({"cpu_pressure_share": 0.95}, "pass"),
        ({"cpu_pressure_share": 0.95, "loop_lag_ms": 60.0}, "inconclusive"),
        ({"cpu_pressure_share": 0.95, "foreign_cpu_share": 0.5}, "pass"),
    ],
)
def test_a_machine_that_is_late_all_the_time_is_not_fit(change: dict[str, Any], outcome: str) -> None:
    verdict = verdict_of(Story(BASELINE, machine=lambda _: change).record(), "machine-fit")
    assert verdict.verdict == outcome


def test_a_hiccup_does_not_spoil_a_trial() -> None:
    hiccup = Story(REFUSED, machine=lambda at_s: {"control_ms": 900.0} if 8.0 <= at_s < 8.6 else {})
    assert judge_trial(hiccup.record()).verdict == "pass"


@pytest.mark.parametrize(
    ("others", "outcome"),
    [
        ({}, "fail"),
        ({"foreign_cpu_share": 0.5}, "fail"),
        ({"cpu_pressure_share": 0.9}, "fail"),
        ({"cpu_pressure_share": 0.9, "foreign_cpu_share": 0.2}, "fail"),
        ({"cpu_pressure_share": 0.9, "foreign_cpu_share": 0.5}, "inconclusive"),
    ],
)
def test_what_is_late_only_while_others_use_the_cpus_is_no_failure(others: dict[str, Any], outcome: str) -> None:
    """As a worker that boots beside a burnt core."""
    slow = Story(
        REFUSED,
        request=lambda at_s, _: Done(0.4 if 8.0 <= at_s < 8.5 else 0.01),
        machine=lambda at_s: others if 7.5 <= at_s < 9.0 else {},
    )
    verdict = verdict_of(slow.record(), "latency-slo")
    assert verdict.verdict == outcome
    assert ("other programs used 50% of the CPUs" in verdict.why) == (outcome == "inconclusive")


def test_a_trial_in_which_the_proxy_was_started_anew_is_not_judged() -> None:
    note = Noted(PROXY_RENEWED, "Toxiproxy did not answer. It was started anew.", {}, ns(20), ns(20))
    broken = Story(REFUSED, ready=lambda at_s, via, pid: Reply())  # which fails else
    assert judge_trial(broken.record()).verdict == "fail"
    judged = judge_trial(broken.record(plus=[note]))
    assert judged.verdict == "inconclusive"
    assert any("started anew" in verdict.why for verdict in judged.verdicts)


def test_no_sample_of_the_machine_is_no_fit_machine() -> None:
    verdict = verdict_of(Story(BASELINE).record(without=(MachineSampled,)), "machine-fit")
    assert verdict.verdict == "inconclusive"


@pytest.mark.parametrize(
    ("second_half_s", "outcome"), [(0.010, "pass"), (0.0149, "pass"), (0.030, "inconclusive"), (0.001, "inconclusive")]
)
def test_the_halves_of_the_baseline_must_be_alike(second_half_s: float, outcome: str) -> None:
    first_s = 0.010 if second_half_s > 0.005 else 0.020
    story = Story(BASELINE, request=lambda at_s, _: Done(second_half_s if at_s >= 8.0 else first_s))
    assert verdict_of(story.record(), "baseline-steady").verdict == outcome


def test_a_mixture_that_tips_over_is_compared_line_by_line() -> None:
    """Half of the requests are slow; more of them in the second half move the median from one kind to the other."""

    def answer(at_s: float, line: RequestLine) -> Done:
        slow = line.name in ("list", "quote") or (line.name == "static" and at_s >= 8.0)
        return Done(0.080 if slow else 0.010)

    tipped = Story(BASELINE, request=answer).record()
    assert verdict_of(tipped, "baseline-steady").verdict == "inconclusive"  # static itself has changed

    def mixed(at_s: float, line: RequestLine) -> Done:
        return Done(0.080 if line.name in ("list", "quote") else 0.010)

    assert verdict_of(Story(BASELINE, request=mixed).record(), "baseline-steady").verdict == "pass"


def test_a_baseline_with_few_answers_shows_nothing() -> None:
    assert verdict_of(Story(BASELINE, rate=5).record(), "baseline-steady").verdict == "inconclusive"


@pytest.mark.parametrize(
    ("done", "outcome", "words"),
    [
        (Done(), "pass", "as scheduled"),
        (Done(0.060, lag_s=0.030), "inconclusive", "send lag p99 30.0 ms (limit 25 ms)"),
        (Done(12.0, Outcome.NOT_SENT), "inconclusive", "are needed to prove the load"),
        (Done(1.5, Outcome.NOT_SENT_LATE), "inconclusive", "are needed to prove the load"),
    ],
)
def test_the_load_must_leave_on_time(done: Done, outcome: str, words: str) -> None:
    verdict = verdict_of(Story(BASELINE, request=lambda at_s, line: done).record(), "load-proven")
    assert verdict.verdict == outcome
    assert words in verdict.why


@pytest.mark.parametrize(("every", "outcome"), [(200, "pass"), (20, "inconclusive")])
def test_few_arrivals_may_be_late_by_the_generator_itself(every: int, outcome: str) -> None:
    def answer(at_s: float, line: RequestLine) -> Done:
        return Done(1.5, Outcome.NOT_SENT_LATE) if round(at_s * 40) % every == 0 else Done()

    verdict = verdict_of(Story(BASELINE, rate=40, request=answer).record(), "load-proven")
    assert verdict.verdict == outcome
    assert ("% not sent (limit 1 %)" in verdict.why) == (outcome == "inconclusive") or outcome == "pass"


def test_lag_while_the_fault_holds_connections_is_not_the_generators() -> None:
    def answer(at_s: float, line: RequestLine) -> Done:
        return Done(5.0, Outcome.TIMEOUT, lag_s=4.0) if BITE_S <= at_s < BITE_S + 4 else Done()

    assert verdict_of(Story(REFUSED, request=answer).record(), "load-proven").verdict == "pass"


def test_the_ledger_must_balance() -> None:
    record = Story(BASELINE).record()
    short = TrialRecord(record.trial, record.observations, record.samples[1:], whole=True)
    verdict = verdict_of(short, "load-proven")
    assert verdict.verdict == "inconclusive"
    assert "1 are missing" in verdict.why
    twice = TrialRecord(record.trial, record.observations, record.samples[[0, *range(len(record.samples))]], whole=True)
    assert "1 are there twice" in verdict_of(twice, "load-proven").why


def test_a_driver_that_died_proves_nothing() -> None:
    died = LoadEnded(False, "signal 9", 450, ns(9.0), ns(9.0))
    verdict = verdict_of(Story(BASELINE).record(without=(LoadEnded,), plus=(died,)), "load-proven")
    assert (verdict.verdict, verdict.attributed_to) == ("inconclusive", "rig")
    assert verdict_of(Story(BASELINE).record(without=(LoadEnded,)), "load-proven").verdict == "inconclusive"


@pytest.mark.parametrize(
    ("story", "words"),
    [
        (Story(REFUSED, proven=False), "no evidence was found that db.refuse bites (the canary still passed)"),
        (Story(REFUSED, path=(0, 3)), "reaches db around the proxy (3 direct"),
        (Story(REFUSED, path=(4, 1)), "reaches db around the proxy (1 direct"),
        (Story(REFUSED, path=(0, 0)), "never seen to use db"),
    ],
)
def test_a_fault_that_may_not_have_bitten_makes_the_trial_inconclusive(story: Story, words: str) -> None:
    judged = judge_trial(story.record())
    assert judged.verdict == "inconclusive"
    by_name = {verdict.check: verdict for verdict in judged.verdicts}
    assert words in by_name["fault-proven"].why
    assert words in by_name["recovers"].why
    assert by_name["recovers"].attributed_to == "rig"


def test_a_path_that_nobody_looked_at_is_not_proven() -> None:
    verdict = verdict_of(Story(REFUSED).record(without=(PathSampled,)), "fault-proven")
    assert "was not seen before the fault" in verdict.why


def test_a_fault_that_was_never_applied_is_not_proven() -> None:
    verdict = verdict_of(Story(REFUSED).record(without=(FaultChanged,)), "fault-proven")
    assert verdict.verdict == "inconclusive"
    assert "db.refuse was never applied" in verdict.why


def test_a_fault_that_could_not_be_applied_is_not_proven() -> None:
    record = Story(REFUSED).record()
    seen = tuple(
        replace(here, ok=False, why="the proxy is gone")
        if isinstance(here, FaultChanged) and here.action == "apply"
        else here
        for here in record.observations
    )
    verdict = verdict_of(TrialRecord(record.trial, seen, record.samples, whole=True), "fault-proven")
    assert "the proxy is gone" in verdict.why


def test_sigterm_is_proven_by_the_end_of_the_server() -> None:
    assert verdict_of(Story(DRAIN).record(), "fault-proven").verdict == "pass"


def test_a_record_without_a_baseline_is_judged_without_one() -> None:
    record = Story(BASELINE).record(without=(PhaseBegan,))
    assert verdict_of(record, "baseline-steady").verdict == "inconclusive"
    assert verdict_of(record, "error-budget").verdict == "inconclusive"


def test_of_a_flow_only_the_first_request_of_a_task_must_be_on_time() -> None:
    """The later ones leave when the answers before them have come; they must not thin out those that were late."""
    late = Done(took_s=0.1, lag_s=0.05)
    record = Story(BASELINE, request=lambda at_s, line: late, trial_changes={"flow": FlowSpec("flow.py")}).record()
    later = np.repeat(record.samples[:1], 100 * len(record.samples))
    later["k"] = np.arange(len(later)) + len(record.samples)
    later["sent"] = later["intended"]
    started = record.of(LoadStarted)[0]
    ended = replace(record.of(LoadEnded)[0], scheduled=started.scheduled + len(later))
    kept = tuple(ended if isinstance(seen, LoadEnded) else seen for seen in record.observations)
    whole = replace(record, observations=kept, samples=np.concatenate([record.samples, later]))
    verdict = verdict_of(whole, "load-proven")
    assert verdict.verdict == "inconclusive"
    assert verdict.evidence["n"] == verdict_of(Story(BASELINE).record(), "load-proven").evidence["n"]


def test_a_closed_model_is_told_as_one() -> None:
    flow = FlowSpec("flow.py", "closed", 7)
    record = Story(BASELINE, trial_changes={"flow": flow}).record()
    verdict = verdict_of(record, "load-proven")
    assert verdict.verdict == "pass"
    assert verdict.why.startswith("7 users asked ")
    assert "closed model" in verdict.why
    few = replace(record.of(LoadEnded)[0], scheduled=50)
    kept = tuple(few if isinstance(seen, LoadEnded) else seen for seen in record.observations)
    rows = record.samples[record.samples["k"] < 50]
    assert verdict_of(replace(record, observations=kept, samples=rows), "load-proven").verdict == "inconclusive"
