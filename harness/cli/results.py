"""From a run directory to verdicts and reports: what `run`, `judge` and `report` share."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from harness.checks.judge import judge_trial
from harness.errors import MachineError, UsageError
from harness.model.verdict import Outcome, TrialVerdict
from harness.record import read_manifest, read_trial, trial_folders, write_verdict
from reports.capacity.document import capacity_document
from reports.capacity.page import capacity_page
from reports.capacity.text import capacity_text
from reports.capacity.view import is_search, view_search
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

EXIT: dict[Outcome, int] = {"pass": 0, "fail": 1, "inconclusive": 2, "error": 3}


def exit_code(verdicts: Sequence[TrialVerdict]) -> int:
    return EXIT[run_verdict(verdicts)]


def judge_run(run_dir: Path) -> list[TrialVerdict]:
    """Every trial that began, judged from its record."""
    return [judge_trial(read_trial(folder)) for folder in trial_folders(run_dir)]


def target_of(run_dir: Path) -> str:
    return str(read_manifest(run_dir).facts.get("target", ""))


def document(run_dir: Path, verdicts: Sequence[TrialVerdict]) -> dict[str, object]:
    if is_search(read_manifest(run_dir).facts):
        run = read_run(run_dir, judge_trial)
        return capacity_document(run, view_search(run))
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


def write_page(run_dir: Path, path: Path) -> None:
    run = read_run(run_dir, judge_trial)
    if is_search(run.facts):
        write_text(path, capacity_page(run, view_search(run)))
        path = path.with_name("trials.html")
    elif is_sweep(run.facts):
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
        click.echo(compare_text(view, str(run_dir), needs_ascii()), nl=False)
    return EXIT[view.outcome]


def show_search(run_dir: Path, as_json: bool) -> int:
    """As `show`, for a capacity search; its exit code."""
    run = read_run(run_dir, judge_trial)
    view = view_search(run)
    if as_json:
        click.echo(json.dumps(capacity_document(run, view)))
    else:
        click.echo(capacity_text(view, str(run_dir), run.target, needs_ascii()), nl=False)
    return EXIT[view.outcome]


def needs_ascii() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"


def show(run_dir: Path, verdicts: Sequence[TrialVerdict], as_json: bool) -> None:
    """The result on stdout: one JSON document, or the summary for a person."""
    if as_json:
        click.echo(json.dumps(document(run_dir, verdicts)))
        return
    stream, plain = sys.stdout, needs_ascii()
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
