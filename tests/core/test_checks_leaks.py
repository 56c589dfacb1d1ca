"""no-leaks, both ways: three outages compared at rest."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from record_builder import REFUSED, Story, ns
from test_checks_premises import verdict_of

from harness.checks.judge import judge_trial
from harness.model.observation import DatabaseSampled, FaultChanged, Observation, ProcessSampled
from harness.model.record import TrialRecord
from harness.model.scenario import Scenario, fault
from harness.model.verdict import Verdict
from scenarios import db_three_locks, db_three_outages

NAME = "no-leaks"
BITES_S = (11.0, 20.0, 29.0)
MIB = 2**20
Level = Callable[[float], int]


def outages(at_s: float) -> int:
    """How many are over by then."""
    return sum(bite_s + 4 <= at_s for bite_s in BITES_S)


CALM: dict[str, Level] = {
    "sessions": lambda _: 6,
    "left_open": lambda _: 0,
    "fds": lambda _: 30,
    "rss": lambda _: 80 * MIB,
}


def broken(lasts_s: float = 4.0, bites_s: tuple[float, ...] = BITES_S) -> list[Observation]:
    seen: list[Observation] = []
    for bite_s in bites_s:
        seen.append(FaultChanged("db.refuse", "apply", True, "", {}, ns(bite_s), ns(bite_s + 0.02)))
        seen.append(FaultChanged("db.refuse", "prove", True, "", {}, ns(bite_s + 0.2), ns(bite_s + 0.3)))
        end_s = bite_s + lasts_s
        seen.append(FaultChanged("db.refuse", "lift", True, "", {"attempts": 9}, ns(end_s), ns(end_s + 0.1)))
    return seen


def record_of(
    *,
    changed: dict[str, Level] | None = None,
    faults: list[Observation] | None = None,
    pid_of: Callable[[float], int] = lambda _: 102,
) -> TrialRecord:
    level = CALM | (changed or {})
    story = Story(db_three_outages.SCENARIO)
    looks: list[Observation] = []
    for second in range(3, 43):
        at = ns(second)
        looks.append(DatabaseSampled("db", level["sessions"](second), 1, level["left_open"](second), 100, at, at, 4, 0))
        looks.append(ProcessSampled(100, "master", "S", 1.0, 20 * MIB, 9, at, at, 0))
        looks.append(ProcessSampled(101, "worker", "S", 1.0, 80 * MIB, 40 + second, at, at, 10 + second))
        use = level["rss"](second), level["fds"](second)
        looks.append(ProcessSampled(pid_of(second), "worker", "S", 1.0, *use, at, at, 10))
    told = broken() if faults is None else faults
    return story.record(without=(DatabaseSampled, ProcessSampled, FaultChanged), plus=[*told, *looks])


def judged(**levels: Level) -> Verdict:
    return verdict_of(record_of(changed=levels), NAME)


def test_what_stays_as_it_was_passes_although_clients_come() -> None:
    verdict = judged()
    assert verdict.verdict == "pass", verdict.why
    assert verdict.evidence["at_rest"]["workers' descriptors"] == [50, 50, 50, 50]  # type: ignore[index]


@pytest.mark.parametrize(
    ("what", "level", "told"),
    [
        ("sessions", lambda at_s: 6 + 3 * outages(at_s), "sessions at db 6 → 9 → 12 → 15"),
        ("left_open", outages, "open transactions at db 0 → 1 → 2 → 3"),
        ("fds", lambda at_s: 30 + 6 * outages(at_s), "descriptors 50 → 56 → 62 → 68"),
        ("rss", lambda at_s: (80 + 9 * outages(at_s)) * MIB, "memory 160 → 169 → 178 → 187 MiB"),
    ],
)
def test_what_grows_with_each_outage_fails(what: str, level: Level, told: str) -> None:
    verdict = judged(**{what: level})
    assert verdict.verdict == "fail", verdict.why
    assert told in verdict.why
    assert "finally" in verdict.advice


@pytest.mark.parametrize(
    ("what", "level"),
    [
        ("sessions", lambda at_s: 6 + 10 * (outages(at_s) > 0)),
        ("sessions", lambda at_s: (6, 12, 9, 20)[outages(at_s)]),
        ("sessions", lambda at_s: 6 + 2 * outages(at_s)),
        ("left_open", lambda at_s: outages(at_s) * (at_s % 2 == 0)),
        ("fds", lambda at_s: 30 + 5 * outages(at_s)),
        ("rss", lambda at_s: (80 + 7 * outages(at_s)) * MIB),
    ],
)
def test_what_fills_once_or_a_little_is_no_leak(what: str, level: Level) -> None:
    verdict = judged(**{what: level})
    assert verdict.verdict == "pass", verdict.why


@pytest.mark.parametrize(
    "faults",
    [
        broken(bites_s=BITES_S[:2]),
        broken(lasts_s=7.0),
        [seen for seen in broken() if not (isinstance(seen, FaultChanged) and seen.action == "lift")],
    ],
    ids=["two outages", "no rest between", "never lifted"],
)
def test_without_three_rests_nothing_is_known(faults: list[Observation]) -> None:
    assert verdict_of(record_of(faults=faults), NAME).verdict == "inconclusive"


def test_without_a_worker_that_lived_through_it_nothing_is_known() -> None:
    record = record_of(pid_of=lambda at_s: 103 + outages(at_s))
    alone = tuple(seen for seen in record.observations if not (isinstance(seen, ProcessSampled) and seen.pid == 101))
    assert verdict_of(record, NAME).verdict == "pass", "101 lived"
    assert verdict_of(replace(record, observations=alone), NAME).verdict == "inconclusive"


@pytest.mark.parametrize("kind", [DatabaseSampled, ProcessSampled])
def test_what_was_not_sampled_is_not_known(kind: type) -> None:
    record = record_of()
    left = tuple(seen for seen in record.observations if not isinstance(seen, kind))
    assert verdict_of(replace(record, observations=left), NAME).verdict == "inconclusive"


def test_it_applies_where_a_part_is_broken_three_times_one_after_another() -> None:
    overlapping = Scenario(
        "three", "?", faults=tuple(fault("postgres.refuse", at_s=at_s, for_s=4) for at_s in (0, 2, 9)), ready="any"
    )
    for scenario in (REFUSED, overlapping):
        assert NAME in {absent.check for absent in judge_trial(Story(scenario).record()).not_applicable}
    for scenario in (db_three_outages.SCENARIO, db_three_locks.SCENARIO):
        assert NAME not in {absent.check for absent in judge_trial(Story(scenario).record()).not_applicable}
