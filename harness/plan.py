"""From scenarios and what is varied to the trials of a run: ordered, seeded, with the time they will take.

Pure. The same input gives the same plan anywhere. A scenario's names are general ("dependency"); a planned trial's are
those of the target's file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from harness.model.fault_traits import has_trait
from harness.model.scenario import FaultUse, Ready, Scenario
from harness.model.secrecy import may_be_secret
from harness.model.target import Part, PostgresPart, Scalar, Target
from harness.model.trial import PlannedTrial
from harness.servers import SERVERS, server_of
from harness.target_override import short_key
from harness.timeline import length_s

_NO_PART = ("ingress", "worker", "server", "client")
BEYOND_DEADLINE_S = 3.0
"""How much longer a fault lasts that is to outlast the deadline: the slack of an answer, and the client's 2 s more."""


@dataclass(frozen=True, slots=True)
class Plan:
    """`not_applicable` pairs the name of a scenario with the reason."""

    trials: tuple[PlannedTrial, ...]
    not_applicable: tuple[tuple[str, str], ...]

    @property
    def estimate_s(self) -> float:
        return sum(trial.estimate_s for trial in self.trials)


def plan(
    scenarios: Sequence[Scenario],
    target: Target,
    *,
    workers: Sequence[int],
    repeat: int,
    seed: int,
    overrides: Mapping[str, Scalar],
    unable: Mapping[str, str] | None = None,
) -> Plan:
    """Every scenario with every number of workers, and all of that `repeat` times.

    Repetitions are the outer loop, so that slow drift of the machine spreads over all of them. `unable` says why this
    machine cannot do a fault, by its name with its kind (`worker.block-loop`).
    """
    trials: list[PlannedTrial] = []
    refused: dict[tuple[str, str], None] = {}
    for repetition in range(repeat):
        for count in workers:
            for scenario in scenarios:
                if why := why_not(scenario, target, count, unable or {}):
                    refused[scenario.name, why] = None
                    continue
                trials.append(plan_trial(len(trials) + 1, scenario, target, count, overrides, seed, repetition))
    return Plan(tuple(trials), tuple(refused))


def plan_trial(
    index: int,
    scenario: Scenario,
    target: Target,
    workers: int,
    overrides: Mapping[str, Scalar],
    seed: int,
    block: int,
    rate_rps: float | None = None,
) -> PlannedTrial:
    """One trial of a plan. Whatever is varied, its load is that of the others in its block."""
    own = _for_target(scenario, target)
    return PlannedTrial(
        index=index,
        scenario=own,
        workers=workers,
        config=_config(scenario, target, workers, overrides),
        seed=_seed(seed, scenario.name, block),
        estimate_s=length_s(own),
        block=block,
        rate_rps=rate_rps,
    )


def _seed(seed: int, name: str, block: int) -> int:
    """The same for every configuration: what is compared gets the same load."""
    digest = hashlib.blake2b(f"{seed}/{name}/{block}".encode(), digest_size=4).digest()
    return int.from_bytes(digest) >> 1


