"""What a tuning is asked, and what each of its trials showed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.model.record import TrialRecord
from harness.model.target import Scalar
from harness.model.tune import TimeoutKey
from harness.model.verdict import TrialVerdict
from harness.tuning.effects import read_paired
from harness.tuning.levers import Lever
from harness.tuning.staircase import Stairs, read_stairs

CLIMB, PAIR = "climb", "climb-paired"
"""The scenarios of the search and of the blocks, as the plan names them."""
_NO_STAIRS = Stairs(None, None)


@dataclass(frozen=True, slots=True)
class Hardship:
    """A scenario that must be survived."""

    name: str
    min_workers: int = 1


@dataclass(frozen=True, slots=True)
class Asked:
    """What is tuned, and what must be survived. `untested`: scenarios that do not apply, with the reason.

    `table` is the server's table of options, `variables` say where the app reads its timeouts from.
    """

    levers: tuple[Lever, ...]
    scenarios: tuple[Hardship, ...]
    repeat: int = 2
    seed: int = 0
    untested: tuple[tuple[str, str], ...] = ()
    table: str = "gunicorn"
    variables: tuple[TimeoutKey, ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """What one trial showed. `config` holds the value of every lever by its short key.

    Of a scenario `block` is its round: 0 with what was searched, 1 with timeouts as well; and its `record` is kept, for
    from these the timeouts are derived.
    """

    scenario: str
    config: Mapping[str, Scalar]
    block: int
    verdict: TrialVerdict
    stairs: Stairs = _NO_STAIRS
    values: Mapping[str, float] = field(default_factory=dict)
    record: TrialRecord | None = None


def short(key: str) -> str:
    return key.removeprefix("target.")


def see(record: TrialRecord, verdict: TrialVerdict, block: int) -> Seen:
    trial = record.trial
    name = trial.scenario.name
    stairs = read_stairs(record) if name in (CLIMB, PAIR) else _NO_STAIRS
    values = read_paired(record) if name == PAIR else {}
    return Seen(name, trial.config, block, verdict, stairs, values, None if name in (CLIMB, PAIR) else record)
