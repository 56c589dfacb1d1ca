"""From the directory of an audit to verdicts and reports, as results.py does for a run.

Apart from it because the checklist brings all its experiments with it, which a run has no use for.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from harness.audit.judge import judge_rows, of_audit
from harness.cli.results import EXIT, needs_ascii, target_of, write_text
from harness.model.audit import RowVerdict
from harness.record import read_manifest, read_rows_seen, write_verdict
from reports.audit.document import audit_document
from reports.audit.junit import audit_junit
from reports.audit.page import audit_page
from reports.audit.text import audit_text


def judge_audit(run_dir: Path) -> list[RowVerdict]:
    """Every row that was looked at, judged from its record."""
    return judge_rows(read_rows_seen(run_dir))


def audit_exit_code(rows: Sequence[RowVerdict]) -> int:
    return EXIT[of_audit(rows)]


def write_audit_reports(run_dir: Path, rows: Sequence[RowVerdict], junit: Path | None) -> None:
    """As `write_reports`, for an audit."""
    write_verdict(run_dir, audit_document(str(run_dir), target_of(run_dir), rows, of_audit(rows)))
    write_audit_page(run_dir, run_dir / "report.html")
    if junit is not None:
        write_text(junit, audit_junit(target_of(run_dir), rows))


def write_audit_page(run_dir: Path, path: Path) -> None:
    rows = judge_audit(run_dir)
    write_text(path, audit_page(str(run_dir), read_manifest(run_dir).facts, rows, of_audit(rows)))


def show_audit(run_dir: Path, rows: Sequence[RowVerdict], as_json: bool) -> None:
    """As `show`, for an audit."""
    target, verdict = target_of(run_dir), of_audit(rows)
    if as_json:
        click.echo(json.dumps(audit_document(str(run_dir), target, rows, verdict)))
        return
    click.echo(audit_text(str(run_dir), target, rows, verdict, ascii_only=needs_ascii()), nl=False)
