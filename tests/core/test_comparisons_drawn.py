"""The benchmark of `compare`: a series goes on where it was, pairs are of one block, and a planted change is found."""

from __future__ import annotations

import random
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from benchmarks import comparisons_drawn
from benchmarks.comparisons import due, order, planted_ms, read_state
from benchmarks.comparisons_drawn import FIRST, Result, by_request, pairs_of, report
from benchmarks.series import keep_line


def series(noise: float, factor: float, blocks: int = 30) -> list[Result]:
    rng = random.Random(4)
    found = []
    for block, place, planted in due([], blocks):
        value = 10 * (factor if planted else 1) * (1 + rng.gauss(0, noise))
        found.append(Result(block, place, planted, 7, "0000000", 0, {"p50_ms": value}))
    return found


def test_a_series_goes_on_where_it_was(tmp_path: Path) -> None:
    state = tmp_path / "new" / "state.jsonl"
    assert read_state(state) == []
    whole = list(due([], 2))
    assert len(whole) == 9
    for each in series(0.0, 1.2, 2)[:4]:
        keep_line(asdict(each), state)
    with state.open("a") as file:
        file.write('{"block": 1, "pla')
    assert list(due(read_state(state), 2)) == whole[4:]
    keep_line(asdict(series(0.0, 1.2, 2)[4]), state)
    assert list(due(read_state(state), 2)) == whole[5:]


def test_a_block_has_two_plain_runs_and_a_planted_one_in_random_order() -> None:
    assert order(FIRST) == [False, False, False]
    assert {tuple(order(block)) for block in range(30)} == {
        (True, False, False),
        (False, True, False),
        (False, False, True),
    }


def test_the_change_is_a_fifth_of_what_the_first_runs_measured() -> None:
    first = [each for each in series(0.0, 1.2, 0) if each.block == FIRST]
    assert planted_ms(first) == 7 + 2
    with pytest.raises(SystemExit):
        planted_ms([replace(each, values={}) for each in first])


def test_pairs_are_of_one_block_and_what_the_machine_spoilt_has_none() -> None:
    runs = series(0.0, 1.2, 3)
    assert pairs_of(runs, "p50_ms", planted=False) == [(10.0, 10.0)] * 3
    assert pairs_of(runs, "p50_ms", planted=True) == [(10.0, 12.0)] * 3
    spoilt = [replace(each, spoilt=("machine-fit",)) if each.block == 1 and each.planted else each for each in runs]
    assert len(pairs_of(spoilt, "p50_ms", planted=False)) == 3
    assert len(pairs_of(spoilt, "p50_ms", planted=True)) == 2
    silent = [replace(each, values={}) if each.block == 2 and not each.planted else each for each in runs]
    assert len(pairs_of(silent, "p50_ms", planted=False)) == 2


def test_a_test_over_all_requests_is_told_beside_it() -> None:
    same, slower = [10_000 + each for each in range(200)], [10_100 + each for each in range(200)]
    runs = [replace(each, times_us=slower if each.place == 0 else same) for each in series(0.0, 1.2, 30)]
    different, blocks = by_request(runs)
    planted_first = sum(order(block)[0] for block in range(30))
    assert (different, blocks) == (30 - planted_first, 30)


def test_goals_are_met_missed_or_not_yet_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparisons_drawn, "AGAIN", 80)
    monkeypatch.setattr(comparisons_drawn, "DRAWS", 400)
    monkeypatch.setattr(comparisons_drawn, "DRAWS_AGAIN", 50)
    assert report(series(0.03, 1.2, 12), 5) == 0
    assert "met" in capsys.readouterr().out
    assert report(series(0.3, 1.05, 12), 5) == 1, "so small a change drowns in so much noise"
    assert "missed" in capsys.readouterr().out
    assert report(series(0.03, 1.2, 4), 5) == 2
    assert "too few" in capsys.readouterr().out
