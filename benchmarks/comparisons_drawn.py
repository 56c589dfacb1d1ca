"""What a series of equal and of slower runs says of comparisons that are drawn from it."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, median, stdev

from scipy.stats import mannwhitneyu

from harness.tuning.comparison import LEAST_PAIRS
from harness.tuning.metrics import METRICS, Metric
from harness.tuning.paired import effect, judge

FIRST = -1
PLANTED = 0.2
FALSE_ALARMS, POWER = 0.05, 0.9
DRAWS, AGAIN, DRAWS_AGAIN = 4000, 400, 200
Pair = tuple[float, float]
Draw = Callable[[random.Random], Sequence[Pair]]


@dataclass(frozen=True, slots=True)
class Result:
    """One run. `spoilt` are the premises by which `compare` would leave it out; without values it measured nothing.

    `times_us` are the response times of all answers, in the order of their arrivals.
    """

    block: int
    place: int
    planted: bool
    service_ms: int
    commit: str
    exit_code: int
    values: Mapping[str, float] = field(default_factory=dict)
    spoilt: Sequence[str] = ()
    times_us: Sequence[int] = ()

    @property
    def sound(self) -> bool:
        return bool(self.values) and not self.spoilt


def pairs_of(results: Sequence[Result], metric: str, planted: bool) -> list[Pair]:
    """One for each block whose runs are sound: both of the plain ones, or the nearer plain one and the planted one."""
    found = []
    for block in sorted({each.block for each in results} - {FIRST}):
        mine = [each for each in results if each.block == block and each.sound and each.values.get(metric, 0) > 0]
        plain = [each for each in mine if not each.planted]
        slower = [each for each in mine if each.planted]
        if not planted and len(plain) == 2:
            found.append((plain[0].values[metric], plain[1].values[metric]))
        elif planted and plain and slower:
            base = min(plain, key=lambda each: abs(each.place - slower[0].place))
            found.append((base.values[metric], slower[0].values[metric]))
    return found


def by_request(results: Sequence[Result]) -> tuple[int, int]:
    """In how many blocks a rank test over all requests of the two equal runs calls them different; of how many."""
    different, blocks = 0, 0
    for block in sorted({each.block for each in results} - {FIRST}):
        plain = [each for each in results if each.block == block and each.sound and not each.planted and each.times_us]
        if len(plain) == 2:
            blocks += 1
            different += mannwhitneyu(plain[0].times_us, plain[1].times_us).pvalue < 0.05
    return different, blocks


def share(draw: Draw, metric: Metric, wanted: set[str], draws: int, seed: str) -> float:
    """In how many of the drawn comparisons the answer is one of those."""
    rng, hits = random.Random(seed), 0
    for _ in range(draws):
        chosen = draw(rng)
        found = effect([base for base, _ in chosen], [new for _, new in chosen])
        hits += judge(found, metric.better) in wanted
    return hits / draws


def drawn(pairs: Sequence[Pair], count: int, turned: bool) -> Draw:
    """So many of the pairs; equals are turned at random, for either could have been BASE."""

    def draw(rng: random.Random) -> Sequence[Pair]:
        chosen = rng.sample(pairs, count)
        return [pair[::-1] if turned and rng.random() < 0.5 else pair for pair in chosen]

    return draw


def told(
    pairs: Sequence[Pair], metric: Metric, wanted: set[str], count: int, turned: bool = False
) -> tuple[float, float, float]:
    """The share and its 95 % interval, over the blocks: what other series of as many blocks would have given."""
    at = share(drawn(pairs, count, turned), metric, wanted, DRAWS, "once")
    rng, found = random.Random("again"), []
    for number in range(AGAIN):
        again = [rng.choice(pairs) for _ in pairs]
        found.append(share(drawn(again, count, turned), metric, wanted, DRAWS_AGAIN, str(number)))
    found.sort()
    return at, found[int(0.025 * AGAIN)], found[int(0.975 * AGAIN) - 1]


def report(results: Sequence[Result], count: int) -> int:
    print(f"{len(results)} runs, commits: {', '.join(sorted({each.commit for each in results}))}")
    for each in results:
        if not each.sound:
            print(f"  left out: block {each.block}, run {each.place}: {', '.join(each.spoilt) or 'measured nothing'}")
    held = {metric.name: told_metric(results, metric, count) for metric in METRICS if metric.unit == "ms"}
    different, blocks = by_request(results)
    print(f"a rank test over all requests of two equal runs calls {different} of {blocks} pairs different")
    decides = held["p50_ms"]
    if decides is not None:
        print(f"goals: at most {FALSE_ALARMS:.0%} and at least {POWER:.0%} on p50: {'met' if decides else 'missed'}")
    return 2 if decides is None else 0 if decides else 1


def told_metric(results: Sequence[Result], metric: Metric, count: int) -> bool | None:
    """Whether the goals hold; None with too few pairs to say. What was planted too large is also told brought down."""
    same, slower = pairs_of(results, metric.name, False), pairs_of(results, metric.name, True)
    if min(len(same), len(slower)) < 2 * max(count, LEAST_PAIRS):
        print(f"{metric.name}: {len(same)} and {len(slower)} pairs, too few")
        return None
    plain = [value for pair in same for value in pair]
    ratios = [new / base for base, new in slower]
    print(f"{metric.name}: {len(same)} pairs of equals, {len(slower)} with the change; {count} pairs a comparison")
    print(f"  spread of equal runs {stdev(plain) / fmean(plain):.1%} (standard deviation / mean)")
    alarms = told(same, metric, {"better", "worse"}, count, turned=True)
    print(f"  false alarms {_percent(alarms)}")
    low, middle, high = (value - 1 for value in (min(ratios), median(ratios), max(ratios)))
    found = told(slower, metric, {"worse"}, count)
    print(f"  a change of {middle:+.1%} (median; {low:+.1%} to {high:+.1%}) is found in {_percent(found)}")
    if middle > PLANTED:
        down = [(base, new * (1 + PLANTED) / (1 + middle)) for base, new in slower]
        found = told(down, metric, {"worse"}, count)
        print(f"  the same brought down to {PLANTED:+.0%} by a factor is found in {_percent(found)}")
    return alarms[1] <= FALSE_ALARMS and found[2] >= POWER


def _percent(found: tuple[float, float, float]) -> str:
    return f"{found[0]:.1%} ({found[1]:.1%} to {found[2]:.1%})"
