"""A run that nobody ran: records made by hand for tests of reports. Seeded, so that each page is the same again."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from harness.model.observation import (
    BootEnded,
    DatabaseSampled,
    FaultChanged,
    InFlightEnded,
    LoadStarted,
    LogNoted,
    Noted,
    Observation,
    OrphansScanned,
    PhaseBegan,
    PhaseName,
    ProbeAnswered,
    ProcessSampled,
    ServerStopped,
    StackTaken,
    TrialEnded,
    WorkersSeen,
)
from harness.model.record import TrialRecord
from harness.model.rows import NO_CONN, NO_PID, NO_STATUS, ROW, Outcome, Rows
from harness.model.scenario import Scenario, fault
from harness.model.target import Limits, ProbeSpec, RequestLine, Slo
from harness.model.trial import ServerSettings, Trial
from harness.model.verdict import NotApplicable, TrialVerdict, Verdict
from reports.view import RunView, TrialView

S = 1_000_000_000
LOAD_S, FAULT_S, LIFT_S, DRAIN_S, END_S = 3, 12, 20, 30, 33
KILLED_S, REPLACED_S = 14.2, 16.0
PHASES: tuple[tuple[PhaseName, int], ...] = (
    ("boot", 0),
    ("warmup", 3),
    ("baseline", 6),
    ("fault", FAULT_S),
    ("recovery", LIFT_S),
    ("drain", DRAIN_S),
    ("end", 32),
)


def scenario(name: str = "db-refused") -> Scenario:
    return Scenario(
        name=name,
        asks="Does the service say that it is not ready, stay alive, and come back by itself?",
        requires=("postgres",),
        faults=(fault("postgres.refuse", for_s=8), fault("worker.kill", at_s=2.2)),
        ready="down",
    )


def trial(name: str = "db-refused") -> Trial:
    return Trial(
        index=1,
        scenario=scenario(name),
        target="reference.toml",
        server="gunicorn-uvicorn",
        server_settings=ServerSettings(30.0, 30.0, 5.0, version="27.0.1"),
        workers=2,
        config={},
        seed=7,
        live="/health",
        ready="/ready",
        live_probe=ProbeSpec(),
        ready_probe=ProbeSpec(),
        ready_needs=("postgres",),
        part_kinds={"postgres": "postgres"},
        requests=(RequestLine("GET /items"),),
        rate_rps=50.0,
        timeout_s=12.0,
        key_prefix="k",
        ledger=False,
        slo=Slo(),
        limits=Limits(),
    )


def empty_record() -> TrialRecord:
    return TrialRecord(trial(), (), np.zeros(0, ROW), whole=False)


def full_record(name: str = "db-refused", *, calm: bool = False) -> TrialRecord:
    seen = _observations(calm)
    return TrialRecord(trial(name), tuple(seen), _samples(calm), whole=True)


def _samples(calm: bool, rate: int = 50) -> Rows:
    chance = np.random.default_rng(7)
    count = (DRAIN_S - LOAD_S) * rate
    rows = np.zeros(count, ROW)
    rows["k"] = np.arange(count)
    rows["conn"], rows["pid"], rows["status"] = NO_CONN, NO_PID, 200
    rows["intended"] = (LOAD_S + np.sort(chance.random(count)) * (DRAIN_S - LOAD_S)) * S
    took_ns = (chance.lognormal(2.2, 0.35, count) * 1e6).astype(np.int64)
    rows["sent"] = rows["intended"] + 100_000
    rows["done"] = rows["sent"] + took_ns
    if not calm:
        _spoil(rows, chance)
    rows["first"] = np.where(rows["code"] <= Outcome.BAD_STATUS, rows["done"], -1)
    return rows


def _spoil(rows: Rows, chance: np.random.Generator) -> None:
    """What the fault does to the requests that meet it."""
    at_s = rows["intended"] / S
    met = (at_s >= FAULT_S) & (at_s < LIFT_S + 0.8)
    dice = chance.random(len(rows))
    bad, silent = met & (dice < 0.62), met & (dice >= 0.62) & (dice < 0.7)
    refused = met & (dice >= 0.7) & (dice < 0.74)
    cut = (at_s >= KILLED_S) & (at_s < KILLED_S + 0.3)
    rows["code"][bad], rows["status"][bad] = Outcome.BAD_STATUS, 503
    rows["done"][bad] = rows["sent"][bad] + (chance.lognormal(1.2, 0.4, int(bad.sum())) * 1e6).astype(np.int64)
    for which, code, after_ns in (
        (silent, Outcome.TIMEOUT, 2 * S),
        (refused, Outcome.REFUSED, 400_000),
        (cut, Outcome.RESET_HEADERS, 900_000),
    ):
        rows["code"][which], rows["status"][which] = code, NO_STATUS
        rows["done"][which] = rows["sent"][which] + after_ns


def _observations(calm: bool) -> list[Observation]:
    out: list[Observation] = [PhaseBegan(name, at * S, at * S) for name, at in PHASES]
    out += [BootEnded(True, "2 of 2 workers answered", "", 0, 2 * S), LoadStarted(1350, LOAD_S * S, LOAD_S * S)]
    if not calm:
        out += _faults()
    out += _probes(calm) + _processes(calm)
    out += [
        InFlightEnded("POST /items", 101, 29 * S, "answered", 201, 3, 29 * S, 31 * S),
        ServerStopped("drain", 0, False, 30.0, DRAIN_S * S, 31 * S),
        OrphansScanned((), (), 31 * S, 32 * S),
        TrialEnded("complete", "", END_S * S, END_S * S),
    ]
    return sorted(out, key=lambda each: each.done_ns)


def _faults() -> list[Observation]:
    killed = int(KILLED_S * S)
    return [
        FaultChanged("postgres.refuse", "apply", True, "", {}, FAULT_S * S, FAULT_S * S + 4_000_000),
        FaultChanged("postgres.refuse", "prove", True, "refused", {"errno": 111}, FAULT_S * S, FAULT_S * S + 9_000_000),
        FaultChanged("postgres.refuse", "lift", True, "", {}, LIFT_S * S, LIFT_S * S + 5_000_000),
        FaultChanged("worker.kill", "apply", True, "", {"pid": 102}, killed, killed + 1_000_000),
        LogNoted("worker-exit", "Worker (pid:102) was sent SIGKILL!", killed, killed + 50_000_000),
        Noted("pin", "Worker 103 was pinned anew.", {}, int(REPLACED_S * S), int(REPLACED_S * S)),
        StackTaken(101, True, "Thread 101 (idle)\n    sleep (time.py:3)", 15 * S, 15 * S + 90_000_000),
    ]


def _probes(calm: bool) -> list[Observation]:
    out: list[Observation] = []
    for second in range(3, DRAIN_S):
        sent = second * S + 250_000_000
        hurt = not calm and FAULT_S < second < LIFT_S + 1
        hangs = not calm and second in (12, 13)
        if hangs:
            out.append(ProbeAnswered("ready", "fresh", -1, "timeout", -1, sent, sent + S))
        else:
            out.append(ProbeAnswered("ready", "fresh", -1, "answered", 503 if hurt else 200, sent, sent + 3_000_000))
        out.append(ProbeAnswered("live", "fresh", -1, "answered", 200, sent, sent + 2_000_000))
        stuck = not calm and second == 17
        took = 2 * S if stuck else 2_000_000
        out.append(ProbeAnswered("live", "pinned", 101, "answered", 200, sent, sent + took))
    return out


def _processes(calm: bool) -> list[Observation]:
    chance = np.random.default_rng(3)
    out: list[Observation] = []
    cpu_s = dict.fromkeys((100, 101, 102, 103), 0.0)
    for half in range(4, 2 * 31):
        now = half * S // 2
        at_s = half / 2
        second = 102 if calm or at_s < KILLED_S else 103 if at_s >= REPLACED_S else None
        pids: tuple[int, ...] = (101, second) if second else (101,)
        if at_s > DRAIN_S + 0.5:
            pids = ()
        out.append(WorkersSeen(100, pids, now, now + 1_000_000))
        for pid in (100, *pids):
            cpu_s[pid] += (0.002 if pid == 100 else 0.12) + float(chance.random()) * 0.03
            role: Literal["master", "worker"] = "master" if pid == 100 else "worker"
            out.append(ProcessSampled(pid, role, "S", cpu_s[pid], 60_000_000, 20, now, now + 2_000_000))
        hurt = not calm and FAULT_S <= at_s < LIFT_S
        sessions = 0 if hurt else 10
        active = 0 if hurt else int(chance.integers(0, 5))
        out.append(DatabaseSampled("postgres", sessions, active, 0, 100, now, now + 1_500_000))
    return out


PASSES = tuple(
    Verdict(check, "pass", why)
    for check, why in (
        ("starts", "2 of 2 workers answered within 2.0 s."),
        ("machine-fit", "Loop lag 3 ms (limit 100), steal 0 % (limit 10 %), control 2 ms (limit 250), n = 60."),
        ("baseline-steady", "Second half to first half of the medians: 1.02 (limit 1.25 or 5 ms), n = 300."),
        ("load-proven", "1,350 of 1,350 arrivals were sent; send lag p99 0.4 ms (limit 25 ms)."),
        ("liveness-holds", "27 of 27 liveness probes were answered well."),
    )
)


def failing_verdict(name: str = "db-refused") -> TrialVerdict:
    return TrialVerdict(
        scenario=name,
        config={"gunicorn.timeout": 30},
        faults=("postgres.refuse", "worker.kill"),
        verdict="fail",
        verdicts=(
            *PASSES,
            Verdict(
                "readiness-bounded",
                "fail",
                "2 of 9 readiness probes had no answer within 1 s + 0.5 s (the slowest 2.0 s).",
                evidence={"silent": 2, "slowest_s": 2.0, "probes": [{"sent_s": 12.25}, {"sent_s": 13.25}]},
                limits={"timeout_s": 1.0, "answer_slack_s": 0.5},
                premises=("starts", "machine-fit", "fault-proven"),
                advice="Answer from a cached verdict; probe the database from a task of its own, with a timeout.",
            ),
            Verdict(
                "latency-slo",
                "inconclusive",
                "Only 145 answers in recovery (at least 200 are needed).",
                evidence={"n": 145},
                attributed_to="rig",
                advice="A longer recovery phase or a higher rate gives 200 answers.",
            ),
        ),
        not_applicable=(NotApplicable("nothing-lost", "The target has no ledger."),),
    )


def passing_verdict(name: str = "baseline") -> TrialVerdict:
    return TrialVerdict(name, {}, (), "pass", PASSES, (NotApplicable("recovers", "The scenario has no fault."),))


def made_run() -> RunView:
    """Three trials: one that fails, one that passes, one whose record is empty."""
    cut = TrialVerdict("drain", {}, (), "inconclusive", (), (), note="The record is empty.")
    calm = full_record("baseline", calm=True)
    calm = replace(
        calm, trial=replace(calm.trial, scenario=Scenario("baseline", "Is the service well when nothing is wrong?"))
    )
    raw = (("observations.jsonl", 81_234), ("samples.rows", 75_600), ("server.log", 912))
    return RunView(
        run_dir="runs/20260101T000000Z-quick-ab12",
        target="reference.toml",
        facts={
            "schema_version": 1,
            "target": "reference.toml",
            "command": ["shakedown", "run", "quick", "--seed", "7"],
            "seed": 7,
            "versions": {"python": "3.12.1", "gunicorn": "27.0.1"},
            "host": {"cpus": 2},
        },
        trials=(
            TrialView(calm, passing_verdict(), "trials/01-baseline", raw),
            TrialView(full_record(), failing_verdict(), "trials/02-db-refused", raw),
            TrialView(empty_record(), cut, "trials/03-drain"),
        ),
    )
