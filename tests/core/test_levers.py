"""Which lever is searched next, and which one is named: on deployments that are computed."""

import random
from collections.abc import Callable, Sequence

import pytest

from harness.tuning.levers import Climbed, Config, Found, Lever, Measure, grid_trials, next_measure, told_from
from harness.tuning.staircase import Stairs, StepSeen, climb
from harness.tuning.trades import traded

Truth = Callable[[Config], float]
WORKERS = Lever("target.workers", "workers", (1, 2, 3, 4), 2)
POOL = Lever("target.env.POOL_SIZE", "pool", (1, 2, 5, 10), 1)
LIMIT = Lever("target.env.LIMIT", "limit", (2, 4), 4)


def climbed(levels: Sequence[float], truth: float, rng: random.Random, noise: float, used_up: float) -> Stairs:
    """`used_up`: the rate from which on the machine has nothing left."""
    today = truth * (1 + rng.gauss(0, noise))
    seen = []
    for level in levels:
        result = "held" if level < min(today, used_up) else "invalid" if level >= used_up else "broke"
        seen.append(StepSeen(level, result, "used up" if result == "invalid" else ""))  # type: ignore[arg-type]
    return climb(seen)


def search(
    levers: Sequence[Lever], truth: Truth, seed: int = 1, noise: float = 0.03, used_up: float = 1e9, most: int = 99
) -> Found:
    rng, trials = random.Random(seed), list[Climbed]()
    while isinstance(step := next_measure(levers, trials, go_on=len(trials) < most), Measure):
        trials.append(Climbed(step.config, climbed(step.levels, truth(step.config), rng, noise, used_up)))
        assert len(trials) < 100
    return step


def blocking(config: Config) -> float:
    return 50.0 * config[0]


def pooled(config: Config) -> float:
    return min(config[0] * config[1] / 0.04, 600.0)


def test_workers_are_the_lever_where_handlers_block() -> None:
    for seed in range(20):
        found = search((WORKERS, LIMIT), blocking, seed)
        assert found.config[0] == 4
        assert found.strongest is not None
        assert found.strongest.lever is WORKERS
        assert found.strongest.ratio == pytest.approx(2, rel=0.15)
        assert not found.hangs


def test_the_pool_is_the_lever_where_requests_wait_for_a_connection() -> None:
    for seed in range(20):
        found = search((WORKERS, POOL), pooled, seed)
        assert pooled(found.config) >= 0.95 * 600
        assert found.strongest is not None
        assert found.strongest.lever is POOL


def test_a_lever_that_made_up_for_another_is_searched_again() -> None:
    """Four workers are best with a pool of 1; with a larger pool one does as well."""
    wide = Lever("target.env.POOL_SIZE", "pool", (1, 10), 1)
    found = search((WORKERS, wide), lambda config: min(config[0] * config[1] * 25.0, 200.0), noise=0.005)
    moves = {move.lever.key: move for move in found.moves}
    assert (moves["target.workers"].before, moves["target.workers"].after) == (2, 1)
    assert moves["target.env.POOL_SIZE"].after == 10
    assert found.config == (1, 10)


def ridged(config: Config) -> float:
    """A database that is best with eight connections in all; more workers hold a little more."""
    total = config[0] * config[1]
    return 50.0 * total / (1 + (total / 8) ** 2) * (1 + 0.15 * config[0])


RIDGE = (Lever("target.workers", "workers", (1, 2, 3, 4), 1), Lever("target.env.POOL_SIZE", "pool", (1, 2, 4, 8), 8))


def test_workers_are_traded_for_connections_where_one_at_a_time_leads_no_further() -> None:
    """With a pool of 4 two workers are best, with two workers a pool of 4; four with a pool of 2 hold more."""
    for seed in range(20):
        found = search(RIDGE, ridged, seed, noise=0.005)
        assert found.config == (4, 2)
        workers, pool = found.moves
        assert (workers.before, workers.after, workers.traded) == (1, 4, "target.env.POOL_SIZE")
        assert (pool.before, pool.after, pool.traded) == (8, 2, "target.workers")
        assert workers.tried[4] == pool.tried[2] == pytest.approx(ridged((4, 2)), rel=0.03)
        assert not found.hangs


