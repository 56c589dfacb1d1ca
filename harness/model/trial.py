"""One trial: what was planned, and the facts that a judge needs to know about it. Written to `trial.json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.model.cpu_map import CpuMap
from harness.model.known_limit import KnownLimit
from harness.model.load_shape import STEADY, LoadShape
from harness.model.scenario import Scenario
from harness.model.target import FlowSpec, Limits, ProbeSpec, RequestLine, Scalar, Slo

DEFAULT_GRACE_S = 30.0


@dataclass(frozen=True, slots=True)
class PlannedTrial:
    """An entry of the plan. `config` holds the effective values that were varied or overridden, by key.

    `block` numbers the repetition: trials of the same block are compared with each other. `rate_rps` is the trial's own
    rate and `shape` its own course of rates, where they are not the run's.
    """

    index: int
    scenario: Scenario
    workers: int
    config: Mapping[str, Scalar]
    seed: int
    estimate_s: float
    block: int = 0
    rate_rps: float | None = None
    shape: LoadShape | None = None

    @property
    def slug(self) -> str:
        """Name of the trial's folder."""
        return f"{self.index:02d}-{self.scenario.name}"


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """The server's settings in force, as the app's own interpreter resolved them. None: the server has no such limit.

    `stuck_timeout_s` is how long the supervisor waits for a worker's heartbeat, `graceful_s` how long a shutdown may
    take, `keepalive_s` how long an idle connection is kept, `max_requests` 0 when workers are not recycled.
    """

    stuck_timeout_s: float | None = None
    graceful_s: float | None = None
    keepalive_s: float | None = None
    max_requests: int = 0
    version: str = ""

    @property
    def leaves_in_s(self) -> float:
        """How long a shutdown may take: where it has no limit, Kubernetes' default terminationGracePeriodSeconds."""
        return DEFAULT_GRACE_S if self.graceful_s is None else self.graceful_s


@dataclass(frozen=True, slots=True)
class Trial:
    """All that a judge knows of a trial beside its observations and samples. Holds no secrets, only names.

    `part_kinds` maps the user's name of a part to its kind; `key_prefix` begins each key that the load stored (arrival
    number k sends `{key_prefix}-{k}`). With a `flow`, `requests` are those that it was seen to make. `termination_s` is
    how long after SIGTERM whoever runs the service sends SIGKILL, `proxy_s` how long the proxy in front of it waits for
    an answer; None: the target does not say. Nor does it say how long clients wait, unless `client_declared`.
    """

    index: int
    scenario: Scenario
    target: str
    server: str
    server_settings: ServerSettings
    workers: int
    config: Mapping[str, Scalar]
    seed: int
    live: str
    ready: str
    live_probe: ProbeSpec
    ready_probe: ProbeSpec
    ready_needs: tuple[str, ...]
    part_kinds: Mapping[str, str]
    requests: tuple[RequestLine, ...]
    rate_rps: float
    timeout_s: float
    key_prefix: str
    ledger: bool
    slo: Slo
    limits: Limits
    backend: str = "process"
    cannot: Mapping[str, str] = field(default_factory=dict)
    known_limits: tuple[KnownLimit, ...] = ()
    shape: LoadShape = STEADY
    flow: FlowSpec | None = None
    cpus: CpuMap | None = None
    termination_s: float | None = None
    proxy_s: float | None = None
    client_declared: bool = False

    @property
    def closed(self) -> bool:
        """The load was that of users who wait for their answers."""
        return self.flow is not None and self.flow.model == "closed"

    @property
    def grace_s(self) -> float:
        """How long the server may take to end before it is killed: what the target declares, or enough for it."""
        if self.termination_s is not None:
            return self.termination_s
        return self.server_settings.leaves_in_s + self.limits.grace_slack_s + 1.0
