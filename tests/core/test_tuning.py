"""What comes next and what differs, decided from results that are made here: with noise, drift and machines unfit."""

import math
import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.tuning.blocks import randomised_blocks
from harness.tuning.capacity import Capacity, Range, Tried, Try, Unknown, next_step
from harness.tuning.paired import effect, holm, judge
from harness.tuning.smallest import Bounds, Chosen, TryNumber, next_number


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**31))
def test_each_block_holds_every_configuration_once(configs: int, repeat: int, seed: int) -> None:
    places = randomised_blocks(configs, repeat, seed)
    for block in range(repeat):
        assert sorted(p.config for p in places if p.block == block) == list(range(configs))
    assert places == randomised_blocks(configs, repeat + 1, seed)[: len(places)]


def test_the_order_differs_between_blocks() -> None:
    orders = {tuple(p.config for p in randomised_blocks(4, 20, 7)[i : i + 4]) for i in range(0, 80, 4)}
    assert len(orders) > 5


def test_an_effect_against_worked_figures() -> None:
    # log-ratios 0.1, 0.2, 0.3: mean 0.2, standard error 0.1/√3; t(2) at 97.5 % is 4.3027, at 90 % 1.8856
    found = effect([1, 1, 1], [math.exp(0.1), math.exp(0.2), math.exp(0.3)])
    error = 0.1 / math.sqrt(3)
    assert found.ratio == pytest.approx(math.exp(0.2))
    assert found.low == pytest.approx(math.exp(0.2 - 4.30265 * error), rel=1e-5)
    assert found.high == pytest.approx(math.exp(0.2 + 4.30265 * error), rel=1e-5)
    assert found.p == pytest.approx(0.0742, abs=1e-4)
    assert found.smallest_visible == pytest.approx(math.exp((4.30265 + 1.88562) * error), rel=1e-5)


@pytest.mark.parametrize(
    ("new", "better", "finding"),
    [
        ([130, 131, 129], "lower", "worse"),
        ([130, 131, 129], "higher", "better"),
        ([70, 71, 69], "lower", "better"),
        ([103, 103, 103], "lower", "no difference seen"),  # sure, and too small to matter
        ([150, 70, 130], "lower", "no difference seen"),
        ([100, 100, 100], "lower", "no difference seen"),
    ],
)
def test_a_difference_is_sure_and_matters(new: list[float], better: str, finding: str) -> None:
    assert judge(effect([100, 100, 100], new), better) == finding  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("base", "new"), [([1], [1]), ([1, 2], [1]), ([1, 0], [1, 1]), ([1, math.nan], [1, 1]), ([], [])]
)
def test_what_cannot_be_compared_is_refused(base: list[float], new: list[float]) -> None:
    with pytest.raises(ValueError, match=r"blocks|above 0"):
        effect(base, new)


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng, inside = random.Random(5), 0
    for _ in range(2000):
        drift = [rng.gauss(0, 0.5) for _ in range(5)]
        base = [math.exp(d + rng.gauss(0, 0.1)) for d in drift]
        new = [1.2 * math.exp(d + rng.gauss(0, 0.1)) for d in drift]
        found = effect(base, new)
        inside += found.low <= 1.2 <= found.high
    assert inside / 2000 == pytest.approx(0.95, abs=0.02)


def test_holm_stops_at_the_first_that_fails() -> None:
    assert holm({"a": 0.01, "b": 0.02, "c": 0.03}) == {"a", "b", "c"}
    assert holm({"a": 0.01, "b": 0.03, "c": 0.04}) == {"a"}
    assert holm({"a": 0.2}) == holm({}) == frozenset()


def search(truth_rps: float, where: Range, noise: float = 0.0, seed: int = 0) -> tuple[Capacity | Unknown, list[Tried]]:
    rng, tried = random.Random(seed), list[Tried]()
    while isinstance(step := next_step(tried, where), Try):
        limit = truth_rps * math.exp(rng.gauss(0, noise if step.long else 3 * noise))
        tried.append(Tried(step.rate_rps, step.long, "held" if step.rate_rps <= limit else "broke"))
    return step, tried


