"""From what trials have shown to timeouts that are in order: each with its reason, its numbers, what nobody tested.

Timeouts are not searched for speed. Inside out: a statement may take three times the longest good request, or less
where the deadline leaves no room; the driver a little more; a connection is waited for as long as the service was seen
to need to come back. Outside in: the deadline is a promise, the proxy stands between it and the client, the server's
grace holds a request that takes all of it. What comes out keeps the ladder (harness/model/ladder.py), or it is said why
nothing can.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.model.ladder import Rung
from harness.tuning.recommendation import Setting
from harness.tuning.timeouts.database import no_room, of_the_database
from harness.tuning.timeouts.end import of_the_end
from harness.tuning.timeouts.given import Given, Step
from harness.tuning.timeouts.request import of_the_request, request_limit_s
from harness.tuning.times import Times

__all__ = ["Derived", "Given", "derive"]


@dataclass(frozen=True, slots=True)
class Derived:
    """`values` by rung, in seconds, keep the ladder. `cannot`: why some of it has none."""

    values: Mapping[Rung, float]
    settings: tuple[Setting, ...]
    cannot: str = ""


def derive(times: Times, given: Given) -> Derived:
    request_s = request_limit_s(given)
    around = [*of_the_request(times, given, request_s), *of_the_end(times, given)]
    if not given.database:
        return _derived(around)
    within = of_the_database(times, given, request_s)
    if within is None:
        return _derived(around, no_room(times, request_s))
    return _derived([*within, *around])


def _derived(steps: Sequence[Step], cannot: str = "") -> Derived:
    values: dict[Rung, float] = {step.rung: step.seconds for step in steps if step.rung is not None}
    return Derived(values, tuple(step.setting for step in steps if step.setting is not None), cannot)
