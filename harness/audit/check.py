"""The seam of the audit's checks: a pure function of what a row's experiment saw.

A check that is `essential` stands for its row: while it is not measured, the row has not passed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from harness.model.audit import Found

Facts = TypeVar("Facts")


@dataclass(frozen=True, slots=True)
class Told:
    """A finding without the name of its check, which the judge adds."""

    verdict: Found
    why: str
    evidence: Mapping[str, object] = field(default_factory=dict)
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Check(Generic[Facts]):
    name: str
    asks: str
    judge: Callable[[Facts], Told]
    essential: bool = False


def passed(why: str, **evidence: object) -> Told:
    return Told("pass", why, evidence)


def failed(why: str, advice: str, **evidence: object) -> Told:
    return Told("fail", why, evidence, advice)


def inconclusive(why: str, advice: str = "", **evidence: object) -> Told:
    return Told("inconclusive", why, evidence, advice)


def not_applicable(why: str, declare: str) -> Told:
    """`declare`: what makes it visible, as a key of the target file."""
    return Told("not_applicable", why, {}, declare)


def declared(why: str) -> Told:
    return Told("declared", why)


def vouched(topic: str, text: str, missing: str) -> Told:
    """What nobody can find out from outside: as `audit.declared` says it, or that it says nothing."""
    return declared(text) if text else not_applicable(missing, f"audit.declared.{topic}")
