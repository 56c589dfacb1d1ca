"""The words and signs of what was found, the same everywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.model.audit import Found, RowVerdict

SYMBOL: Mapping[Found, str] = {
    "pass": "✔",
    "fail": "✖",
    "inconclusive": "?",
    "not_applicable": "–",
    "declared": "§",
}
SYMBOL_ASCII: Mapping[Found, str] = {
    "pass": "+",
    "fail": "x",
    "inconclusive": "?",
    "not_applicable": "-",
    "declared": "d",
}
WORD: Mapping[Found, str] = {
    "pass": "pass",
    "fail": "fail",
    "inconclusive": "inconclusive",
    "not_applicable": "not applicable",
    "declared": "declared",
}
ORDER: Sequence[Found] = ("fail", "inconclusive", "pass", "declared", "not_applicable")


def tally(row: RowVerdict) -> str:
    """`3 pass, 1 not applicable`."""
    counts = {found: sum(finding.verdict == found for finding in row.findings) for found in ORDER}
    return ", ".join(f"{count} {WORD[found]}" for found, count in counts.items() if count)
