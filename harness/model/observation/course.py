"""The course of the trial itself: its phases, its faults, its end, and what a reader should know besides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from harness.model.target import Scalar

PhaseName = Literal["boot", "warmup", "baseline", "fault", "recovery", "drain", "end"]

PROXY_RENEWED = "proxy-renewed"
"""A note: Toxiproxy hung and was started anew, which cut every connection. No verdict on the service stands on that."""


@dataclass(frozen=True, slots=True)
class PhaseBegan:
    """A phase of the timeline begins; the one before it ends here."""

    phase: PhaseName
    sent_ns: int
    done_ns: int
    kind: Literal["phase"] = "phase"


@dataclass(frozen=True, slots=True)
class FaultChanged:
    """A fault was applied, proved or lifted. `ok` false on prove means that no evidence was found that it bites."""

    fault: str
    action: Literal["apply", "prove", "lift"]
    ok: bool
    why: str
    evidence: Mapping[str, Scalar]
    sent_ns: int
    done_ns: int
    kind: Literal["fault"] = "fault"


@dataclass(frozen=True, slots=True)
class Noted:
    """Something the conductor wants a reader to know (a part died, a probe could not be pinned, …)."""

    what: str
    text: str
    detail: Mapping[str, Scalar] = field(default_factory=dict)
    sent_ns: int = -1
    done_ns: int = -1
    kind: Literal["note"] = "note"


@dataclass(frozen=True, slots=True)
class TrialEnded:
    """The record is complete when this is there with `reason` complete; anything else says why it is not."""

    reason: Literal["complete", "interrupted", "error"]
    why: str
    sent_ns: int
    done_ns: int
    kind: Literal["ended"] = "ended"
