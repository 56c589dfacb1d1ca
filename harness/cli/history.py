"""`shakedown history [NAME]`: a metric over the kept runs, like beside like, and where it has changed."""

from __future__ import annotations

import json
import sys
from difflib import get_close_matches
from pathlib import Path

import click

from harness.cli.options import JSON
from harness.cli.results import needs_ascii, write_text
from harness.errors import UsageError
from harness.run_index import read_kept
from harness.tuning.drift import load_segment
from harness.tuning.history import History, LeftOut, follow
from harness.tuning.metrics import METRICS
from reports.history.document import history_document
from reports.history.page import history_page
from reports.history.text import history_text, told_left_out
from reports.history.view import view_history
from scenarios import SCENARIOS

_RUNS = "runs"


@click.command()
@click.argument("name", metavar="[NAME]", required=False, shell_complete=lambda *_: [each.name for each in SCENARIOS])
@click.option("--metric", type=click.Choice([each.name for each in METRICS]), default="p50_ms", show_default=True)
@click.option("--runs", type=click.Path(path_type=Path), help="Folder of the runs; runs/ by default.")
@click.option("--last", type=click.IntRange(1), help="Only so many of the newest runs of each line.")
@JSON
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write a page with charts to this file.")
def history(
    name: str | None, metric: str, runs: Path | None, last: int | None, as_json: bool, html: Path | None
) -> int:
    """Show a metric over the runs that are kept, of the scenario NAME or of all.

    A line is of one target, scenario, configuration, load and kind of host; what is left out is told. Drift is looked
    for where ruptures is installed, and changes no exit code. Exit codes: 0, and 2 when there is nothing to show.

    \b
    shakedown history baseline
    shakedown history baseline --metric p99_ms --last 30 --html history.html
    """
    folder = runs or Path(_RUNS)
    if runs is not None and not runs.is_dir():
        raise UsageError(f"--runs {runs} is not a directory; it takes the folder that holds the run directories.")
    kept, skipped = read_kept(folder, _say) if folder.is_dir() else ((), ())
    known = {*(trial.like.scenario for trial in kept), *(each.name for each in SCENARIOS)}
    if name is not None and name not in known:
        near = get_close_matches(name, sorted(known), 1)
        hint = f" Did you mean {near[0]}?" if near else " `shakedown list` names the scenarios."
        raise UsageError(f"No kept run has a scenario {name!r}, and there is none of that name.{hint}")
    found = follow(kept, next(each for each in METRICS if each.name == metric), name, last)
    found = History(found.metric, found.lines, (*found.left_out, *skipped))
    if not found.lines:
        return _nothing(folder, name, skipped, as_json)
    view = view_history(str(folder), found, load_segment())
    if html is not None:
        write_text(html, history_page(view))
    if as_json:
        click.echo(json.dumps(history_document(view)))
    else:
        click.echo(history_text(view, sys.stdout.isatty(), needs_ascii()), nl=False)
    return 0


def _say(text: str) -> None:
    click.echo(f"shakedown: {text}", err=True)


def _nothing(folder: Path, name: str | None, skipped: tuple[LeftOut, ...], as_json: bool) -> int:
    what = f"no whole trial of {name}" if name else "no whole trial of any run"
    reasons = f" Left out: {'; '.join(told_left_out(each) for each in skipped)}." if skipped else ""
    message = f"There is nothing to show: {folder} holds {what}.{reasons} `shakedown run` keeps its runs in runs/."
    if as_json:
        click.echo(json.dumps({"schema_version": 1, "error": {"kind": "inconclusive", "message": message}}))
    _say(message)
    return 2