@given(st.floats(2, 20_000), st.floats(1, 25_000))
def test_the_capacity_lies_in_the_interval(truth_rps: float, start_rps: float) -> None:
    where = Range(start_rps=start_rps, max_rps=25_000, max_trials=60)
    found, tried = search(truth_rps, where)
    assert isinstance(found, Capacity)
    assert found.low_rps <= truth_rps < found.high_rps <= found.low_rps * 1.05 * (1 + 1e-12)
    for edge in (found.low_rps, found.high_rps):
        assert sum(trial.long and trial.rate_rps == edge for trial in tried) >= 2


def test_noise_costs_trials_and_not_the_answer() -> None:
    where = Range(start_rps=100, max_rps=25_000, max_trials=60)
    results = [search(1300, where, noise=0.02, seed=seed) for seed in range(200)]
    found = [step for step, _ in results if isinstance(step, Capacity)]
    assert len(found) >= 198
    off = [abs(math.log(math.sqrt(step.low_rps * step.high_rps) / 1300)) for step in found]
    assert sum(off) / len(off) < 0.04
    assert sum(step.trials for step in found) / len(found) < 22


def test_the_ends_of_the_range_are_bounds_and_no_answers() -> None:
    above, _ = search(1e9, Range(start_rps=100, max_rps=800))
    assert isinstance(above, Unknown)
    assert (above.held_rps, "can prove" in above.why) == (800, True)
    below, _ = search(0.5, Range(start_rps=100, max_rps=800))
    assert isinstance(below, Unknown)
    assert (below.held_rps, "does not hold at 1/s" in below.why) == (None, True)


def test_an_unfit_machine_is_told_after_three_trials_in_a_row() -> None:
    unfit = Tried(100, False, "invalid", "other programs used the CPU")
    where = Range(start_rps=100, max_rps=800)
    assert next_step([unfit, unfit], where) == Try(100, long=False)
    step = next_step([unfit] * 3, where)
    assert isinstance(step, Unknown)
    assert "other programs used the CPU" in step.why
    assert isinstance(next_step([unfit, unfit, Tried(100, False, "held"), unfit], where), Try)


def test_trials_that_contradict_each_other_for_ever_are_told() -> None:
    tried: list[Tried] = []
    flip = random.Random(3)
    while isinstance(step := next_step(tried, Range(start_rps=100, max_rps=800, max_trials=12)), Try):
        tried.append(Tried(step.rate_rps, step.long, flip.choice(["held", "broke"])))
    assert len(tried) <= 12


@pytest.mark.parametrize(("start_rps", "precision"), [(0.5, 0.05), (900, 0.05), (100, 0), (100, 0.7)])
def test_a_range_without_order_is_refused(start_rps: float, precision: float) -> None:
    with pytest.raises(ValueError, match=r"order|precision"):
        Range(start_rps, max_rps=800, precision=precision)


def choose(truth: Sequence[float], noise: float, seed: int) -> Chosen:
    rng, scores = random.Random(seed), dict[int, list[float]]()
    bounds = Bounds(1, len(truth))
    while isinstance(step := next_number(scores, bounds), TryNumber):
        scores.setdefault(step.number, []).append(truth[step.number - 1] * (1 + rng.gauss(0, noise)))
        assert sum(map(len, scores.values())) < 60
    return step


KNEE = [min(n, 2) * (1 - 0.02 * max(0, n - 2)) for n in range(1, 13)]
SMOOTH = [n / (1 + 0.03 * (n - 1) + 0.01 * n * (n - 1)) for n in range(1, 13)]


@pytest.mark.parametrize("truth", [KNEE, SMOOTH], ids=["sharp knee at 2", "smooth peak at 9"])
@pytest.mark.parametrize("noise", [0.0, 0.03, 0.08])
def test_few_trials_find_a_number_that_is_as_good(truth: list[float], noise: float) -> None:
    found = [choose(truth, noise, seed) for seed in range(200)]
    regret = [1 - truth[step.number - 1] / max(truth) for step in found]
    assert sum(regret) / len(regret) <= (0.02 if noise else 0.03)
    assert sum(step.trials for step in found) / len(found) <= 12


def test_a_plateau_gives_the_smallest() -> None:
    assert choose([1.0] * 16, 0, 0).number == 1
    assert choose([0.5, 1.0, 1.0, 1.02, 1.02, 1.02, 1.01, 1.0], 0, 0).number == 2
    assert choose([1.0], 0, 0) == Chosen(1, 1, 2)


def test_bounds_without_order_are_refused() -> None:
    with pytest.raises(ValueError, match="order"):
        Bounds(4, 2)
