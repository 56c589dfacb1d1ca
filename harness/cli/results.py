"""From a run directory to verdicts and reports: what `run`, `judge` and `report` share."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from harness.audit.judge import judge_rows, of_audit
from harness.checks.judge import judge_trial
from harness.errors import MachineError, UsageError
from harness.model.audit import RowVerdict
from harness.model.verdict import Outcome, TrialVerdict
from harness.record import is_audit, read_manifest, read_rows_seen, read_trial, trial_folders, write_verdict
from reports.audit.document import audit_document
from reports.audit.junit import audit_junit
from reports.audit.page import audit_page
from reports.audit.text import audit_text
from reports.compare.document import compare_document
from reports.compare.text import compare_text
from reports.compare.view import is_comparison, view_comparison
from reports.document import run_document, run_verdict
from reports.html.page import render
from reports.junit import junit_xml
from reports.sweep.document import sweep_document
from reports.sweep.page import sweep_page
from reports.sweep.text import sweep_text
from reports.sweep.view import is_sweep, view_sweep
from reports.text import summarise
from reports.view import read_run

_EXIT: dict[Outcome, int] = {"pass": 0, "fail": 1, "inconclusive": 2, "error": 3}


def exit_code(verdicts: Sequence[TrialVerdict]) -> int:
    return _EXIT[run_verdict(verdicts)]


def judge_run(run_dir: Path) -> list[TrialVerdict]:
    """Every trial that began, judged from its record."""
    return [judge_trial(read_trial(folder)) for folder in trial_folders(run_dir)]


def target_of(run_dir: Path) -> str:
    return str(read_manifest(run_dir).facts.get("target", ""))


def document(run_dir: Path, verdicts: Sequence[TrialVerdict]) -> dict[str, object]:
    if is_comparison(read_manifest(run_dir).facts):
        run = read_run(run_dir, judge_trial)
        return compare_document(run, view_comparison(run))
    if is_sweep(read_manifest(run_dir).facts):
        return sweep_document(view_sweep(read_run(run_dir, judge_trial)))
    return run_document(str(run_dir), target_of(run_dir), verdicts)


def write_reports(run_dir: Path, verdicts: Sequence[TrialVerdict], junit: Path | None) -> None:
    """verdict.json and report.html into the run directory, JUnit where it was asked for."""
    write_verdict(run_dir, document(run_dir, verdicts))
    write_page(run_dir, run_dir / "report.html")
    if junit is not None:
        write_text(junit, junit_xml(target_of(run_dir), verdicts))


def judge_audit(run_dir: Path) -> list[RowVerdict]:
    """Every row that was looked at, judged from its record."""
    return judge_rows(read_rows_seen(run_dir))


def audit_exit_code(rows: Sequence[RowVerdict]) -> int:
    return _EXIT[of_audit(rows)]


def write_audit_reports(run_dir: Path, rows: Sequence[RowVerdict], junit: Path | None) -> None:
    """As `write_reports`, for an audit."""
    write_verdict(run_dir, audit_document(str(run_dir), target_of(run_dir), rows, of_audit(rows)))
    write_page(run_dir, run_dir / "report.html")
    if junit is not None:
        write_text(junit, audit_junit(target_of(run_dir), rows))


def show_audit(run_dir: Path, rows: Sequence[RowVerdict], as_json: bool) -> None:
    """As `show`, for an audit."""
    target, verdict = target_of(run_dir), of_audit(rows)
    if as_json:
        click.echo(json.dumps(audit_document(str(run_dir), target, rows, verdict)))
        return
    click.echo(audit_text(str(run_dir), target, rows, verdict, ascii_only=_needs_ascii()), nl=False)


def write_page(run_dir: Path, path: Path) -> None:
    if is_audit(run_dir):
        rows = judge_audit(run_dir)
        write_text(path, audit_page(str(run_dir), read_manifest(run_dir).facts, rows, of_audit(rows)))
        return
    run = read_run(run_dir, judge_trial)
    if is_sweep(run.facts):
        compared = view_comparison(run) if is_comparison(run.facts) else None
        write_text(path, sweep_page(view_sweep(run), compared))
        path = path.with_name("trials.html")
    write_text(path, render(run))


def write_text(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise MachineError(f"{path} cannot be written: {error.strerror}.") from error


def show_comparison(run_dir: Path, as_json: bool) -> int:
    """As `show`, for a comparison; its exit code."""
    run = read_run(run_dir, judge_trial)
    view = view_comparison(run)
    if as_json:
        click.echo(json.dumps(compare_document(run, view)))
    else:
        click.echo(compare_text(view, str(run_dir), _needs_ascii()), nl=False)
    return _EXIT[view.outcome]


def _needs_ascii() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"


def show(run_dir: Path, verdicts: Sequence[TrialVerdict], as_json: bool) -> None:
    """The result on stdout: one JSON document, or the summary for a person."""
    if as_json:
        click.echo(json.dumps(document(run_dir, verdicts)))
        return
    stream, plain = sys.stdout, _needs_ascii()
    if is_sweep(read_manifest(run_dir).facts):
        click.echo(sweep_text(view_sweep(read_run(run_dir, judge_trial)), plain), nl=False)
        return
    text = summarise(str(run_dir), target_of(run_dir), verdicts, color=stream.isatty(), ascii_only=plain)
    click.echo(text, nl=False)


def run_directory(text: str) -> Path:
    """The run directory that the user named."""
    path = Path(text).resolve()
    if not path.is_dir():
        raise UsageError(f"{text} is not a directory; it takes a run directory as `shakedown run` writes it.")
    return path
