"""The benchmark of searches on real deployments: every cell once a block, what is drawn never judges, and both ends."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from benchmarks import tuning_regret_drawn
from benchmarks.series import keep_line
from benchmarks.tuning_regret import DEPLOYMENTS, read_state, scope_of
from benchmarks.tuning_regret_drawn import (
    Result,
    Tuned,
    again,
    bank_of,
    cells,
    climbed,
    due,
    halves,
    interval,
    meets,
    outcomes,
    report,
    whole_blocks,
)
from harness.tuning.levers import Config, Found, Lever, Measure, next_measure

LEVERS = (
    Lever("target.workers", "workers", (1, 2, 3, 4), 2),
    Lever("target.env.POOL_SIZE", "pool", (1, 2, 4, 8), 1),
)
GRID = cells(LEVERS)


def truth(config: Config) -> float:
    connections = config[0] * config[1]
    return connections / (0.02 * (1 + (connections / 8) ** 2))


def result(block: int, config: Config, rps: float, limit: str = "") -> Result:
    return Result("app", block, config, rps / 1.015, rps * 1.015, limit, 15.0, "0000000")


def series(noise: float, blocks: int = 4, limit: str = "") -> list[Result]:
    rng = random.Random(6)
    return [
        result(block, config, truth(config) * math.exp(rng.gauss(0, noise)), limit)
        for block in range(blocks)
        for config in GRID
    ]


def test_each_block_has_every_configuration_once_and_goes_on_where_it_was(tmp_path: Path) -> None:
    state, results = tmp_path / "new" / "state.jsonl", list[Result]()
    while (place := due(results, GRID, 2, 0)) is not None:
        results.append(result(*place, 100.0))
        keep_line({"kind": "trial", **asdict(results[-1])}, state)
    assert len(results) == 32
    assert sorted(each.config for each in results[:16]) == sorted(each.config for each in results[16:]) == GRID
    assert [each.config for each in results[:16]] != [each.config for each in results[16:]]
    with state.open("a") as file:
        file.write('{"kind": "trial", "blo')
    assert read_state(state) == (results, [])


def test_a_staircase_that_found_no_bracket_is_climbed_again_once() -> None:
    first = due([], GRID, 2, 0)
    assert first is not None
    short = replace(result(*first, 100.0), high_rps=None)
    assert due([short], GRID, 2, 0) == first
    assert due([short, short], GRID, 2, 0) != first
    assert whole_blocks([short, short], GRID) == []
    assert due([short, result(*first, 100.0)], GRID, 2, 0) == due([result(*first, 100.0)], GRID, 2, 0)


def test_what_a_bad_moment_of_the_machine_cut_off_is_climbed_again_once() -> None:
    first = due([], GRID, 2, 0)
    assert first is not None
    cut = replace(result(*first, 100.0), limit="others used 0.8 CPUs")
    assert due([cut], GRID, 2, 0) == first
    assert due([cut, cut], GRID, 2, 0) != first
    assert bank_of([cut, result(*first, 100.0)], [first[0]])[first[1]] == [cut.stairs, result(*first, 100.0).stairs]


def test_a_drawn_trial_holds_what_a_real_one_held() -> None:
    bank = bank_of(series(0.0, 1), [0])
    step = Measure((2, 4), tuple(150.0 * 1.035**number for number in range(14)))
    seen = [climbed(bank, step, random.Random(seed)) for seed in range(50)]
    middle = truth((2, 4))
    assert all(each.bounded and not each.limit for each in seen)
    assert all((each.low_rps or 0) <= middle * 1.015 and (each.high_rps or 0) >= middle / 1.015 for each in seen)
    limited = climbed(bank_of(series(0.0, 1, "used up"), [0]), step, random.Random(0))
    assert limited.limit == "used up"


@pytest.mark.parametrize(("blocks", "parts"), [([0, 1], 2), ([0, 1, 2], 6), ([0, 1, 2, 3], 6)])
def test_what_was_drawn_from_never_judges(blocks: list[int], parts: int) -> None:
    found = list(halves(blocks))
    assert len(found) == parts
    for drawn, judge in found:
        assert sorted([*drawn, *judge]) == blocks
        assert (judge, drawn) in found
    for seed in range(50):
        for drawn, judge in again(blocks, random.Random(seed)):
            assert drawn
            assert judge
            assert not set(drawn) & set(judge)
            assert len(drawn) + len(judge) == len(blocks)


def test_without_noise_nothing_is_lost_that_the_search_does_not_give_away() -> None:
    """It takes the smallest within 3 % of the best, and staircases are some per cent coarse."""
    results = series(0.0, 2)
    found = outcomes(LEVERS, results, list(halves([0, 1])), 2, random.Random(1))
    assert len(found) == 2 * 2 * 16
    assert all(each.over_luckiest == pytest.approx(each.over_seen) for each in found)
    assert sum(each.over_luckiest for each in found) / len(found) < 0.02
    assert min(each.stayed for each in found) == 0.0
    assert {each.start for each in found} == set(GRID)
    assert max(each.trials for each in found) <= 24


def test_a_regret_that_is_planted_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that never leaves where it began loses what staying loses."""

    def stays(levers: Sequence[Lever], *_: object, **__: object) -> Measure | Found:
        return next_measure(levers, [], go_on=False)

    monkeypatch.setattr(tuning_regret_drawn, "next_measure", stays)
    found = outcomes(LEVERS, series(0.05), list(halves([0, 1, 2, 3])), 1, random.Random(1))
    assert all(each.over_luckiest == each.stayed for each in found)
    assert sum(each.over_luckiest for each in found) / len(found) > 0.2
    assert meets(found, 0.2) is False


