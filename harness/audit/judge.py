"""From what the experiments saw to the rows' verdicts. Pure: the same facts give the same bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from harness.audit import ROWS
from harness.audit.check import Check
from harness.audit.row import Row
from harness.model.audit import Finding, Found, RowVerdict
from harness.model.verdict import Outcome

_RANK: Mapping[Found, int] = {"declared": 0, "not_applicable": 0, "pass": 1, "inconclusive": 2, "fail": 3}


def judge_rows(seen: Mapping[str, object]) -> list[RowVerdict]:
    """`seen` maps a row's name to its facts as JSON values; rows that were not looked at are left out."""
    return [judge_row(row, seen[row.name]) for row in ROWS if row.name in seen]


def judge_row(row: Row, raw: object) -> RowVerdict:
    try:
        facts = TypeAdapter(row.facts).validate_python(raw)
    except ValidationError:
        why = "What was recorded of this row cannot be read: it is cut, or of another version."
        return RowVerdict(row.name, row.asks, "inconclusive", (Finding("record", "inconclusive", why),))
    findings = tuple(_judge(check, facts) for check in row.checks)
    return RowVerdict(row.name, row.asks, _of_row(row.checks, findings), findings)


def _judge(check: Check[Any], facts: Any) -> Finding:
    told = check.judge(facts)
    return Finding(check.name, told.verdict, told.why, told.evidence, told.advice)


def _of_row(checks: Sequence[Check[Any]], findings: Sequence[Finding]) -> Found:
    """The worst of what was measured. A row whose essential checks were not all measured has not passed."""
    verdict = max((finding.verdict for finding in findings), key=lambda found: _RANK[found])
    if _RANK[verdict] == 0:
        return "not_applicable"
    untested = any(check.essential and _RANK[f.verdict] == 0 for check, f in zip(checks, findings, strict=True))
    return "inconclusive" if untested and verdict == "pass" else verdict


def of_audit(rows: Sequence[RowVerdict]) -> Outcome:
    """The worst row; rows to which nothing applies do not count, and nothing at all is inconclusive."""
    verdicts = {row.verdict for row in rows}
    if "fail" in verdicts:
        return "fail"
    return "pass" if "pass" in verdicts and "inconclusive" not in verdicts else "inconclusive"
