"""The service's connections fit into the database, whatever happens to it.

Pools multiply: workers times their largest size, and once more during a deployment. What does not fit is refused
(53300), by the database and not by a queue of the service, and it is refused to everybody else too. A pool made for
each request, or a connection made without one, has no bound at all: trouble that makes each request last longer makes
it grow. So a healthy minute proves little, and trouble shows it.

The limit is the database's own: `max_connections` without what it keeps for superusers and without our one session.
Sessions are counted once a second; refusals are counted in the log of a server that we started, so that none between
two looks is missed. Of a server of the user's only the sessions are known.

Finds F38 (pool as an endless queue), F41 (too many connections) and F60 (retry storm).
"""

from harness.model.observation import DatabaseSampled
from harness.model.record import Span, TrialRecord
from harness.model.target import Limits
from harness.model.verdict import Verdict

from .check import FAULT_PROVEN, STARTS, Check, failed, inconclusive, passed
from .facts.machine import unless_unfit
from .facts.troubles import first_bite_ns, hurts, service_span

NAME = "pool-bounded"
_MIN_SAMPLES = 5
_TAKES_ALL = "exhaust"  # the fault that takes the connections itself


def applies(record: TrialRecord) -> str | None:
    if "postgres" not in record.trial.part_kinds.values():
        return "the target has no PostgreSQL"
    for use in record.trial.scenario.faults:
        if use.name == _TAKES_ALL:
            return f"{use.id} itself takes the connections"
    looks = record.of(DatabaseSampled)
    if looks and all(seen.reserve < 0 for seen in looks):
        return "the record, of an older version, does not tell how many connections the database keeps for others"
    return None


def judge(record: TrialRecord, limits: Limits) -> Verdict:
    span = service_span(record)
    looks = [seen for seen in record.of(DatabaseSampled) if span and span.holds(seen.sent_ns, seen.done_ns)]
    if len(looks) < _MIN_SAMPLES:
        return inconclusive(NAME, f"The sessions were counted {len(looks)} times; {_MIN_SAMPLES} are needed.")
    bitten = first_bite_ns(record)
    if bitten is not None and not hurts(record.trial, "server") and looks[-1].done_ns < bitten:
        return inconclusive(NAME, f"The sessions were counted {len(looks)} times, but never after the fault began.")
    full = [seen for seen in looks if seen.sessions >= _room(seen)]
    refusals = _refusals(looks)
    refused = sum(count for _, count in refusals)
    most = max(looks, key=lambda seen: seen.sessions / max(1, _room(seen)))
    evidence: dict[str, object] = {
        "most_sessions": most.sessions,
        "room": _room(most),
        "max_connections": most.max_connections,
        "refused": refused if all(seen.refused >= 0 for seen in looks) else None,
        "looks": len(looks),
    }
    bound = {"sessions": float(_room(most)), "refused": 0.0}
    if full or refused:
        verdict = failed(
            NAME,
            f"{most.part} has room for {_room(most)} sessions of the service: {refused} connections were refused, and"
            f" at {len(full)} of {len(looks)} looks all of it was taken (at most {most.sessions} sessions; limit 0).",
            evidence=evidence,
            advice=_advice(record.trial.workers, _room(most)),
            limits=bound,
        )
        shown = [Span(seen.sent_ns, seen.done_ns) for seen in full] + [where for where, _ in refusals]
        return unless_unfit(record, limits, verdict, shown)
    known = "none was refused" if evidence["refused"] is not None else "refusals are not known"
    why = (
        f"At most {most.sessions} sessions of the {_room(most)} that {most.part} has room for ({len(looks)} looks), and"
        f" {known}."
    )
    return passed(NAME, why, evidence=evidence, limits=bound)


def _advice(workers: int, room: int) -> str:
    """Twice the workers: through a deployment old ones and new ones are there."""
    largest = room // (2 * workers)
    fits = f"that is {largest} at the most" if largest else "which is not one for each: raise max_connections"
    return (
        f"Make one pool for each worker, at its start, and keep workers × its largest size, twice during a deployment,"
        f" within the {room} that there is room for; with {workers} workers {fits}."
    )


def _room(seen: DatabaseSampled) -> int:
    return seen.max_connections - seen.reserve


def _refusals(looks: list[DatabaseSampled]) -> list[tuple[Span, int]]:
    """Between which looks connections were refused, and how many. Those before the first look were during the boot."""
    found: list[tuple[Span, int]] = []
    before: dict[str, DatabaseSampled] = {}
    for seen in looks:
        last = before.get(seen.part)
        if last is not None and seen.refused > last.refused >= 0:
            found.append((Span(last.done_ns, seen.done_ns), seen.refused - last.refused))
        before[seen.part] = seen
    return found


CHECK = Check(
    NAME,
    "Do the service's connections fit into the database?",
    judge,
    applies,
    (STARTS, FAULT_PROVEN),
    finds=("F38", "F41", "F60"),
)
