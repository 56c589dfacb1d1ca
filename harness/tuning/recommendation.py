"""What is handed over in the end: settings to paste, each with its reason, what it changed, and what nobody measured.

The key of a setting is its full path in a target file, as `--set` takes it: `target.workers`,
`target.gunicorn.timeout`, `target.env.POOL_SIZE`, `parts.postgres.settings.statement_timeout`. What has no place in a
target file, a proxy in front of the service or the pod around it, is named by where it belongs: `proxy.read_timeout_s`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.model.target import Scalar


@dataclass(frozen=True, slots=True)
class Effect:
    """What a setting did to one metric: recommended over before (1.2: 20 % more), its interval, from how many pairs."""

    metric: str
    ratio: float
    low: float
    high: float
    pairs: int

    @property
    def sure(self) -> bool:
        """The interval does not hold "no change"."""
        return self.low > 1.0 or self.high < 1.0


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. `before` None: it was not set. `untested` says what of it no trial has shown; empty: nothing."""

    key: str
    before: Scalar | None
    value: Scalar
    reason: str
    effect: Effect | None = None
    untested: str = ""

    @property
    def name(self) -> str:
        """The setting as its own program calls it."""
        return self.key.rpartition(".")[2]

    @property
    def changed(self) -> bool:
        return self.before is None or self.before != self.value


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A setting that won and was taken back, with the scenario and the check that it did not survive."""

    setting: Setting
    scenario: str
    check: str
    why: str


@dataclass(frozen=True, slots=True)
class Recommendation:
    """`trials` were run to find it; the full grid of what was varied would have taken `grid_trials`."""

    settings: tuple[Setting, ...]
    withdrawn: tuple[Withdrawn, ...] = ()
    trials: int = 0
    grid_trials: int = 0

    def of(self, prefix: str) -> Iterator[Setting]:
        """Those whose key begins with a path: `target.gunicorn`, `target.env`."""
        return (each for each in self.settings if each.key.startswith(f"{prefix}."))