def test_what_is_no_better_is_not_traded() -> None:
    for seed in range(20):
        found = search(RIDGE, lambda config: ridged((1, config[0] * config[1])), seed, noise=0.005)
        assert all(not move.traded for move in found.moves)


def test_a_trade_that_there_was_no_time_for_is_told() -> None:
    whole = search(RIDGE, ridged, noise=0.005)
    cut = search(RIDGE, ridged, noise=0.005, most=whole.trials - 1)
    assert cut.config == (2, 4)
    assert cut.unfinished
    assert "before it was traded for workers" in cut.hangs


def test_nothing_is_traded_that_this_machine_cannot_tell_from_the_present() -> None:
    found = search(RIDGE, lambda config: 1000.0 + config[0], used_up=150.0)
    assert all(not move.traded for move in found.moves)


def test_a_trade_keeps_about_as_much_in_all() -> None:
    values = ((1, 2, 3, 4), (1, 2, 4, 8))
    assert list(traded(values, (2, 4))) == [(1, (4, 2)), (1, (1, 8))]
    assert list(traded(values, (4, 2))) == [(1, (2, 4))]  # no more workers are there for a pool of 1
    assert list(traded(values, (1, 1))) == []
    three = ((1, 2, 3, 4), (2, 4), (5, 10))
    assert list(traded(three, (2, 2, 10))) == [(1, (1, 4, 10)), (2, (4, 2, 5))]


def test_what_moves_nothing_is_not_named() -> None:
    named = [search((WORKERS, LIMIT), lambda _: 120.0, seed).strongest for seed in range(30)]
    assert sum(each is not None for each in named) <= 3


def test_the_smallest_that_is_as_good_is_taken() -> None:
    """With a noise as large as what counts as equal it is not always; what is worse never is."""
    chosen = [search((WORKERS,), lambda config: 50.0 * min(config[0], 2), seed).config[0] for seed in range(30)]
    assert chosen.count(2) >= 15
    assert 1 not in chosen
    assert search((WORKERS,), lambda config: 50.0 * min(config[0], 2), noise=0.001).config == (2,)


def test_what_the_machine_cannot_tell_is_said() -> None:
    """One worker holds 100; of more, only that they hold 150 at least."""
    found = search((WORKERS,), lambda config: 100.0 * config[0], used_up=150.0)
    assert found.config[0] > 1
    assert "cannot be told here" in found.hangs
    assert "used up" in found.hangs


def test_a_best_that_nothing_rivals_needs_no_upper_bound() -> None:
    """It alone was cut off by the machine: more would only confirm it."""
    two = Lever("target.workers", "workers", (1, 2), 1)
    found = search((two,), lambda config: 100.0 * config[0], used_up=180.0)
    assert (found.config, found.hangs) == ((2,), "")


@pytest.mark.parametrize(
    ("wanted", "means", "unproven", "told"),
    [
        (1, {1: 1170.0, 2: 811.0}, {1, 2}, 2),  # both are limits of the machine
        (4, {2: 100.0, 4: 400.0}, {2}, 2),  # what is there now may hold as much
        (1, {1: 100.0, 2: 100.0}, {1}, 2),  # as good and smaller, and not proven
        (4, {2: 100.0, 4: 102.0}, {4}, 2),  # better by no more than noise, and not proven
        (1, {1: 100.0, 2: 100.0}, set(), 1),
        (4, {2: 100.0, 4: 150.0}, set(), 4),
        (4, {2: 100.0, 4: 150.0}, {4}, 4),  # it holds so much at least
        (4, {2: 100.0, 4: 150.0}, {1}, 4),
        (3, {2: 100.0, 3: 101.0, 4: 104.0}, {3}, 4),  # one that was told is taken instead
        (2, {1: 50.0, 2: 100.0}, {1, 2}, 2),
        (1, {1: 50.0}, set(), 2),  # nothing is known of what is there now
    ],
)
def test_the_present_value_is_left_only_for_what_was_told_from_it(
    wanted: int, means: dict[int, float], unproven: set[int], told: int
) -> None:
    assert told_from(2, wanted, means, unproven) == told


