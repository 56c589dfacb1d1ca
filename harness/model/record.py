"""A finished trial as its judges see it: the plan, the observations in order, the samples as a read-only array.

    boot ── warmup ── baseline ── fault ── recovery ── drain ── end          PhaseBegan opens each
                                  │    │
                              apply    lift                                  FaultChanged, several may overlap

All times are nanoseconds of one monotonic clock since the trial's origin; the samples' columns are on it too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from harness.model.observation import (
    FaultChanged,
    LoadStarted,
    Observation,
    PhaseBegan,
    PhaseName,
    ProbeAnswered,
    TrialEnded,
)
from harness.model.trial import Trial

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the trial, in nanoseconds since its origin."""

    start_ns: int
    end_ns: int

    @property
    def length_s(self) -> float:
        return (self.end_ns - self.start_ns) / 1e9

    def holds(self, sent_ns: int, done_ns: int) -> bool:
        """Lies wholly inside."""
        return self.start_ns <= sent_ns and done_ns <= self.end_ns

    def touches(self, sent_ns: int, done_ns: int) -> bool:
        """Overlaps."""
        return sent_ns < self.end_ns and done_ns >= self.start_ns


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """`whole`: the record was not cut and the trial ran to its end. `samples` has the columns of the row format."""

    trial: Trial
    observations: tuple[Observation, ...]
    samples: NDArray[np.void]
    whole: bool
    _found: dict[object, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def of(self, kind: type[T]) -> tuple[T, ...]:
        """The observations of one type, in order. Looked for once: checks ask thousands of times."""
        return self.once(kind, lambda: tuple(seen for seen in self.observations if isinstance(seen, kind)))

    def once(self, what: object, find: Callable[[], T]) -> T:
        """What follows from the record alone, found when it is first asked for and kept; it should be small."""
        if what not in self._found:
            self._found[what] = find()
        found: T = self._found[what]
        return found

    def phase(self, name: PhaseName) -> Span | None:
        """The stretch of a phase, from its beginning to the next one's; None when it was never reached."""
        began = self.of(PhaseBegan)
        for index, here in enumerate(began):
            if here.phase == name:
                end = began[index + 1].sent_ns if index + 1 < len(began) else self.last_ns
                return Span(here.sent_ns, max(end, here.sent_ns))
        return None

    @property
    def last_ns(self) -> int:
        """The last moment that the record knows."""
        return max((seen.done_ns for seen in self.observations), default=0)

    @property
    def bite(self) -> Span | None:
        """From the first fault applied to the last one lifted (or the end of the fault phase, where none is lifted)."""
        applied = [seen for seen in self.of(FaultChanged) if seen.action == "apply"]
        if not applied:
            return None
        lifted = [seen for seen in self.of(FaultChanged) if seen.action == "lift"]
        start = min(seen.sent_ns for seen in applied)
        if lifted:
            return Span(start, max(seen.done_ns for seen in lifted))
        phase = self.phase("fault")
        return Span(start, phase.end_ns if phase else self.last_ns)

    @property
    def load_started_ns(self) -> int | None:
        started = self.of(LoadStarted)
        return started[0].sent_ns if started else None

    @property
    def ended(self) -> TrialEnded | None:
        ends = self.of(TrialEnded)
        return ends[-1] if ends else None

    def probes(self, probe: str, via: str | None = None, span: Span | None = None) -> tuple[ProbeAnswered, ...]:
        """Probes of a kind, sent within `span` where one is given."""
        return tuple(
            seen
            for seen in self.of(ProbeAnswered)
            if seen.probe == probe
            and (via is None or seen.via == via)
            and (span is None or span.start_ns <= seen.sent_ns < span.end_ns)
        )
