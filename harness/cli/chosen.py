"""The scenarios that were asked for: by name, by suite, or as files of the user's own."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from harness.errors import UsageError
from harness.faults import spec_of
from harness.model.scenario import Scenario
from harness.model.target import Target
from harness.overlaps import clash
from harness.plan import Plan
from harness.scenario_rules import mistakes
from scenarios import SCENARIOS, SUITES


def choose_scenarios(names: Sequence[str], target: Target) -> list[Scenario]:
    """Scenarios by name, suite or file, in the order given; also those that the target file declares."""
    by_name = {scenario.name: scenario for scenario in SCENARIOS}
    for scenario in target.scenarios:
        if scenario.name in by_name or scenario.name in SUITES:
            kind = "suite" if scenario.name in SUITES else "scenario"
            raise UsageError(
                f"{target.source}: scenarios.{scenario.name} has the name of a {kind} of ours; accepted: another."
            )
    by_name |= {scenario.name: scenario for scenario in target.scenarios}
    chosen: list[Scenario] = []
    for name in names:
        if name.endswith(".py"):
            chosen.append(_load_file(Path(name)))
        elif name in SUITES:
            chosen += [by_name[member] for member in SUITES[name]]
        elif name in by_name:
            chosen.append(by_name[name])
        else:
            raise UsageError(_unknown(name, [*by_name, *SUITES]))
    return chosen


def _unknown(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, 1)
    hint = f" Did you mean {near[0]}?" if near else ""
    return f"There is no scenario or suite {name!r}.{hint} Accepted are: {', '.join(known)}, or a file NAME.py."


def _load_file(path: Path) -> Scenario:
    """A user's scenario file: Python that defines SCENARIO."""
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise UsageError(f"{path} {what}; NAME.py must be a Python file that defines SCENARIO.")
    spec = importlib.util.spec_from_file_location(f"user_scenario_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} cannot be loaded as Python.")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise UsageError(f"{path} cannot be loaded: {type(error).__name__}: {error}") from error
    scenario = getattr(module, "SCENARIO", None)
    if not isinstance(scenario, Scenario):
        raise UsageError(f"{path} must define SCENARIO, a harness.model.scenario.Scenario.")
    if found := mistakes(scenario):
        told = "; ".join(f"SCENARIO.{key} {says}" for key, says in found)
        raise UsageError(f"{path}: {told}" + ("" if told.endswith("?") else "."))
    return scenario


def check_faults(planned: Plan, target: Target) -> None:
    """Every fault is known, its parameters are in bounds, and the part that it hurts is of the right kind.

    No two that are on at one time own the same thing.
    """
    declared = {scenario.name for scenario in target.scenarios}
    kinds = {part.name: part.kind for part in target.parts}
    for trial in planned.trials:
        for use in trial.scenario.faults:
            part = target.part(use.what)
            try:
                spec = spec_of(use, None if part is None else part.kind)
            except UsageError as error:
                if trial.scenario.name not in declared:
                    raise
                raise UsageError(f"{target.source}: scenarios.{trial.scenario.name}.faults: {error}") from error
            if spec.on in ("http", "postgres") and (part is None or part.kind != spec.on):
                raise UsageError(f"{use.id} needs a part of kind {spec.on}; {use.what} is none.")
        if why := clash(trial.scenario, kinds):
            where = f"scenarios.{trial.scenario.name}.faults"
            raise UsageError(f"{target.source}: {where}: {why}" if trial.scenario.name in declared else why)


def name_completions() -> list[str]:
    return [scenario.name for scenario in SCENARIOS] + list(SUITES)
