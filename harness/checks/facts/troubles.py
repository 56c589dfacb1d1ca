"""What was done to the service in a trial: each fault from its application to its lift, and what it breaks."""

from __future__ import annotations

from dataclasses import dataclass

from harness.model.fault_traits import Trait, has_trait
from harness.model.observation import BootEnded, FaultChanged, ServerStopped
from harness.model.record import Span, TrialRecord
from harness.model.scenario import FaultUse
from harness.model.trial import Trial


@dataclass(frozen=True, slots=True)
class Trouble:
    """One fault as it happened. `lifted` is None where the record knows no lift."""

    id: str
    applied: FaultChanged
    proofs: tuple[FaultChanged, ...]
    lifted: FaultChanged | None

    @property
    def what(self) -> str:
        return self.id.split(".", 1)[0]

    @property
    def part(self) -> str:
        """The part that is broken: what the fault is called after, or what it says for a fault of the server."""
        return str(self.applied.evidence.get("part", self.what))

    @property
    def name(self) -> str:
        return self.id.partition(".")[2]

    def has(self, trait: Trait) -> bool:
        return has_trait(self.id, trait)

    @property
    def pid(self) -> int | None:
        """The process that was hurt, for a fault of a worker."""
        pid = self.applied.evidence.get("pid")
        return pid if isinstance(pid, int) else None

    @property
    def cut_off_from(self) -> str:
        """The part, itself well, that a hurt worker cannot hear."""
        return str(self.applied.evidence.get("cut_off_from", ""))


def troubles(record: TrialRecord) -> tuple[Trouble, ...]:
    """In the order of their application."""
    found: list[Trouble] = []
    for seen in record.of(FaultChanged):
        name = _named(record.trial, seen.fault)
        if seen.action == "apply":
            found.append(Trouble(name, seen, (), None))
            continue
        for index in range(len(found) - 1, -1, -1):
            here = found[index]
            if here.id == name:
                proofs = (*here.proofs, seen) if seen.action == "prove" else here.proofs
                lifted = seen if seen.action == "lift" else here.lifted
                found[index] = Trouble(here.id, here.applied, proofs, lifted)
                break
    return tuple(found)


def resolve(trial: Trial, what: str) -> str:
    """The user's name of a part that a scenario calls by its kind: "dependency" is the first HTTP part."""
    if what in trial.part_kinds:
        return what
    kind = "http" if what == "dependency" else what
    return next((name for name, its in trial.part_kinds.items() if its == kind), what)


def planned(trial: Trial) -> tuple[str, ...]:
    """The ids of the scenario's faults with the user's names of parts."""
    return tuple(_named(trial, use.id) for use in trial.scenario.faults)


def _named(trial: Trial, fault: str) -> str:
    what, _, name = fault.partition(".")
    return f"{resolve(trial, what)}.{name}"


def uses_on_parts(trial: Trial) -> tuple[FaultUse, ...]:
    """The scenario's faults that hurt a part, or the link to it."""
    return tuple(use for use in trial.scenario.faults if resolve(trial, use.what) in trial.part_kinds)


def uses_beside_parts(trial: Trial) -> tuple[FaultUse, ...]:
    """Those that cut a worker off from a part that is well."""
    return tuple(use for use in trial.scenario.faults if has_trait(use.id, "answering"))


def hurts(trial: Trial, *whats: str) -> bool:
    """Does the scenario hurt one of these: "worker", "server", "ingress"? A reload of a server is no hurt."""
    return any(use.what in whats and not has_trait(use.id, "harmless") for use in trial.scenario.faults)


def ends_for_good(trial: Trial) -> bool:
    """Is the server ended without being started again?"""
    return any(use.what == "server" and not _comes_back(use.id) for use in trial.scenario.faults)


def _comes_back(fault: str) -> bool:
    return any(has_trait(fault, trait) for trait in ("harmless", "returns", "beside"))


def is_harmless(trial: Trial) -> bool:
    """Is all that is done to the service something that it has to go on through?"""
    uses = trial.scenario.faults
    return bool(uses) and all(has_trait(use.id, "harmless") for use in uses)


def ends_server(trial: Trial) -> bool:
    return any(has_trait(use.id, "final") for use in trial.scenario.faults)


def is_asked_to_end(trial: Trial) -> bool:
    """Does the server get SIGTERM, and not SIGKILL, while the load is on?"""
    return any(has_trait(use.id, "final") and not has_trait(use.id, "fatal") for use in trial.scenario.faults)


def untouched_lines(record: TrialRecord) -> tuple[int, ...]:
    """The request lines that need nothing of what is broken in this trial."""
    broken = {trouble.what for trouble in troubles(record) if not trouble.has("harmless")}
    if "ingress" in broken or "server" in broken:
        return ()
    return tuple(i for i, line in enumerate(record.trial.requests) if not broken & set(line.needs))


def targets(record: TrialRecord) -> frozenset[int]:
    """Workers that a fault of the trial was aimed at."""
    return frozenset(t.pid for t in troubles(record) if t.what == "worker" and t.pid is not None)


def first_bite_ns(record: TrialRecord) -> int | None:
    return min((trouble.applied.sent_ns for trouble in troubles(record)), default=None)


def boot_ended_ns(record: TrialRecord) -> int | None:
    """When the service was up; None where it never was."""
    return next((seen.done_ns for seen in record.of(BootEnded) if seen.ok), None)


def sigterm_ns(record: TrialRecord) -> int:
    """When the service was asked to end; the end of the record where it never was."""
    moments = [t.applied.sent_ns for t in troubles(record) if t.has("final")]
    moments += [seen.sent_ns for seen in record.of(ServerStopped) if seen.ended_by != "itself"]
    return min(moments, default=record.last_ns)


def served_until_ns(record: TrialRecord) -> int:
    """When the drain begins: from there on requests are held open for SIGTERM, a part may be slowed for it."""
    drain = record.phase("drain")
    asked_ns = sigterm_ns(record)
    return min(drain.start_ns, asked_ns) if drain else asked_ns


def service_span(record: TrialRecord) -> Span | None:
    """From the end of the boot to the drain: the time in which the service is asked to serve."""
    start = boot_ended_ns(record)
    return None if start is None else Span(start, max(start, served_until_ns(record)))
