"""What is under test: an app, its server, the parts it needs, the load it gets, and what is asked of it.

Read from a target file by `harness.target`; see docs/target-file.md for each key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from harness.model.audit import AuditSpec
from harness.model.load_shape import STEADY, LoadShape
from harness.model.request import RequestLine as RequestLine
from harness.model.scalar import Scalar as Scalar
from harness.model.scenario import Scenario
from harness.model.tune import TuneSpec


@dataclass(frozen=True, slots=True)
class PostgresPart:
    """A PostgreSQL server: started by us, or reached at `url` (a superuser's)."""

    name: str
    url: str | None = None
    use_existing: bool = False
    settings: Mapping[str, Scalar] = field(default_factory=dict)
    kind: Literal["postgres"] = "postgres"


@dataclass(frozen=True, slots=True)
class Route:
    """What the dependency stub answers on `path` (a `*` at the end matches any rest) when nothing is wrong."""

    path: str
    status: int = 200
    json: object = field(default_factory=dict)
    latency_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class HttpPart:
    """An HTTP dependency: our programmable stub behind its own proxy."""

    name: str
    routes: tuple[Route, ...] = ()
    kind: Literal["http"] = "http"


Part = PostgresPart | HttpPart


@dataclass(frozen=True, slots=True)
class FlowSpec:
    """A user's own Locust file in place of request lines. `users` is for the closed model, which has no rate."""

    locustfile: str
    model: Literal["open", "closed"] = "open"
    users: int = 0


@dataclass(frozen=True, slots=True)
class LoadSpec:
    """The load; `rate_rps` None means that a calibration finds it, `connections` 0 as many as can be needed.

    With a `flow` the rate is that of its tasks, and `requests` are what probes of ours may ask. `values` is a CSV file
    of which each arrival takes a row: `varied` are then the lines before that, `requests` those of the first row.
    `pre_connect` opens connections before the start, as many as the rate needs for answers within 0.1 s.
    `timeout_declared`: the file says how long its clients wait, and it is not only the patience of the load.
    """

    rate_rps: float | None = None
    connections: int = 0
    timeout_s: float = 12.0
    requests: tuple[RequestLine, ...] = ()
    shape: LoadShape = STEADY
    flow: FlowSpec | None = None
    values: str = ""
    varied: tuple[RequestLine, ...] = ()
    pre_connect: bool = False
    timeout_declared: bool = False

    @property
    def lines(self) -> tuple[RequestLine, ...]:
        """As they were declared."""
        return self.varied or self.requests

    @property
    def closed(self) -> bool:
        """Users who wait for their answers, at no rate that is known before."""
        return self.flow is not None and self.flow.model == "closed"


@dataclass(frozen=True, slots=True)
class AuthSpec:
    """How a client logs in: one request, and where in its JSON answer the token stands (`token`, outermost key first).

    Header values and body may hold `{secret.NAME}`.
    """

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: str = field(repr=False)
    expect: tuple[int, ...]
    token: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LedgerSpec:
    """`keys` is a query that gives one row, one text column, for each stored effect."""

    keys: str
    settle_s: float = 2.0


@dataclass(frozen=True, slots=True)
class ProbeSpec:
    """A probe in Kubernetes' words."""

    period_s: float = 1.0
    timeout_s: float = 1.0
    failure_threshold: int = 3


@dataclass(frozen=True, slots=True)
class Slo:
    p99_ms: float = 250.0
    error_rate: float = 0.001
    deadline_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of the checks; each check documents the reason for the default of those that it uses."""

    ready_down_s: float = 4.0
    recover_s: float = 5.0
    stuck_s: float = 3.0
    answer_slack_s: float = 0.5
    orphan_s: float = 5.0
    grace_slack_s: float = 2.0
    drain_delay_s: float = 0.0
    accepted_before_ms: float = 250.0
    retry_ratio: float = 4.0
    leak_mib: float = 4.0
    steady_ratio: float = 1.25
    steady_ms: float = 5.0
    send_lag_share: float = 0.10
    loop_lag_ms: float = 100.0
    control_ms: float = 250.0
    steal_share: float = 0.10
    cpu_pressure_share: float = 0.60
    foreign_cpu_share: float = 0.25


@dataclass(frozen=True, slots=True)
class Target:
    """One deployment as its file describes it. Paths are absolute; `root` is the folder of the file.

    `termination_s`: how long after SIGTERM whoever runs it sends SIGKILL, where the file says so. `proxy_s`: how long
    whatever stands in front of it waits for its answer, likewise. `scenarios` are those that the file declares itself.
    `limits_given` are the limits that stand in the file: the others are our defaults.
    """

    name: str
    source: str
    root: Path
    app: str
    server: str
    python: Path
    workers: int
    live: str
    ready: str
    ready_needs: tuple[str, ...]
    setup: tuple[str, ...]
    pass_env: tuple[str, ...]
    env: Mapping[str, str]
    options: Mapping[str, Mapping[str, Scalar]]
    parts: tuple[Part, ...]
    load: LoadSpec
    ledger: LedgerSpec | None
    live_probe: ProbeSpec
    ready_probe: ProbeSpec
    slo: Slo
    limits: Limits
    auth: AuthSpec | None = None
    audit: AuditSpec = field(default_factory=AuditSpec)
    termination_s: float | None = None
    proxy_s: float | None = None
    tune: TuneSpec = field(default_factory=TuneSpec)
    scenarios: tuple[Scenario, ...] = ()
    limits_given: tuple[str, ...] = ()

    def part(self, name: str) -> Part | None:
        return next((part for part in self.parts if part.name == name), None)

    def names_of(self, kind: str) -> tuple[str, ...]:
        """The user's names of the parts of one kind, in the order of the file."""
        return tuple(part.name for part in self.parts if part.kind == kind)

    def limits_for(self, scenario: Scenario) -> Limits:
        """Those of the file's [limits]; of what is not given there, the scenario's; else our defaults.

        What the file says of one of its own scenarios is the more special word, and goes before [limits].
        """
        own = any(scenario.name == each.name for each in self.scenarios)  # a plan fills in its faults
        theirs = () if own else self.limits_given
        return replace(self.limits, **{key: value for key, value in scenario.limits.items() if key not in theirs})
