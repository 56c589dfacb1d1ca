"""The seam of all faults: a pure spec (what it is called, what it takes, what it does) and an actor that does it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from harness.deployment import Deployment
from harness.errors import UsageError
from harness.faults.reloading import Hook
from harness.model.request import RequestLine
from harness.model.scenario import FaultUse
from harness.model.target import Scalar
from harness.parts.postgres import Database, Postgres
from harness.parts.postgres_disk import SmallDisk
from harness.parts.postgres_reserved import Reserved
from harness.parts.stub import Stub
from harness.parts.toxiproxy import Proxy, Toxiproxy
from harness.system.process import Spawner

Evidence = Mapping[str, Scalar]
Boot = Callable[[bool], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Proof:
    """Does the fault bite? `why` is a sentence either way."""

    ok: bool
    why: str
    evidence: Evidence = field(default_factory=dict)


class Actor(Protocol):
    """Does one fault. `apply` and `lift` return evidence; `lift` may be called without `apply` and more than once."""

    async def apply(self) -> Evidence: ...
    async def prove(self) -> Proof: ...
    async def lift(self) -> Evidence: ...


@dataclass(frozen=True, slots=True)
class Link:
    """An arrow of the topology: `kind` is ingress, postgres or http; `live` is the path that the ingress answers."""

    name: str
    kind: str
    proxy: Proxy
    live: str = "/"


@dataclass(frozen=True, slots=True)
class Held:
    """A PostgreSQL of the trial: the server, the app's database in it, and our own session beside the proxy.

    `disk` is the small one that the database lies on, where a fault needs that.
    """

    server: Postgres
    database: Database
    reserved: Reserved
    disk: SmallDisk | None = None


@dataclass(frozen=True, slots=True)
class Setup:
    """The target's setup commands, the folder that they run in, and that of their logs.

    `environment(databases)` is the whole environment of the app with these databases instead of the trial's.
    """

    commands: tuple[str, ...]
    root: Path
    logs: Path
    environment: Callable[[Mapping[str, Database]], Mapping[str, str]]


async def nobody_boots(ready: bool) -> str:
    return "Nobody is there who starts a server."


@dataclass(frozen=True, slots=True)
class Stage:
    """What a fault may touch in a trial, and the seed of what it leaves to chance.

    `lines` are what the load sends, as it is sent, `rate_rps` how often: for faults of clients. `spawner` starts what a
    fault needs beside itself. `boot(ready)` starts a server that has ended once more and waits until it is up (and
    `ready`): the reason why it is not, or nothing. `setup` is what a deployment job would do before it, `hook`
    what tells new workers to start slowly or not at all, where a fault needs it.
    """

    deployment: Deployment
    spawner: Spawner
    toxiproxy: Toxiproxy
    links: Mapping[str, Link]
    stubs: Mapping[str, Stub]
    postgres: Mapping[str, Held] = field(default_factory=dict)
    seed: int = 0
    lines: tuple[RequestLine, ...] = ()
    rate_rps: float = 0.0
    boot: Boot = nobody_boots
    setup: Setup | None = None
    hook: Hook | None = None


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number that a fault takes, with unit in its name and bounds."""

    name: str
    default: float
    low: float
    high: float
    help: str


@dataclass(frozen=True, slots=True)
class Choice:
    """A word that a fault takes: one of `accepted`, or where that is empty a text that fits `pattern`.

    `in_words` says for people what the pattern takes.
    """

    name: str
    default: str
    help: str
    accepted: tuple[str, ...] = ()
    pattern: str = ".*"
    in_words: str = "any text"

    @property
    def takes(self) -> str:
        """What is accepted, for a list or a table."""
        return ", ".join(self.accepted) or self.in_words


@dataclass(frozen=True, slots=True)
class FaultSpec:
    """`on` says what it hurts: a proxied link, a part itself, a worker, the whole server, or what clients do.

    `unable` tries whether this machine can do it, and says why not; it is asked before the plan is made. `owns` names
    what only one fault of the same `what` can have at a time (harness/overlaps.py), as a path: who owns `link` has
    `link/switch` too. `per` is the parameter that tells one such thing from another; a negative value may be any.
    """

    name: str
    on: Literal["link", "http", "postgres", "worker", "server", "client"]
    does: str
    build: Callable[[FaultUse, Stage], Actor]
    parameters: tuple[Parameter, ...] = ()
    choices: tuple[Choice, ...] = ()
    unable: Callable[[], str] | None = None
    owns: str = ""
    per: str = ""

    def word(self, use: FaultUse, name: str) -> str:
        """A choice in this use: given, or its default."""
        default = next(choice.default for choice in self.choices if choice.name == name)
        return str(use.parameters.get(name, default))

    def value(self, use: FaultUse, name: str) -> float:
        """A parameter's value in this use: given, or its default."""
        spec = next(parameter for parameter in self.parameters if parameter.name == name)
        given = use.parameters.get(name, spec.default)
        return float(given)

    def check(self, use: FaultUse) -> None:
        """UsageError for a parameter that is not known or out of bounds."""
        known = {parameter.name: parameter for parameter in self.parameters}
        words = {choice.name: choice for choice in self.choices}
        for name, given in use.parameters.items():
            if name in words:
                _check_word(use, words[name], given)
                continue
            if name not in known:
                accepted = ", ".join([*known, *words]) or "none"
                raise UsageError(f"{use.id} does not take {name!r}; it takes: {accepted}.")
            spec = known[name]
            if isinstance(given, (str, bool)) or not spec.low <= given <= spec.high:
                raise UsageError(
                    f"{use.id}: {name} must be a number from {spec.low:g} to {spec.high:g}, not {given!r}."
                )


def _check_word(use: FaultUse, choice: Choice, given: Scalar) -> None:
    fits = isinstance(given, str) and (
        given in choice.accepted if choice.accepted else re.fullmatch(choice.pattern, given) is not None
    )
    if not fits:
        accepted = " or ".join(f'"{word}"' for word in choice.accepted) or choice.in_words
        raise UsageError(f"{use.id}: {choice.name} must be {accepted}, not {given!r}.")