def _config(scenario: Scenario, target: Target, workers: int, overrides: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """What differs from the file. What the user sets holds against what the scenario sets.

    Options of another server are left out. Values that may be secrets are not shown.
    """
    mine = server_of(target.server).table
    others = tuple(f"{server.table}." for server in SERVERS if server.table != mine)
    merged = {**scenario.settings, **{short_key(key): _shown(key, value) for key, value in overrides.items()}}
    kept = {key: value for key, value in merged.items() if not key.startswith(others)}
    return {**kept, "workers": workers}


def _shown(key: str, value: Scalar) -> Scalar:
    return "(set)" if may_be_secret(key) else value


def why_not(scenario: Scenario, target: Target, workers: int, unable: Mapping[str, str]) -> str:
    """The reason why a scenario cannot be run on this target, or here, or nothing. `unable` as of `plan`."""
    if workers < scenario.min_workers:
        return f"it needs {scenario.min_workers} workers or more, and there {'is' if workers == 1 else 'are'} {workers}"
    for wanted in scenario.requires:
        if target.part(wanted) is None and not target.names_of(wanted):
            return f"it needs a part of kind {wanted}, and the target has none"
    for use in scenario.faults:
        what = _what(use, target)
        if what not in _NO_PART and target.part(what) is None:
            return f"its fault {use.id} needs the part {what}, and the target has none"
        if why := _not_ours(use, target.part(what)):
            return why
        if why := _not_migrated(use, target):
            return why
        if why := _not_taken(use, target, workers):
            return why
    return _unable(scenario, target, unable)


def _unable(scenario: Scenario, target: Target, unable: Mapping[str, str]) -> str:
    """Why this machine cannot do one of its faults; empty where it can do all."""
    for use in scenario.faults:
        part = target.part(_what(use, target))
        kinds = (use.what,) if part is None else ("link", part.kind)
        kinds = ("link",) if use.what == "ingress" else kinds
        for kind in kinds:
            if why := unable.get(f"{kind}.{use.name}"):
                return f"its fault {use.id} is not possible here: {why}"
    return ""


def _not_migrated(use: FaultUse, target: Target) -> str:
    """Why the setup cannot be run on a database of its own; empty where it can, or where it is not asked for."""
    if not has_trait(use.id, "beside"):
        return ""
    if not target.setup:
        return f"its fault {use.id} runs the setup commands, and the target has none"
    kept = [part.name for part in target.parts if isinstance(part, PostgresPart) and part.use_existing]
    return f"its fault {use.id} needs a fresh database, and parts.{kept[0]} has use_existing" if kept else ""


def _not_taken(use: FaultUse, target: Target, workers: int) -> str:
    """Why the server cannot be asked for an operation; empty where it can, or where no operation is asked for."""
    operation = {"reload-broken": "sighup"}.get(use.name, use.name)
    if use.what != "server" or not (has_trait(use.id, "harmless") or operation != use.name):
        return ""
    why = server_of(target.server).why_not(operation, workers)
    return f"its fault {use.id} is not possible: {why}" if why else ""


def _not_ours(use: FaultUse, part: Part | None) -> str:
    """Why a fault may not be done to a server or a database of the user; empty where it may."""
    if not isinstance(part, PostgresPart) or part.url is None:
        return ""
    if use.name == "full-disk":
        return f"its fault {use.id} needs a disk of ours under the server, and that of parts.{part.name}.url is yours"
    if has_trait(use.id, "ours"):
        return f"its fault {use.id} ends or stops a whole server, and that of parts.{part.name}.url is yours"
    if part.use_existing and has_trait(use.id, "lasting"):
        return f"its fault {use.id} changes a setting of the database, and that of parts.{part.name} is yours"
    return ""


def _what(use: FaultUse, target: Target) -> str:
    """The user's name for what a fault hurts. A name that the user gave comes before a general one."""
    if use.what in _NO_PART or target.part(use.what) is not None:
        return use.what
    if use.what == "dependency":
        return _dependency(target) or use.what
    if use.what == "postgres":
        return next(iter(target.names_of("postgres")), use.what)
    return use.what


def _dependency(target: Target) -> str | None:
    """The first HTTP part that some request needs, else the first."""
    names = target.names_of("http")
    needed = [name for name in names if any(name in line.needs for line in target.load.requests)]
    return next(iter([*needed, *names]), None)


def _for_target(scenario: Scenario, target: Target) -> Scenario:
    faults = tuple(
        replace(use, id=f"{_what(use, target)}.{use.name}", for_s=_lasts_s(use, target)) for use in scenario.faults
    )
    return replace(scenario, faults=faults, ready=_ready(scenario.ready, faults, target))


def _lasts_s(use: FaultUse, target: Target) -> float | None:
    """A fault that is to outlast the deadline lasts longer by what a request late in its slack needs to show."""
    if not use.outlasts_deadline:
        return use.for_s
    return max(use.for_s or 0.0, target.slo.deadline_s + BEYOND_DEADLINE_S)


def _ready(ready: Ready, faults: Sequence[FaultUse], target: Target) -> Ready:
    """What readiness must say on this target: it depends on which parts its readiness needs."""
    parts = [use for use in faults if target.part(use.what) is not None]
    needed = [use for use in parts if use.what in target.ready_needs]
    if ready == "down" and parts and len(parts) == len(faults) and not needed:
        return "up"
    if ready == "down" and not parts and not set(target.names_of("postgres")) & set(target.ready_needs):
        return "any"
    if ready == "up" and not all(has_trait(use.id, "mild") for use in needed):
        return "any"
    return ready
