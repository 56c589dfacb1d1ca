"""How sure is a share of failures? The lower end of the 95 % interval of Clopper and Pearson (Biometrika 26, 1934).

It is exact, and never says "over" more often than it may. Wilson's interval is shorter but cries wolf where events are
rare: for one error in 100 its lower end is 0.18 %, although a service that keeps a budget of 0.1 % shows one error in
100 requests in every tenth measurement.
"""

from __future__ import annotations

from math import exp, lgamma, log, log1p

_ALPHA = 0.025  # the lower half of 5 %


def lower_bound(count: int, n: int) -> float:
    """The smallest true share that explains `count` of `n` at the 95 % level; 0 where nothing happened."""
    if count <= 0 or n <= 0:
        return 0.0
    low, high = 0.0, count / n
    for _ in range(60):
        middle = (low + high) / 2
        if _at_least(count, n, middle) < _ALPHA:
            low = middle
        else:
            high = middle
    return low


def _at_least(count: int, n: int, share: float) -> float:
    """The chance of `count` or more of `n`. Below the mean it is told as 1, which the search never has to know."""
    if count <= n * share:
        return 1.0
    if share <= 0.0:
        return 0.0
    chance = 0.0
    for hits in range(count, n + 1):
        ways = lgamma(n + 1) - lgamma(hits + 1) - lgamma(n - hits + 1)
        misses = (n - hits) * log1p(-share) if hits < n else 0.0
        term = exp(ways + hits * log(share) + misses)
        chance += term
        if term < chance * 1e-12:
            break
    return chance
