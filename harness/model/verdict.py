"""A verdict: pass, fail or inconclusive, with the sentence, the numbers and the setting to change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Outcome = Literal["pass", "fail", "inconclusive", "error"]

# error > fail > inconclusive > pass, as the worst of several decides
_RANK: Mapping[str, int] = {"pass": 0, "inconclusive": 1, "fail": 2, "error": 3}


def worst(outcomes: tuple[Outcome, ...]) -> Outcome:
    """The worst of several outcomes; nothing at all is inconclusive, for nothing was shown."""
    if not outcomes:
        return "inconclusive"
    return max(outcomes, key=lambda outcome: _RANK[outcome])


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check says of one trial. `evidence` and `limits` hold plain JSON values only.

    `attributed_to`: "app", "server" for a known limit of the server, "rig" where the harness or the machine is why.
    """

    check: str
    verdict: Outcome
    why: str
    evidence: Mapping[str, object] = field(default_factory=dict)
    limits: Mapping[str, float] = field(default_factory=dict)
    premises: tuple[str, ...] = ()
    attributed_to: Literal["app", "server", "rig"] = "app"
    advice: str = ""


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """A check that says nothing about this trial, and why."""

    check: str
    why: str


@dataclass(frozen=True, slots=True)
class SetAside:
    """An earlier record of the same trial, in a folder of the run directory, and why no verdict came of it."""

    folder: str
    why: str


@dataclass(frozen=True, slots=True)
class TrialVerdict:
    """All that was judged of one trial. `set_aside`: it was run again, for the machine was not fit."""

    scenario: str
    config: Mapping[str, object]
    faults: tuple[str, ...]
    verdict: Outcome
    verdicts: tuple[Verdict, ...]
    not_applicable: tuple[NotApplicable, ...]
    note: str = ""
    set_aside: tuple[SetAside, ...] = ()

    @property
    def why_open(self) -> str:
        """The first reason for which no verdict was reached; premises stand first."""
        return next((verdict.why for verdict in self.verdicts if verdict.verdict == "inconclusive"), self.note)
