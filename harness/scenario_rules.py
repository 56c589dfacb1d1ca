"""What a scenario of the user's own may say. Pure, and asked before anything is started.

A name becomes that of a folder in the run directory, so it may hold nothing that leads elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from typing import get_args

from harness.model.scenario import FaultUse, Ready, Scenario
from harness.model.target import Limits
from harness.target_table import is_number, suggest

MOST_S = 3600.0
MOST_WORKERS = 256
READY: tuple[Ready, ...] = get_args(Ready)
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")
NAME_IS = "letters, digits, -, _ and ., at most 80, with a letter or digit first"

Fits = Callable[[object], bool]


def mistakes(scenario: Scenario) -> list[tuple[str, str]]:
    """Field and sentence of each; a Python file can put anything into it."""
    return [*_of_fields(scenario), *_of_limits(scenario.limits), *_of_faults(scenario.faults)]


def _of_fields(scenario: Scenario) -> Iterator[tuple[str, str]]:
    rules: tuple[tuple[str, Fits, str], ...] = (
        ("name", lambda value: isinstance(value, str) and NAME.fullmatch(value) is not None, NAME_IS),
        ("asks", _is_text, "text"),
        ("requires", _are_texts, 'a tuple of texts, as in ("postgres",)'),
        ("baseline_s", _is_span, f"seconds, 0 to {MOST_S:g}"),
        ("fault_s", _is_span, f"seconds, 0 to {MOST_S:g}"),
        ("recovery_s", _is_span, f"seconds, 0 to {MOST_S:g}"),
        ("ready", lambda value: value in READY, ", ".join(READY)),
        ("min_workers", lambda value: type(value) is int and 1 <= value <= MOST_WORKERS, f"1 to {MOST_WORKERS}"),
        ("settings", _are_scalars, 'a dict of keys and values, as in {"gunicorn.timeout": 4}'),
        ("note", _is_text, "text"),
        ("finds", _are_texts, 'a tuple of texts, as in ("F12",)'),
        ("settles", lambda value: isinstance(value, bool), "True or False"),
        ("climbs", lambda value: isinstance(value, bool), "True or False"),
    )
    for name, fits, accepted in rules:
        value = getattr(scenario, name)
        if not fits(value):
            yield name, f"is {_shown(value)}; accepted: {accepted}"


def _of_limits(limits: object) -> Iterator[tuple[str, str]]:
    if not isinstance(limits, Mapping):
        yield "limits", f'is {_shown(limits)}; accepted: a dict, as in {{"recover_s": 8}}'
        return
    known = [item.name for item in fields(Limits)]
    for name, value in limits.items():
        if name not in known:
            yield f"limits[{_shown(name)}]", f"is no limit; {suggest(str(name), known)}"
        elif not is_number(value) or value < 0:
            yield f"limits[{_shown(name)}]", f"is {_shown(value)}; accepted: a number, 0 or more"


def _of_faults(faults: object) -> Iterator[tuple[str, str]]:
    if not isinstance(faults, tuple | list) or not all(isinstance(use, FaultUse) for use in faults):
        yield "faults", f'is {_shown(faults)}; accepted: a tuple of faults, as in (fault("postgres.refuse", for_s=8),)'
        return
    for i, use in enumerate(faults):
        if not _is_span(use.at_s):
            yield f"faults[{i}].at_s", f"is {_shown(use.at_s)}; accepted: seconds, 0 to {MOST_S:g}"
        if use.for_s is not None and not (_is_span(use.for_s) and use.for_s > 0):
            yield f"faults[{i}].for_s", f"is {_shown(use.for_s)}; accepted: seconds, more than 0, at most {MOST_S:g}"
        if not _are_scalars(use.parameters):
            yield f"faults[{i}]", "has a parameter that is no text and no number; accepted: those that the fault takes"


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _are_texts(value: object) -> bool:
    return isinstance(value, tuple | list) and all(isinstance(each, str) for each in value)


def _is_span(value: object) -> bool:
    return is_number(value) and 0 <= value <= MOST_S


def _are_scalars(value: object) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(key, str) and (isinstance(each, str | bool) or is_number(each)) for key, each in value.items()
    )


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