def test_what_the_machine_cannot_tell_from_the_present_value_is_no_change() -> None:
    """The service holds more than this machine can ask for, whatever the number of its workers."""
    for seed in range(10):
        found = search((WORKERS, LIMIT), lambda _: 1000.0, seed, used_up=150.0)
        assert found.config == (2, 4)
        assert not found.unfinished
        assert found.strongest is None
        workers = found.moves[0]
        assert workers.rival is not None
        assert workers.hangs.startswith(f"kept at 2: this machine cannot tell {workers.rival} from 2; what ")
        assert workers.hangs.endswith("used up")
        assert found.hangs.startswith("workers: kept at 2")


def test_what_is_better_for_certain_is_taken_though_the_machine_cut_it_off() -> None:
    one = Lever("target.workers", "workers", (1, 2, 3, 4), 1)
    for seed in range(10):
        found = search((one,), lambda config: 50.0 if config[0] < 2 else 300.0, seed, used_up=150.0)
        assert found.config[0] > 1
        assert found.moves[0].rival is None


def test_when_the_time_is_over_it_is_said() -> None:
    found = search((WORKERS, POOL), pooled, most=3)
    assert found.trials == 3
    assert "the time was over" in found.hangs
    nothing = search((WORKERS, POOL), pooled, most=0)
    assert nothing.config == (2, 1)


def test_a_staircase_that_was_too_short_counts_when_the_time_is_over() -> None:
    two = Lever("target.workers", "workers", (1, 2), 1)
    trials = [Climbed((1,), Stairs(48.0, 50.0)), Climbed((1,), Stairs(48.0, 50.0)), Climbed((2,), Stairs(119.0, None))]
    found = next_measure((two,), trials, go_on=False)
    assert isinstance(found, Found)
    assert found.config == (2,)
    assert found.moves[0].tried[2] == 119.0
    assert found.unfinished


def test_when_the_time_is_over_only_what_was_seen_to_be_better_is_taken() -> None:
    """The climb of what is there now was too short to end, so it may hold as much."""
    two = Lever("target.workers", "workers", (1, 2), 1)
    trials = [Climbed((1,), Stairs(48.0, None)), Climbed((2,), Stairs(119.0, 125.0))]
    found = next_measure((two,), trials, go_on=False)
    assert isinstance(found, Found)
    assert (found.config, found.moves[0].rival) == ((1,), 2)
    assert "kept at 1, for 2 was not told from it; the time was over" in found.hangs
    proven = next_measure((two,), [Climbed((1,), Stairs(48.0, 50.0)), *trials[1:]], go_on=False)
    assert isinstance(proven, Found)
    assert proven.config == (2,)
    assert "workers: the time was over" in proven.hangs
    limited = next_measure((two,), [Climbed((1,), Stairs(48.0, 50.0, "used up")), *trials[1:]], go_on=False)
    assert isinstance(limited, Found)
    assert limited.config == (1,)


def test_the_same_trials_lead_to_the_same_step() -> None:
    rng, trials = random.Random(5), list[Climbed]()
    while isinstance(step := next_measure((WORKERS, POOL), trials), Measure):
        assert next_measure((WORKERS, POOL), trials) == step
        trials.append(Climbed(step.config, climbed(step.levels, pooled(step.config), rng, 0.03, 1e9)))
    assert next_measure((WORKERS, POOL), trials, go_on=False) == step


def test_a_third_of_the_grid_is_enough() -> None:
    taken = [search((WORKERS, POOL, LIMIT), pooled, seed).trials for seed in range(20)]
    assert grid_trials((WORKERS, POOL, LIMIT)) == 96
    assert max(taken) <= 32


def test_a_lever_is_in_order_and_holds_what_is_now() -> None:
    for values, before in (((1, 2), 3), ((2, 1), 1), ((1, 1), 1), ((), 1)):
        with pytest.raises(ValueError, match="in order"):
            Lever("target.workers", "workers", values, before)
