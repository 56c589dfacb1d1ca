"""`shakedown audit`: the deployment checklist, row by row, against the live deployment."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from harness.audit import ROWS
from harness.audit.conduct import Audit, run_audit
from harness.audit.judge import judge_row
from harness.audit.row import Row
from harness.campaign import make_run_dir
from harness.cli.audit_results import audit_exit_code, judge_audit, show_audit, write_audit_reports
from harness.cli.guarded import conduct, inherited_ledger, read_overrides
from harness.cli.options import JSON, JUNIT, OUT, QUIET, SET, TARGET, WORKERS, target_path
from harness.errors import Interrupted, UsageError
from harness.system.process import Spawner
from harness.target import load_target
from reports.audit.text import row_line


@click.command()
@click.option("--row", "names", multiple=True, metavar="ROW", help="Only this row; may be given several times.")
@TARGET
@SET
@WORKERS
@OUT
@JUNIT
@JSON
@QUIET
def audit(
    names: tuple[str, ...],
    target_file: str | None,
    settings: tuple[str, ...],
    workers: int | None,
    out: Path | None,
    junit: Path | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Go through the deployment checklist by experiment: boot the service, try each row, say which hold.

    \b
    shakedown audit                                  every row, on the reference API
    shakedown audit --target my.toml --row logging   one row, your own app

    What can only be vouched for ([audit.declared]) is shown as declared, never as measured.
    """
    ledger = inherited_ledger("audit")
    rows = _choose(names)
    path = target_path(target_file)
    target = load_target(path, read_overrides(settings, workers))
    run_dir = make_run_dir(out, "audit", inner="rows")
    command = ["shakedown", "audit", *(f"--row={name}" for name in names), f"--target={path}"]
    watcher = _Progress(quiet)
    watcher.say(f"target {target.name} ({target.source}), {len(rows)} rows")
    facts = Audit(target, rows, run_dir, command)
    failure, interrupted = conduct(lambda: run_audit(facts, Spawner(ledger), watcher), ledger)
    if interrupted:
        raise Interrupted(f"interrupted; the record so far is in {run_dir}", interrupted)
    if failure is not None:
        raise failure
    found = judge_audit(run_dir)
    write_audit_reports(run_dir, found, junit)
    show_audit(run_dir, found, as_json)
    return audit_exit_code(found)


def _choose(names: Sequence[str]) -> tuple[Row, ...]:
    known = [row.name for row in ROWS]
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise UsageError(f"The checklist has no row {name!r}.{hint} Accepted are: {', '.join(known)}.")
    return tuple(row for row in ROWS if not names or row.name in names)


class _Progress:
    """Lines on stderr: which row is tried, and what it gave."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._console = Console(stderr=True, highlight=False)

    def say(self, text: str) -> None:
        if not self._quiet:
            print(f"shakedown: {text}", file=sys.stderr, flush=True)

    def row_began(self, row: Row, index: int, total: int) -> None:
        self.say(f"[{index}/{total}] {row.name}: {row.asks}")

    def row_ended(self, row: Row, facts: object) -> None:
        if self._quiet:
            return
        line, style = row_line(judge_row(row, facts))
        self._console.print(Text(f"shakedown: {line}", style=style if self._console.is_terminal else ""))
