"""The checklist as a page: one file, no script, nothing fetched."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from harness.model.audit import Finding, RowVerdict
from harness.model.verdict import Outcome
from reports.audit.words import ORDER, SYMBOL, WORD, tally
from reports.html.page import icon, shown, stylesheet, templates

_TOLD = ("schema_version", "kind", "target", "command", "rows")


def audit_page(run_dir: str, facts: Mapping[str, object], rows: Sequence[RowVerdict], verdict: Outcome) -> str:
    command = facts.get("command")
    return (
        templates()
        .get_template("audit.html.j2")
        .render(
            outcome=verdict,
            symbol=SYMBOL,
            word=WORD,
            target=str(facts.get("target", "")),
            rows=[_row(row) for row in rows],
            command=shlex.join(map(str, command)) if isinstance(command, list) else "",
            judge_again=f"shakedown judge {shlex.quote(run_dir)}",
            run_dir=run_dir,
            facts=[(name, shown(value)) for name, value in facts.items() if name not in _TOLD],
            icon=icon(verdict),
            css=stylesheet(),
        )
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