def test_luck_lifts_one_regret_and_not_the_other() -> None:
    """All configurations are the same: nothing can be lost, and the luckiest of 16 says otherwise."""
    rng = random.Random(2)
    results = [result(block, config, 100.0 * math.exp(rng.gauss(0, 0.05))) for block in range(4) for config in GRID]
    found = outcomes(LEVERS, results, list(halves([0, 1, 2, 3])), 4, random.Random(1))
    assert sum(each.over_luckiest for each in found) / len(found) > 0.03
    assert abs(sum(each.over_seen for each in found) / len(found)) < 0.03


def test_an_interval_leaves_out_a_fortieth_at_either_end() -> None:
    assert interval([float(value) for value in range(400)]) == (10.0, 389.0)


def test_goals_are_met_missed_or_not_yet_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning_regret_drawn, "AGAIN", 10)
    monkeypatch.setattr(tuning_regret_drawn, "SEARCHES", 1)
    tuned = [Tuned("app", 6.0, (4, 2), 11, 48, 0, 300.0, "0000000")]
    assert report("app", LEVERS, series(0.003), tuned) is True
    told = capsys.readouterr().out
    assert "goals: at most 33% of grid x 3, and a mean regret of at most 2%: met" in told
    assert "a real tune of 6 min: (4, 2)" in told
    assert "11 trials of 48" in told
    assert all(f"    {pool:>4}: " in told for pool in (1, 2, 4, 8))
    assert report("app", LEVERS, series(0.05), []) is None
    assert "not to be told from noise" in capsys.readouterr().out
    monkeypatch.setattr(tuning_regret_drawn, "LEAST_SHARE", 0.1)
    assert report("app", LEVERS, series(0.003), []) is False
    assert "missed" in capsys.readouterr().out
    assert report("app", LEVERS, series(0.003, 1), []) is None
    assert report("other", LEVERS, series(0.003), []) is None
    assert "too few blocks" in capsys.readouterr().out


def test_what_the_machine_limited_is_a_lower_bound_and_two_blocks_give_no_interval(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning_regret_drawn, "AGAIN", 2)
    monkeypatch.setattr(tuning_regret_drawn, "SEARCHES", 1)
    report("app", LEVERS, series(0.01, 2, "used up"), [])
    told = capsys.readouterr().out
    assert "≥" in told
    assert "with two blocks there is no interval" in told


def test_a_real_answer_is_kept_beside_the_trials(tmp_path: Path) -> None:
    state, tuned = tmp_path / "state.jsonl", Tuned("app", 6.0, (4, 2), 11, 48, 0, 300.0, "0000000")
    keep_line({"kind": "tune", **asdict(tuned)}, state)
    assert read_state(state) == ([], [tuned])
    assert json.loads(state.read_text())["config"] == [4, 2]


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda each: each.app)
def test_each_deployment_has_a_grid_of_16_and_rates_that_a_staircase_reaches(deployment: object) -> None:
    mine = next(each for each in DEPLOYMENTS if each is deployment)
    levers = scope_of(mine.app).asked.levers
    assert next(lever.key for lever in levers) == "target.workers"
    assert len(cells(levers)) == 16
    assert all(14 <= mine.about(config) <= 300 for config in cells(levers))
