"""The page as text: what it must hold, and what it must never hold, whatever the record says."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from made_run import LOAD_S, S, empty_record, failing_verdict, full_record, made_run

from harness.model.observation import LogNoted, PhaseBegan
from harness.model.record import TrialRecord
from harness.model.rows import ROW, UNASKED, Outcome
from harness.model.scenario import Scenario
from harness.model.verdict import NotApplicable, TrialVerdict, Verdict
from reports.html.lanes import fault_bands, phases, probe_lane, worker_lanes
from reports.html.page import render
from reports.html.resources import cpu_series, database_series
from reports.html.timeline import GRID_ABOVE, draw
from reports.html.traffic import CUT, KINDS, OK, TIMEOUT, seconds_of
from reports.view import RunView, TrialView

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\x1b[31m\"'&"
NOTHING_INSIDE = {"meta", "link", "br", "rect", "img", "input", "hr"}


class Balance(HTMLParser):
    """Elements must close in order; collects the names of those that open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        if tag not in NOTHING_INSIDE or tag == "rect":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, tag
        assert self.open.pop() == tag


def parsed(page: str) -> Balance:
    balance = Balance()
    balance.feed(page)
    balance.close()
    assert balance.open == []
    return balance


def one_trial(record: TrialRecord, verdict: TrialVerdict) -> RunView:
    return RunView("runs/x", "t", {}, (TrialView(record, verdict, "trials/01-x"),))


def test_page_is_whole_and_fetches_nothing() -> None:
    page = render(made_run())
    seen = parsed(page).seen
    assert seen.count("svg") >= 3
    assert "img" not in seen
    assert not re.findall(r"""(?:src|href|url\()\s*=?\s*["']?(?:https?:)?//""", page)
    assert page == render(made_run())


def test_page_names_the_trials_that_never_began() -> None:
    plan: list[dict[str, object]] = [
        {"trial": name, "scenario": f"scenario {name}", "config": {}} for name in ("01-x", "02-y")
    ]
    run = one_trial(full_record(), failing_verdict())
    page = render(replace(run, facts={**run.facts, "plan": plan}))
    parsed(page)
    assert "<b>scenario 02-y</b> Planned and never begun" in page
    assert "scenario 01-x</b>" not in page


def test_page_tells_verdicts_in_the_order_of_need() -> None:
    page = render(one_trial(full_record(), failing_verdict()))
    trial = page[page.index('id="trial-1"') :]
    order = [trial.index(f"<h3>{name}") for name in ("readiness-bounded", "latency-slo", "starts")]
    assert order == sorted(order)
    for told in ("Does the service say", "What to change:", "What would decide it:", "The target has no ledger."):
        assert told in trial


def test_hostile_text_stays_text() -> None:
    record = full_record()
    log = LogNoted(EVIL, EVIL, 13 * S, 13 * S)
    scenario = Scenario(EVIL, EVIL)
    record = replace(
        record, observations=(*record.observations, log), trial=replace(record.trial, scenario=scenario, server=EVIL)
    )
    verdict = Verdict(EVIL, "fail", EVIL, {EVIL: EVIL, "x": [{EVIL: EVIL}]}, {EVIL: 1.0}, (EVIL,), advice=EVIL)
    judged = TrialVerdict(EVIL, {EVIL: EVIL}, (EVIL,), "fail", (verdict,), (NotApplicable(EVIL, EVIL),), EVIL)
    run = RunView(EVIL, EVIL, {EVIL: EVIL, "command": [EVIL]}, (TrialView(record, judged, EVIL, ((EVIL, 1),)),))
    page = render(run)
    balance = parsed(page)
    assert balance.seen.count("script") == 2  # the data of the one trial, and our own
    assert "<img" not in page
    assert "\x1b" not in page


def test_embedded_data_is_json() -> None:
    page = render(made_run())
    blocks = re.findall(r'<script type="application/json" class="data">(.*?)</script>', page, re.S)
    data = [json.loads(block) for block in blocks]
    assert len(data) == 3
    assert data[1]["faults"][0][0] == "postgres.refuse"
    assert data[2]["seconds"] == []


def test_empty_record_and_empty_run_render_and_say_so() -> None:
    page = render(made_run())
    empty = page[page.index('id="trial-3"') :]
    for told in ("no samples", "no observations", "The record is cut", "Nothing was judged"):
        assert told in empty
    nothing = render(RunView("runs/x", "", {}, ()))
    parsed(nothing)
    assert "No trial was run." in nothing
    assert "INCONCLUSIVE" in nothing


@pytest.mark.parametrize("keep", [0, 1, 2, 3, 5, 10, 40, 90, 150, 250])
def test_record_cut_anywhere_renders(keep: int) -> None:
    record = full_record()
    cut = replace(record, observations=record.observations[:keep], samples=record.samples[: keep * 5], whole=False)
    page = render(one_trial(cut, failing_verdict()))
    parsed(page)
    assert not re.search(r"\bnan\b", page, re.I)


def test_damaged_rows_do_not_stretch_the_axis() -> None:
    record = full_record()
    rows = record.samples.copy()
    rows["intended"][3], rows["done"][5], rows["code"][7] = 2**62, -1, 999
    assert draw(replace(record, samples=rows), "x").length_s < 3700


def test_lanes_say_what_the_probes_saw() -> None:
    record = full_record()
    ready = [(part.word, round(part.start_s, 2), round(part.end_s, 2)) for part in probe_lane(record, "ready").segments]
    assert ready[:3] == [("ok", 3.25, 12.25), ("hanging", 12.25, 14.25), ("not ok", 14.25, 21.25)]
    assert {part.word for part in probe_lane(record, "live").segments} == {"ok"}


