"""The checklist on a terminal: a line a row, then why, then what to change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.model.audit import Finding, RowVerdict
from harness.model.verdict import Outcome
from reports.audit.words import ORDER, SYMBOL, SYMBOL_ASCII, WORD, tally
from reports.plain import one_line

_STYLE = {"pass": "blue", "fail": "dark_orange3", "inconclusive": "bright_black"}


def row_line(row: RowVerdict) -> tuple[str, str]:
    """A row in a line, and the style that it has on a terminal."""
    return f"{SYMBOL[row.verdict]} {WORD[row.verdict]} {row.row}: {tally(row)}", _STYLE.get(row.verdict, "")


def audit_text(run_dir: str, target: str, rows: Sequence[RowVerdict], verdict: Outcome, *, ascii_only: bool) -> str:
    lines = [f"{verdict.upper()}  {one_line(target)}, {len(rows)} rows of the deployment checklist", ""]
    width = max((len(row.row) for row in rows), default=0)
    signs = SYMBOL_ASCII if ascii_only else SYMBOL
    for row in rows:
        lines.append(f"  {signs[row.verdict]} {row.row:<{width}}  {WORD[row.verdict]:<14} {tally(row)}")
    for row in rows:
        told = list(_findings(row, ascii_only))
        lines += ["", f"{row.row}: {row.asks}", *told] if told else []
    lines += ["", f"Report       {run_dir}/report.html", f"Judge again  shakedown judge {run_dir}"]
    text = "\n".join(lines) + "\n"
    return text.encode("ascii", "replace").decode() if ascii_only else text


def _findings(row: RowVerdict, ascii_only: bool) -> Iterator[str]:
    """Every finding of a row, the worst first; what passed in a line of its own each."""
    signs = SYMBOL_ASCII if ascii_only else SYMBOL
    for finding in sorted(row.findings, key=lambda each: ORDER.index(each.verdict)):
        yield f"  {signs[finding.verdict]} {finding.check}: {one_line(finding.why)}"
        if finding.advice:
            yield f"      {_advice(finding)}"


def _advice(finding: Finding) -> str:
    label = "Declare" if finding.verdict == "not_applicable" else "Change"
    return f"{label}: {one_line(finding.advice)}"
