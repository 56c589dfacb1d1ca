"""What searches lose that are driven with scores drawn from a bank of real ones. Pure over the bank.

The bank holds what real deployments of every configuration held, block by block. A search is given half of the blocks:
each trial that it asks for takes one of the brackets that were measured of this configuration, and the rate that it
holds lies somewhere in there. The other half judges what was chosen, so no luck of a draw is praised twice; all halves
take either part in turn.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from statistics import fmean, stdev

from harness.tuning.asked import short
from harness.tuning.blocks import randomised_blocks
from harness.tuning.capacity import Held
from harness.tuning.levers import Climbed, Config, Found, Lever, Measure, grid_trials, next_measure
from harness.tuning.staircase import Stairs, StepSeen, climb, scores

ATTEMPTS = 2
"""Of one configuration in one block: a staircase may end before it broke, break at its first step, or be cut off by a
bad moment of the machine, after which the search measures again as well."""
LEAST_BLOCKS = 2
_INTERVAL_BLOCKS = 3  # two, drawn again so that there are two, are the same two
LEAST_SHARE, MOST_REGRET = 1 / 3, 0.02
SEARCHES, AGAIN = 10, 400
_MOST_TRIALS = 200

Bank = Mapping[Config, Sequence[Stairs]]
Means = Mapping[Config, float]


@dataclass(frozen=True, slots=True)
class Result:
    """One trial: a fresh deployment on a staircase. `config` has the value of each lever, in their order."""

    app: str
    block: int
    config: Config
    low_rps: float | None
    high_rps: float | None
    limit: str
    took_s: float
    commit: str

    @property
    def stairs(self) -> Stairs:
        return Stairs(self.low_rps, self.high_rps, self.limit)


@dataclass(frozen=True, slots=True)
class Tuned:
    """One real `tune` from its first trial to its answer."""

    app: str
    minutes: float
    config: Config
    trials: int
    grid_trials: int
    exit_code: int
    took_s: float
    commit: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """One search. `over_luckiest` is what its choice loses against the configuration with the highest mean in the
    blocks that judge, which noise has lifted; `over_seen` against that of the blocks that were drawn from, which may
    not be the best. The truth lies between."""

    start: Config
    choice: Config
    over_luckiest: float
    over_seen: float
    stayed: float
    trials: int


def cells(levers: Sequence[Lever]) -> list[Config]:
    return list(product(*(lever.values for lever in levers)))


def due(results: Sequence[Result], grid: Sequence[Config], blocks: int, seed: int) -> tuple[int, Config] | None:
    """The next block and configuration to measure; None when every block has all of them."""
    for place in randomised_blocks(len(grid), blocks, seed):
        config = grid[place.config]
        mine = [each.stairs for each in results if each.block == place.block and each.config == config]
        if not any(each.bounded and not each.limit for each in mine) and len(mine) < ATTEMPTS:
            return place.block, config
    return None


def bank_of(results: Sequence[Result], blocks: Sequence[int]) -> dict[Config, list[Stairs]]:
    """What was measured in these blocks; a block that is named twice counts twice."""
    found: dict[Config, list[Stairs]] = {}
    for block in blocks:
        for each in results:
            if each.block == block and each.stairs.bounded:
                found.setdefault(each.config, []).append(each.stairs)
    return found


def whole_blocks(results: Sequence[Result], grid: Sequence[Config]) -> list[int]:
    """Those with a score of every configuration."""
    blocks = sorted({each.block for each in results})
    return [block for block in blocks if len(bank_of(results, [block])) == len(grid)]


def means(bank: Bank) -> dict[Config, float]:
    """As the search itself takes the mean of what it saw of a configuration."""
    return {config: fmean(scores(seen)) for config, seen in bank.items()}


def noise(bank: Bank) -> float:
    """Of one configuration between its blocks: standard deviation over mean, on average."""
    return fmean(stdev(each) / fmean(each) for seen in bank.values() if len(each := scores(seen)) > 1)


def climbed(bank: Bank, step: Measure, rng: random.Random) -> Stairs:
    """The staircase that was asked for, climbed by one of the real deployments of this configuration."""
    real = rng.choice(bank[step.config])
    low, high = real.low_rps or 0.0, real.high_rps or 0.0
    today = low * (high / low) ** rng.random()
    beyond: Held = "invalid" if real.limit else "broke"
    return climb([StepSeen(level, "held" if level < today else beyond, real.limit) for level in step.levels])


def searched(levers: Sequence[Lever], bank: Bank, rng: random.Random) -> Found:
    """The search of `tune` from its first trial to its choice."""
    trials: list[Climbed] = []
    while isinstance(step := next_measure(levers, trials, go_on=len(trials) < _MOST_TRIALS), Measure):
        trials.append(Climbed(step.config, climbed(bank, step, rng)))
    return step


def outcome(found: Found, start: Config, seen: Means, judging: Means) -> Outcome:
    best = max(judging, key=lambda config: judging[config])
    likely = max(seen, key=lambda config: seen[config])
    mine = judging[found.config]
    over = (1 - mine / judging[best], 1 - mine / judging[likely], 1 - judging[start] / judging[best])
    return Outcome(start, found.config, *over, found.trials)


def halves(blocks: Sequence[int]) -> Iterator[tuple[list[int], list[int]]]:
    """Every way to draw from one half and to judge by the other."""
    for size in sorted({len(blocks) // 2, len(blocks) - len(blocks) // 2}):
        for drawn in combinations(blocks, size):
            yield list(drawn), [block for block in blocks if block not in drawn]


def outcomes(
    levers: Sequence[Lever],
    results: Sequence[Result],
    parts: Sequence[tuple[Sequence[int], Sequence[int]]],
    searches: int,
    rng: random.Random,
) -> list[Outcome]:
    """So many searches from every configuration as the present one, for each pair of halves."""
    found = []
    for drawn, judge in parts:
        bank, judging = bank_of(results, drawn), means(bank_of(results, judge))
        seen = means(bank)
        for start in cells(levers):
            mine = [Lever(each.key, each.kind, each.values, now) for each, now in zip(levers, start, strict=True)]
            found += [outcome(searched(mine, bank, rng), start, seen, judging) for _ in range(searches)]
    return found


def again(blocks: Sequence[int], rng: random.Random) -> list[tuple[list[int], list[int]]]:
    """Another series of as many blocks, drawn with repetition; what is there twice stays in one half."""
    drawn: list[int] = []
    while len(set(drawn)) < LEAST_BLOCKS:
        drawn = [rng.choice(blocks) for _ in blocks]
    different = sorted(set(drawn))
    rng.shuffle(different)
    first = set(different[: (len(different) + rng.randrange(2)) // 2])
    one = [block for block in drawn if block in first]
    other = [block for block in drawn if block not in first]
    return [(one, other), (other, one)]


def interval(values: Sequence[float]) -> tuple[float, float]:
    ordered = sorted(values)
    return ordered[int(0.025 * len(ordered))], ordered[int(0.975 * len(ordered)) - 1]


def report(app: str, levers: Sequence[Lever], results: Sequence[Result], tuned: Sequence[Tuned]) -> bool | None:
    """Whether both goals are met; None where that cannot be said."""
    mine = [each for each in results if each.app == app]
    grid, most = cells(levers), grid_trials(levers)
    blocks = whole_blocks(mine, grid)
    commits = ", ".join(sorted({each.commit for each in mine})) or "none"
    took_s = sum(each.took_s for each in mine)
    print(f"{app}: {len(mine)} trials in {took_s:.0f} s, {len(blocks)} whole blocks of {len(grid)}, commits: {commits}")
    if len(blocks) < LEAST_BLOCKS:
        print(f"  too few blocks, at least {LEAST_BLOCKS} are needed")
        return None
    bank = bank_of(mine, blocks)
    told_bank(bank, levers)
    rng = random.Random(app)
    found = outcomes(levers, mine, list(halves(blocks)), SEARCHES, rng)
    several = AGAIN if len(blocks) >= _INTERVAL_BLOCKS else 0
    replicas = [outcomes(levers, mine, again(blocks, rng), 1, rng) for _ in range(several)]
    told_share("mean regret, against the luckiest of the blocks that judge", "over_luckiest", found, replicas)
    told_share("mean regret, against the best of the blocks drawn from", "over_seen", found, replicas)
    told_share("staying with what there was would lose", "stayed", found, replicas)
    told_starts(found)
    trials = [each.trials for each in found]
    share = fmean(trials) / most
    print(f"  {len(found)} searches, {fmean(trials):.1f} trials (at most {max(trials)}) of {most}: {share:.0%}")
    for each in tuned:
        told_tuned(each, means(bank))
    goals = f"at most {LEAST_SHARE:.0%} of grid x 3, and a mean regret of at most {MOST_REGRET:.0%}"
    met = meets(found, share)
    print(f"  goals: {goals}: {'not to be told from noise' if met is None else 'met' if met else 'missed'}")
    return met


def meets(found: Sequence[Outcome], share: float) -> bool | None:
    """None where the goal lies between the two ends of what the regret may be."""
    if share > LEAST_SHARE or fmean(each.over_seen for each in found) > MOST_REGRET:
        return False
    return True if fmean(each.over_luckiest for each in found) <= MOST_REGRET else None


def told_bank(bank: Bank, levers: Sequence[Lever]) -> None:
    """A row for each value of the first lever; "≥" where the machine was the limit."""
    print(f"  requests/s, {short(levers[0].key)} down and {' × '.join(short(each.key) for each in levers[1:])} across;")
    print(f"  one configuration differs by {noise(bank):.1%} between its blocks (standard deviation over mean)")
    known = means(bank)
    others = list(product(*(lever.values for lever in levers[1:])))
    print("      " + "".join(f"{','.join(map(str, other)):>9}" for other in others))
    for value in levers[0].values:
        row = [(value, *other) for other in others]
        told = [f"{'≥' if any(each.limit for each in bank[c]) else ''}{known[c]:.1f}" for c in row]
        print(f"  {value:>4}" + "".join(f"{each:>9}" for each in told))


def told_share(what: str, name: str, found: Sequence[Outcome], replicas: Sequence[Sequence[Outcome]]) -> None:
    at = fmean(getattr(each, name) for each in found)
    if not replicas:
        print(f"  {what}: {at:.1%} (with two blocks there is no interval)")
        return
    low, high = interval([fmean(getattr(each, name) for each in replica) for replica in replicas])
    print(f"  {what}: {at:.1%} ({low:.1%} to {high:.1%})")


def told_starts(found: Sequence[Outcome]) -> None:
    """Where the mean comes from: a search may end on either side of a ridge, as it began."""
    print("  from each present value of the other levers, what is lost against the luckiest, and the usual choice:")
    for others in sorted({each.start[1:] for each in found}):
        mine = [each for each in found if each.start[1:] == others]
        choices = [each.choice for each in mine]
        usual = max(sorted(set(choices)), key=choices.count)
        lost = fmean(each.over_luckiest for each in mine)
        print(f"    {','.join(map(str, others)):>4}: {lost:.1%}, {usual} in {choices.count(usual) / len(mine):.0%}")


def told_tuned(each: Tuned, known: Means) -> None:
    best = max(known, key=lambda config: known[config])
    lost = f"{1 - known[each.config] / known[best]:.1%} less than {best}" if each.config in known else "not of the grid"
    print(
        f"  a real tune of {each.minutes:g} min: {each.config} ({lost}), {each.trials} trials of {each.grid_trials},"
        f" {each.took_s:.0f} s, exit {each.exit_code}, commit {each.commit}"
    )
