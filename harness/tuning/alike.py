"""What keeps two stored runs from being compared: another machine, other versions, another app, other data.

The data of a run are its requests, their rate and shape, and the scenario around them. Another seed draws other moments
of the same load, which is a part of the spread. What else the runs may differ in is what is asked about: the
configuration, and the app's own code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.model.request import RequestLine
from harness.model.trial import Trial

_SHOWN = 3


def unlike(base: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """By what the manifests say."""
    found = []
    for name in ("host", "versions"):
        before, after = base.get(name) or {}, new.get(name) or {}
        keys = sorted({*before, *after})
        changed = [key for key in keys if before.get(key) != after.get(key)]
        found += [f"{key} was {before.get(key)} and is {after.get(key)}" for key in changed]
    for name in ("app", "rate_rps"):
        if base.get(name) != new.get(name):
            found.append(f"{name} was {base.get(name)} and is {new.get(name)}")
    return found


def unlike_trials(base: Sequence[Trial], new: Sequence[Trial]) -> list[str]:
    """By what was asked in the scenarios that both have; the first trial of each stands for all of it."""
    found = []
    after = {trial.scenario.name: trial for trial in reversed(new)}
    for was in {trial.scenario.name: trial for trial in reversed(base)}.values():
        now = after.get(was.scenario.name)
        if now is None:
            continue
        name = was.scenario.name
        if was.scenario != now.scenario:
            found.append(f"{name} is another scenario than it was")
        if was.shape != now.shape:
            found.append(f"{name} has another load.shape than it had")
        if changed := _lines(was.requests, now.requests):
            found.append(f"{name} has other request lines ({', '.join(changed)})")
    return list(dict.fromkeys(found))


def _lines(was: Sequence[RequestLine], now: Sequence[RequestLine]) -> list[str]:
    """Names of those that only one side has, or that are not the same."""
    before, after = {line.name: line for line in was}, {line.name: line for line in now}
    changed = [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]
    return [*changed[:_SHOWN], f"and {len(changed) - _SHOWN} more"] if len(changed) > _SHOWN else changed
