"""The `--json` document of an audit, also kept as `verdict.json`. It is a contract with programs."""

from __future__ import annotations

from collections.abc import Sequence

from harness.model.audit import RowVerdict
from harness.model.verdict import Outcome
from reports.plain import plain

SCHEMA_VERSION = 1


def audit_document(run_dir: str, target: str, rows: Sequence[RowVerdict], verdict: Outcome) -> dict[str, object]:
    return {
        "schema_version": SCHEMA_VERSION,
        "run_dir": run_dir,
        "target": target,
        "verdict": verdict,
        "rows": [
            {
                "row": row.row,
                "verdict": row.verdict,
                "checks": [
                    {
                        "check": finding.check,
                        "verdict": finding.verdict,
                        "why": finding.why,
                        "evidence": plain(finding.evidence),
                        "advice": finding.advice,
                    }
                    for finding in row.findings
                ],
            }
            for row in rows
        ],
    }
