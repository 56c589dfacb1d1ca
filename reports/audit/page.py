"""The checklist as a page: one file, no script, nothing fetched."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from harness.model.audit import Finding, RowVerdict
from harness.model.verdict import Outcome
from reports.audit.words import ORDER, SYMBOL, WORD, tally
from reports.html.frame import fill_run, shown


def audit_page(run_dir: str, facts: Mapping[str, object], rows: Sequence[RowVerdict], verdict: Outcome) -> str:
    return fill_run(
        "audit.html.j2",
        verdict,
        run_dir,
        facts,
        "kind",
        "rows",
        symbol=SYMBOL,
        word=WORD,
        rows=[_row(row) for row in rows],
        judge_again=f"shakedown judge {shlex.quote(run_dir)}",
    )


def _row(row: RowVerdict) -> Mapping[str, object]:
    findings = sorted(row.findings, key=lambda each: ORDER.index(each.verdict))
    return {
        "name": row.row,
        "asks": row.asks,
        "found": row.verdict,
        "kind": _kind(row.verdict),
        "told": tally(row),
        "findings": [_finding(each) for each in findings],
    }


def _finding(finding: Finding) -> Mapping[str, object]:
    return {
        "check": finding.check,
        "found": finding.verdict,
        "kind": _kind(finding.verdict),
        "why": finding.why,
        "advice": finding.advice,
        "label": "Declare" if finding.verdict == "not_applicable" else "Change",
        "evidence": [(name, shown(value)) for name, value in finding.evidence.items()],
    }


def _kind(found: str) -> str:
    """The class by which the stylesheet knows it: what nobody measured looks like what is not known."""
    return found if found in ("pass", "fail") else "inconclusive"
