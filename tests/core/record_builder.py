"""Builds the record of a trial that went well, second by second; a test changes the one thing that it is about.

    boot 0–2 ── warmup 2–5 ── baseline 5–11 ── fault 11–… ── recovery ── drain ── end

A scenario without faults has neither fault nor recovery; one of `server.sigterm` goes from the baseline to the drain.
Two workers, 101 and 102, under the supervisor 100.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from harness.model.observation import (
    BootEnded,
    DatabaseSampled,
    FaultChanged,
    InFlightEnded,
    KeysStored,
    LoadEnded,
    LoadStarted,
    MachineSampled,
    Observation,
    OrphansScanned,
    PathSampled,
    PhaseBegan,
    PhaseName,
    ProbeAnswered,
    ProbeOutcome,
    ServerStopped,
    StackTaken,
    TrialEnded,
    WorkerPinned,
    WorkersSeen,
)
from harness.model.record import TrialRecord
from harness.model.rows import NO_PID, NO_STATUS, NOT_SENT, PACK, ROW, Outcome, rows_from_bytes
from harness.model.scenario import Scenario, fault
from harness.model.target import Limits, ProbeSpec, RequestLine, Scalar, Slo
from harness.model.trial import ServerSettings, Trial

S = 1_000_000_000
BASELINE_S, BITE_S = 5.0, 11.0
LINES = (
    RequestLine("list", needs=("db",)),
    RequestLine("static", path="/static"),
    RequestLine("create", method="POST", body="{key}", expect=(201,), stores=True, needs=("db",)),
    RequestLine("quote", path="/quote", needs=("pricing",)),
)
BASELINE = Scenario("baseline", "Is it well?", baseline_s=6)
REFUSED = Scenario("db-refused", "Does it come back?", faults=(fault("postgres.refuse", for_s=8),), ready="down")
BLACKHOLE = Scenario("db-blackhole", "Is it bounded?", faults=(fault("postgres.blackhole", for_s=12),), ready="down")
SLOW = Scenario("dependency-slow", "Is it apart?", faults=(fault("dependency.slow", for_s=8),), ready="up")
KILLED = Scenario("worker-killed", "Is it replaced?", faults=(fault("worker.kill"),), fault_s=6, min_workers=2)
FROZEN = Scenario("worker-frozen", "Is it replaced?", faults=(fault("worker.freeze", for_s=8),), min_workers=2)
DRAIN = Scenario("drain", "Does it drain?", faults=(fault("server.sigterm"),), ready="any")


def ns(seconds: float) -> int:
    return round(seconds * S)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a probe."""

    took_s: float = 0.004
    status: int = 200
    outcome: ProbeOutcome = "answered"


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a request."""

    took_s: float = 0.010
    code: Outcome = Outcome.OK
    lag_s: float = 0.001


def no_answer(took_s: float) -> Reply:
    return Reply(took_s, -1, "timeout")


@dataclass
class Story:
    """`ready` and `live` answer probes by time, way in and pid; `request` answers requests by time and line."""

    scenario: Scenario
    ready: Callable[[float, str, int], Reply] | None = None
    live: Callable[[float, str, int], Reply] | None = None
    request: Callable[[float, RequestLine], Done] | None = None
    machine: Callable[[float], dict[str, Any]] | None = None
    trial_changes: dict[str, Any] = field(default_factory=dict)
    rate: int = 50
    lost: tuple[int, ...] = ()
    in_flight: tuple[Reply, ...] = (Reply(1.5, 201), Reply(1.2, 503))
    new_pid_s: float | None = 2.0
    proven: bool = True
    lifted: Mapping[str, Scalar] = field(default_factory=dict)
    path: tuple[int, int] = (4, 0)
    stopped: dict[str, Any] = field(default_factory=dict)
    orphans: tuple[int, ...] = ()
    recovery_s: float = 10.0
    target_pid: int = 101

    @property
    def sigterm(self) -> bool:
        return any(use.id in ("server.sigterm", "server.kill") for use in self.scenario.faults)

    @property
    def hurts_worker(self) -> bool:
        return any(use.what == "worker" for use in self.scenario.faults)

    @property
    def lift_s(self) -> float:
        end_s: float = BITE_S + self.scenario.faults_end_s
        return end_s

    @property
    def drain_s(self) -> float:
        if self.sigterm or not self.scenario.faults:
            return BITE_S
        return self.lift_s + self.recovery_s

    @property
    def asked_s(self) -> float:
        """SIGTERM: a little after the drain began, when requests are held open."""
        return self.drain_s if self.sigterm else self.drain_s + 0.6

    @property
    def load_end_s(self) -> float:
        return self.drain_s + 2.0 if self.sigterm else self.drain_s

    def fault_id(self) -> str:
        use = self.scenario.faults[0]
        name = {"postgres": "db", "dependency": "pricing"}.get(use.what, use.what)
        return f"{name}.{use.name}"

    def trial(self) -> Trial:
        base = Trial(
            index=1,
            scenario=self.scenario,
            target="app.main:app",
            server="gunicorn-uvicorn",
            server_settings=ServerSettings(stuck_timeout_s=4.0, graceful_s=15.0),
            workers=2,
            config={"workers": 2},
            seed=1,
            live="/health",
            ready="/ready",
            live_probe=ProbeSpec(),
            ready_probe=ProbeSpec(),
            ready_needs=("db",),
            part_kinds={"db": "postgres", "pricing": "http"},
            requests=LINES,
            rate_rps=float(self.rate),
            timeout_s=12.0,
            key_prefix="k",
            ledger=True,
            slo=Slo(),
            limits=Limits(),
        )
        return replace(base, **self.trial_changes)

    def record(
        self, *, without: tuple[type, ...] = (), plus: Iterable[Observation] = (), whole: bool = True
    ) -> TrialRecord:
        seen = [here for here in self._observations() if not isinstance(here, without)] + list(plus)
        seen.sort(key=lambda here: here.done_ns)
        rows = self.rows()
        return TrialRecord(self.trial(), tuple(seen), rows, whole)

    def _is_broken(self, at_s: float) -> bool:
        return bool(self.scenario.faults) and BITE_S <= at_s < self.lift_s

    def _reply_ready(self, at_s: float, via: str, pid: int) -> Reply:
        if self.ready is not None:
            return self.ready(at_s, via, pid)
        if self.scenario.ready == "down" and BITE_S + 1.5 <= at_s < self.lift_s + 0.8:
            return Reply(status=503)
        return Reply()

    def _reply_live(self, at_s: float, via: str, pid: int) -> Reply:
        return self.live(at_s, via, pid) if self.live is not None else Reply()

    def _reply_request(self, at_s: float, line: RequestLine) -> Done:
        if self.request is not None:
            return self.request(at_s, line)
        part = self.fault_id().split(".")[0] if self.scenario.faults else ""
        if part in line.needs and self._is_broken(at_s):
            return Done(0.5, Outcome.BAD_STATUS)
        return Done()

    def rows(self) -> np.ndarray:
        count = round((self.load_end_s - 2.0) * self.rate)
        packed = bytearray()
        for k in range(count):
            at_s = 2.0 + k / self.rate
            endpoint = (0, 0, 1, 2, 0, 1, 2, 3)[k % 8]
            done = self._reply_request(at_s, LINES[endpoint])
            due, sent = ns(at_s), ns(at_s + done.lag_s)
            if done.code in NOT_SENT:
                sent = -1
            end = ns(at_s + done.took_s)
            code, status = done.code, 200 if done.code == Outcome.OK else NO_STATUS
            if end > ns(self.load_end_s + 3.0):
                end, code = ns(self.load_end_s + 3.0), Outcome.UNFINISHED
            packed += PACK.pack(k, k % 16, due, sent, end, end, code, endpoint, status, 0, NO_PID, 0)
        rows = rows_from_bytes(packed)
        assert rows.dtype == ROW
        return rows

    def _observations(self) -> list[Observation]:
        seen: list[Observation] = [BootEnded(True, "", "", 0, ns(2.0))]
        seen += self._phases()
        if self.scenario.faults:
            seen += self._fault()
        seen += self._workers()
        seen += self._probes()
        seen += self._machine()
        seen += self._load()
        seen += self._end()
        seen += self._sessions()
        return seen

    def _phases(self) -> list[Observation]:
        times: list[tuple[PhaseName, float]] = [("boot", 0.0), ("warmup", 2.0), ("baseline", BASELINE_S)]
        if self.scenario.faults and not self.sigterm:
            times += [("fault", BITE_S), ("recovery", self.lift_s + 0.05)]
        times += [("drain", self.asked_s - 0.6), ("end", self.asked_s + 3.0)]
        return [PhaseBegan(name, ns(at_s), ns(at_s)) for name, at_s in times]

    def _fault(self) -> list[Observation]:
        evidence: dict[str, Scalar] = {"pid": self.target_pid} if self.hurts_worker else {}
        if self.scenario.faults[0].id == "worker.pool":
            evidence["cut_off_from"] = "db"
        where, seen = self.fault_id(), []
        seen.append(FaultChanged(where, "apply", True, "done", evidence, ns(BITE_S), ns(BITE_S + 0.02)))
        proof = "the canary failed" if self.proven else "the canary still passed"
        if not self.sigterm:
            seen.append(FaultChanged(where, "prove", self.proven, proof, {}, ns(BITE_S + 0.5), ns(BITE_S + 0.6)))
            seen.append(FaultChanged(where, "lift", True, "done", self.lifted, ns(self.lift_s), ns(self.lift_s + 0.02)))
        db = [PathSampled("db", *self.path, ns(at_s), ns(at_s)) for at_s in (3.0, 6.0, 9.0)]
        return [*seen, *db, *self._called()]

    def _called(self) -> list[Observation]:
        """Each quote is one call at the stub, which counts them; with nothing through the proxy there is none."""
        seen: list[Observation] = []
        for second in range(3, round(self.drain_s)):
            calls = self.path[0] + round((second - 3) * self.rate / 8) if self.path[0] else 0
            seen.append(PathSampled("pricing", calls, self.path[1], ns(second), ns(second)))
        return seen

    def pids(self, at_s: float) -> tuple[int, ...]:
        if not self.hurts_worker or at_s < BITE_S + 0.5:
            return (101, 102)
        if self.new_pid_s is None:
            return (102,) if self.scenario.faults[0].name == "kill" else (101, 102)
        gone = tuple(pid for pid in (101, 102) if pid != self.target_pid)
        return (*gone, 103) if at_s >= BITE_S + self.new_pid_s - 0.5 else gone

    def _workers(self) -> list[Observation]:
        seen: list[Observation] = [WorkerPinned(pid, ns(1.9), ns(1.95)) for pid in (101, 102)]
        for i in range(8, round(self.drain_s * 4)):
            seen.append(WorkersSeen(100, self.pids(i / 4), ns(i / 4), ns(i / 4)))
        return seen

    def _probes(self) -> list[Observation]:
        seen: list[Observation] = []
        for second in range(2, round(self.drain_s)):
            at_s = second + 0.1
            seen.append(_probe("live", "fresh", -1, at_s, self._reply_live(at_s, "fresh", -1)))
            seen.append(_probe("ready", "fresh", -1, at_s, self._reply_ready(at_s, "fresh", -1)))
        for pid in (101, 102, 103):
            seen += self._pinned("live", pid, 0.5)
            seen += self._pinned("ready", pid, 1.0)
        return seen

    def _pinned(self, kind: str, pid: int, period_s: float) -> list[Observation]:
        """One at a time on each connection, for as long as the worker lives."""
        seen: list[Observation] = []
        at_s = 2.2
        while at_s < self.drain_s:
            start_s = BITE_S + (self.new_pid_s or 0.0)
            alive = pid in self.pids(at_s) and (pid != 103 or at_s >= start_s)
            if not alive:
                at_s += period_s
                continue
            reply = (self._reply_live if kind == "live" else self._reply_ready)(at_s, "pinned", pid)
            seen.append(_probe(kind, "pinned", pid, at_s, reply))
            at_s += max(period_s, reply.took_s)
        return seen

    def _machine(self) -> list[Observation]:
        seen: list[Observation] = []
        for i in range(8, round((self.drain_s + 3.0) * 4)):
            sample = MachineSampled(2.0, 3.0, 0.0, 0.4, 0.1, ns(i / 4), ns(i / 4))
            seen.append(replace(sample, **self.machine(i / 4)) if self.machine else sample)
        return seen

    def _sessions(self) -> list[Observation]:
        return [
            DatabaseSampled("db", 6, 1, 0, 100, ns(second), ns(second), 4, 0)
            for second in range(3, round(self.drain_s))
        ]

    def _load(self) -> list[Observation]:
        count = round((self.load_end_s - 2.0) * self.rate)
        end = ns(self.load_end_s)
        return [LoadStarted(count, ns(2.0), ns(2.0)), LoadEnded(True, "", count, end, end)]

    def _end(self) -> list[Observation]:
        asked, left = ns(self.asked_s), ns(self.asked_s + 2.4)
        stop = ServerStopped("drain", 0, False, 30.0, asked, left)
        seen: list[Observation] = [replace(stop, **self.stopped)]
        seen += [self._held(index, reply) for index, reply in enumerate(self.in_flight)]
        orphans_end = left + (ns(5.0) if self.orphans else ns(0.1))
        seen.append(OrphansScanned(self.orphans, tuple("worker" for _ in self.orphans), left, orphans_end))
        rows = self.rows()
        stored = rows[(rows["endpoint"] == 2) & (rows["code"] == Outcome.OK)]["k"].tolist()
        keys = tuple((key, 1) for key in stored if key not in self.lost)
        keys += tuple((S + i, 1) for i, reply in enumerate(self.in_flight) if reply.status == 201)
        late = ns(self.drain_s + 8.0)
        seen.append(KeysStored(keys, len(keys), late, late))
        seen.append(TrialEnded("complete", "", late + 1, late + 1))
        return seen

    def _held(self, index: int, reply: Reply) -> InFlightEnded:
        asked = ns(self.asked_s)
        end = asked + ns(reply.took_s)
        accepted = asked - ns(0.4)
        return InFlightEnded("create", -1, accepted, reply.outcome, reply.status, S + index, accepted - ns(0.1), end)


def _probe(kind: str, via: str, pid: int, at_s: float, reply: Reply) -> ProbeAnswered:
    assert kind in ("live", "ready")
    assert via in ("fresh", "pinned")
    return ProbeAnswered(kind, via, pid, reply.outcome, reply.status, ns(at_s), ns(at_s + reply.took_s))  # type: ignore[arg-type]


def stack(pid: int, at_s: float, text: str) -> StackTaken:
    return StackTaken(pid, True, text, ns(at_s), ns(at_s + 0.2))
