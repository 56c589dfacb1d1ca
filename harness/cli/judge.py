"""`shakedown judge DIR`: the verdicts again, from the record alone."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.options import JSON
from harness.cli.results import (
    exit_code,
    read_judged,
    run_directory,
    show,
    show_comparison,
    show_search,
    show_tuning,
    stored_elsewhere,
    target_of,
    write_junit,
    write_text,
)
from harness.record import is_audit
from reports.capacity.view import is_search
from reports.compare.view import is_comparison
from reports.tune.view import is_tuning
from reports.view import RunView


@click.command()
@click.argument("run_dir", metavar="DIR")
@JSON
@click.option("--junit", type=click.Path(dir_okay=False), help="Write JUnit XML to this file too.")
def judge(run_dir: str, as_json: bool, junit: str | None) -> int:
    """Judge a run directory again, from its record: no app, no database, no load.

    Works on a copy, on another machine, on somebody else's run. Exit codes as those of `run`.
    """
    folder = run_directory(run_dir)
    if is_audit(folder):
        return _judge_audit(folder, as_json, junit)
    judged = read_judged(folder)
    write_junit(judged, Path(junit) if junit else None)
    with stored_elsewhere(folder):
        return _show(judged, as_json)


def _show(judged: RunView, as_json: bool) -> int:
    if is_tuning(judged.facts):
        return show_tuning(judged, as_json)
    if is_search(judged.facts):
        return show_search(judged, as_json)
    if is_comparison(judged.facts):
        return show_comparison(judged, as_json)
    show(judged, as_json)
    return exit_code(judged)


def _judge_audit(folder: Path, as_json: bool, junit: str | None) -> int:
    from harness.cli.audit_results import audit_exit_code, judge_audit, show_audit  # they bring the whole checklist
    from reports.audit.junit import audit_junit

    rows = judge_audit(folder)
    if junit:
        write_text(Path(junit), audit_junit(target_of(folder), rows))
    show_audit(folder, rows, as_json)
    return audit_exit_code(rows)
