"""The words and symbols of a verdict. A symbol never stands without its word where there is room for both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.model.verdict import Outcome, SetAside, TrialVerdict, Verdict

SYMBOL: Mapping[Outcome, str] = {"pass": "✔", "fail": "✖", "inconclusive": "?", "error": "!"}
SYMBOL_ASCII: Mapping[Outcome, str] = {"pass": "+", "fail": "x", "inconclusive": "?", "error": "!"}
WORD: Mapping[Outcome, str] = {"pass": "PASS", "fail": "FAIL", "inconclusive": "INCONCLUSIVE", "error": "ERROR"}

# What a reader must see first.
ORDER: tuple[Outcome, ...] = ("error", "fail", "inconclusive", "pass")
_TOLD: Mapping[Outcome, str] = {
    "error": "in error",
    "fail": "failed",
    "inconclusive": "inconclusive",
    "pass": "passed",
}


def counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def tally(outcomes: Sequence[Outcome]) -> str:
    """`1 failed, 2 inconclusive, 11 passed`; what there is none of is left out."""
    counts = ((outcome, sum(1 for each in outcomes if each == outcome)) for outcome in ORDER)
    return ", ".join(f"{count} {_TOLD[outcome]}" for outcome, count in counts if count)


def checks_told(trial: TrialVerdict) -> str:
    """The checks of one trial in a few words."""
    outcomes = [verdict.verdict for verdict in trial.verdicts]
    if not outcomes:
        return "nothing was judged"
    if all(outcome == "pass" for outcome in outcomes):
        return f"{counted(len(outcomes), 'check')} passed"
    return tally(outcomes)


def run_again_told(before: SetAside) -> str:
    """That this is not the first record of the trial, and where that one is."""
    return f"Run again; no verdict came of {before.folder}: {before.why}"


def explained_at(verdict: Verdict) -> str:
    """Where the documentation explains what a failed check has found; a check's name is its heading there."""
    return f"docs/verdicts.md#{verdict.check}" if verdict.verdict == "fail" else ""


def sorted_verdicts(trial: TrialVerdict) -> list[Verdict]:
    """Error, fail, inconclusive, pass; within each as they were judged."""
    return sorted(trial.verdicts, key=lambda verdict: ORDER.index(verdict.verdict))


def config_told(config: Mapping[str, object]) -> str:
    return " ".join(f"{key}={value}" for key, value in config.items())
