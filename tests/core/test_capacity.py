"""Which trials held their objectives, what spoils one, and what a search says in the end."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from record_builder import Done, Story

from harness.checks.judge import judge_trial
from harness.model.cpu_map import plan_cpus
from harness.model.observation import LoadSummed, MachineSampled
from harness.model.record import TrialRecord
from harness.model.request import RequestLine
from harness.model.rows import Outcome
from harness.model.target import Target
from harness.plan_search import LONG, SHORT, plan_rate, search_overrides
from harness.target import load_target
from harness.tuning.capacity import Range, Try
from harness.tuning.holds import holds
from reports.capacity.document import capacity_document
from reports.capacity.page import capacity_page
from reports.capacity.text import capacity_text
from reports.capacity.view import view_search
from reports.view import RunView, TrialView

Answer = Callable[[float, RequestLine], Done]


def trial(request: Answer | None = None, rate: int = 200, long: bool = False) -> TrialRecord:
    return Story(LONG if long else SHORT, request=request, rate=rate).record()


def slow(at_s: float, line: RequestLine) -> Done:
    return Done(0.4)


def failing(at_s: float, line: RequestLine) -> Done:
    return Done(0.01, Outcome.BAD_STATUS if line.name == "quote" else Outcome.OK)


def growing(at_s: float, line: RequestLine) -> Done:
    return Done(0.010 if at_s < 8 else 0.060)


def silent(at_s: float, line: RequestLine) -> Done:
    return Done(2.0, Outcome.TIMEOUT if line.name == "quote" else Outcome.OK)


def test_a_trial_within_its_objectives_holds() -> None:
    assert holds(trial()).result == "held"
    found = holds(trial(long=True))
    assert (found.rate_rps, found.long, found.result) == (200, True, "held")


@pytest.mark.parametrize(
    ("request_", "why"), [(slow, "longer than 250 ms"), (failing, "failed"), (growing, "backlog"), (silent, "answered")]
)
def test_each_objective_breaks_it(request_: Answer, why: str) -> None:
    found = holds(trial(request_))
    assert found.result == "broke"
    assert why in found.why


def with_sums(record: TrialRecord, cpu_share: float) -> TrialRecord:
    kept = [seen for seen in record.observations if not isinstance(seen, LoadSummed)]
    sums = [
        LoadSummed(0, 0, 0, 0, 0, 0, 1.0, 1.0, 0.1, cpu_share * at_s, round(at_s * 1e9), round(at_s * 1e9))
        for at_s in range(5, 12)
    ]
    return replace(record, observations=(*kept, *sums))


def with_foreign(record: TrialRecord, share: float) -> TrialRecord:
    seen = [
        replace(each, foreign_cpu_share=share) if isinstance(each, MachineSampled) else each
        for each in record.observations
    ]
    return replace(record, observations=tuple(seen), trial=replace(record.trial, cpus=plan_cpus(range(4), 4.0)))


def test_a_break_that_may_be_ours_or_a_neighbours_is_none() -> None:
    assert "generator used 95%" in holds(with_sums(trial(slow), 0.95)).why
    assert holds(with_sums(trial(slow), 0.95)).result == "invalid"
    assert holds(with_foreign(trial(slow), 0.05)).result == "invalid"
    assert holds(with_foreign(trial(slow), 0.03)).result == "broke"
    assert holds(with_foreign(trial(), 0.05)).result == "held"
    assert holds(with_sums(trial(slow), 0.5)).result == "broke"
    assert holds(with_sums(trial(), 0.95)).result == "held", "what held in spite of it has held"


def test_what_cannot_be_said_of_the_generator_does_not_undo_a_break() -> None:
    """In no window was there a time in which nothing waited for a connection."""
    record = with_sums(trial(slow), 0.5)
    full = [replace(seen, waiting=9) if isinstance(seen, LoadSummed) else seen for seen in record.observations]
    found = holds(replace(record, observations=tuple(full)))
    assert found.result == "broke"
    assert "not known of the generator: only 0 requests left unhindered" in found.why


def test_what_was_cut_or_hardly_loaded_says_nothing() -> None:
    assert holds(replace(trial(), whole=False)).result == "invalid"
    assert "30 are needed" in holds(trial(rate=2)).why


@pytest.fixture
def target(tmp_path: Path) -> Target:
    path = tmp_path / "shakedown.toml"
    path.write_text('[target]\napp = "a:b"\n[slo]\np99_ms = 100\n')
    return load_target(path, {})


def test_overload_is_bounded_in_patience_and_connections(target: Target) -> None:
    found = search_overrides(target, Range(50, 5000))
    assert found == {"load.timeout_s": 1.0, "slo.deadline_s": 0.9, "load.connections": 500}
    again = load_target(Path(target.source), found)
    assert (again.load.timeout_s, again.load.connections) == (1.0, 500)
    assert search_overrides(target, Range(50, 100))["load.connections"] == 64
    assert search_overrides(target, Range(50, 100_000))["load.connections"] == 1024


def test_trials_are_numbered_and_have_their_own_rate(target: Target) -> None:
    planned = plan_rate(3, Try(140.0, long=True), target, seed=7)
    assert (planned.slug, planned.rate_rps, planned.config["rate_rps"]) == ("03-rate-long", 140.0, 140.0)
    assert planned.seed != plan_rate(4, Try(140.0, long=True), target, seed=7).seed


def searched(*trials: TrialRecord) -> RunView:
    views = tuple(TrialView(record, judge_trial(record), "trials/x") for record in trials)
    return RunView("/runs/x", "<app>", {"search": asdict(Range(50, 5000)), "plan": []}, views)


def test_an_interval_is_told_in_every_form() -> None:
    low = [trial(rate=200, long=True) for _ in range(2)]
    high = [trial(slow, rate=208, long=True) for _ in range(2)]
    run = searched(*low, *high)
    view = view_search(run)
    assert view.outcome == "pass"
    assert "holds 200 requests/s and not 208" in capacity_text(view, "/runs/x", "app")
    document = json.loads(json.dumps(capacity_document(run, view)))
    assert document["capacity"] == {"low_rps": 200, "high_rps": 208}
    assert [each["result"] for each in document["trials"]] == ["held", "held", "broke", "broke"]
    page = capacity_page(run, view)
    assert page.count("✖") >= 2
    assert "<app>" not in page


def test_a_search_that_was_cut_off_is_inconclusive() -> None:
    view = view_search(searched(trial()))
    assert view.outcome == "inconclusive"
    assert "cut off" in view.told
    assert view_search(searched()).outcome == "inconclusive"
    spoilt = with_sums(trial(slow), 0.95)
    told = view_search(searched(spoilt, spoilt, spoilt)).told
    assert "generator used 95%" in told