def test_workers_keep_their_lane_when_they_are_replaced() -> None:
    first, second = worker_lanes(full_record())
    assert [part.word for part in first.segments] == ["alive", "stuck", "alive"]
    assert [(part.word, part.detail) for part in second.segments] == [
        ("alive", "pid 102"),
        ("dead", "pid 102"),
        ("alive", "pid 103"),
    ]
    assert len(second.marks_s) == 1


def test_workers_that_left_in_the_drain_are_not_dead() -> None:
    lanes = worker_lanes(full_record(calm=True))
    assert [part.word for lane in lanes for part in lane.segments] == ["alive", "alive"]


def test_bands_and_phases() -> None:
    record = full_record()
    bands = [(band.label, round(band.start_s, 2), round(band.end_s, 2)) for band in fault_bands(record)]
    assert bands == [("postgres.refuse", 12.0, 20.0), ("worker.kill", 14.2, 14.2)]
    assert [phase.label for phase in phases(record)] == ["boot", "warmup", "baseline", "fault", "recovery", "drain"]
    assert phases(empty_record()) == ()


def test_a_fault_without_lift_lasts_until_the_fault_phase_ends() -> None:
    record = full_record()
    kept = tuple(seen for seen in record.observations if getattr(seen, "action", "") != "lift")
    assert fault_bands(replace(record, observations=kept))[0].end_s == 20.0


def test_p99_of_a_second_with_timeouts_is_at_least_their_wait() -> None:
    rows = np.zeros(100, ROW)
    rows["intended"] = LOAD_S * S
    rows["done"] = LOAD_S * S + 10_000_000
    rows["done"][:3], rows["code"][:3] = LOAD_S * S + 2 * S, Outcome.TIMEOUT
    rows["code"][3], rows["done"][3] = Outcome.RESET_HEADERS, LOAD_S * S + 1
    (second,) = seconds_of(rows)
    assert (second.p50_ms, second.p99_ms, second.p99_open) == (10.0, 2000.0, True)
    assert (second.counts[OK.name], second.counts[TIMEOUT.name], second.counts[CUT.name]) == (96, 3, 1)


def test_every_outcome_is_of_one_kind_but_for_what_the_end_of_the_load_left() -> None:
    kinds = [[kind.name for kind in KINDS if outcome in kind.outcomes] for outcome in Outcome]
    assert [len(names) for names in kinds] == [int(outcome not in UNASKED) for outcome in Outcome]


def test_arrivals_planned_for_after_the_end_of_the_load_are_not_drawn() -> None:
    record = full_record()
    late = np.zeros(500, ROW)
    late["intended"], late["code"] = np.linspace(40, 900, 500) * S, Outcome.NOT_SENT_STOP
    late["sent"] = late["first"] = late["done"] = -1
    longer = replace(record, samples=np.concatenate([record.samples, late]))
    assert draw(longer, "x") == draw(record, "x")


def test_a_record_that_says_it_lasted_for_centuries_makes_no_endless_axis() -> None:
    record = full_record()
    late = LogNoted("worker-timeout", "x", 2**62, 2**62)
    page = render(one_trial(replace(record, observations=(*record.observations, late)), failing_verdict()))
    axis = re.search(r"<g class=\"axis\">(.*?)</g>", page)
    assert axis is not None
    assert 2 < axis[1].count("<text") < 20
    parsed(page)


def test_an_hour_of_outage_makes_no_page_that_is_too_long_to_open() -> None:
    """A third of an hour at 300/s fails, in an answer or without one."""
    count = 3600 * 300
    rows = np.zeros(count, ROW)
    rows["intended"] = np.linspace(3, 3603, count) * S
    rows["done"] = rows["intended"] + np.random.default_rng(1).lognormal(2, 0.4, count) * 1e6
    rows["code"][: count // 6], rows["code"][count // 6 : count // 3] = Outcome.BAD_STATUS, Outcome.REFUSED
    timeline = draw(replace(full_record(), samples=rows), "x")
    assert len(timeline.svg) < 4_000_000
    assert re.search(r"; of wrong answers [\d,]+ of 180,000\.$", timeline.note)
    assert "refused: 180,000" in timeline.svg


def test_very_many_good_answers_are_gridded_and_few_errors_never() -> None:
    count = GRID_ABOVE * 3
    rows = np.zeros(count, ROW)
    rows["intended"] = np.linspace(3, 30, count) * S
    rows["done"] = rows["intended"] + np.random.default_rng(1).lognormal(2, 0.4, count) * 1e6
    rows["code"][:500] = Outcome.BAD_STATUS
    timeline = draw(replace(full_record(), samples=rows), "x")
    drawn = re.match(r"([\d,]+) of 59,500 dots", timeline.note)
    assert drawn is not None
    assert int(drawn[1].replace(",", "")) < GRID_ABOVE
    wrong = next(path for path in timeline.svg.split("<path") if "wrong answer: 500" in path)
    assert wrong.count("h0") == 500


def test_cpu_is_a_share_of_a_core_between_samples() -> None:
    names = [each.name for each in cpu_series(full_record())]
    assert names == ["worker 101", "worker 102", "worker 103", "master 100"]
    values = [value for each in cpu_series(full_record()) for _, value in each.points]
    assert all(0 <= value <= 100 for value in values)


def test_database_lines_appear_where_there_is_something_to_see() -> None:
    assert [each.name for each in database_series(full_record())] == ["sessions", "active"]
    assert database_series(empty_record()) == ()


def test_one_observation_only_renders() -> None:
    record = replace(empty_record(), observations=(PhaseBegan("boot", 0, 0),))
    parsed(render(one_trial(record, failing_verdict())))
