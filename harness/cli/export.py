"""`shakedown export DIR`: samples and observations as tables, from the record alone."""

from __future__ import annotations

import json
from pathlib import Path

import click

from harness.cli.results import run_directory
from harness.errors import UsageError
from harness.record import is_audit, read_trial, trial_folders
from reports.export.files import WRITERS, export_trial


@click.command()
@click.argument("run_dir", metavar="DIR")
@click.option("--format", "form", type=click.Choice(sorted(WRITERS)), default="csv", show_default=True)
@click.option("--out", type=click.Path(file_okay=False), help="Folder to write to; DIR/export by default.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def export(run_dir: str, form: str, out: str | None, as_json: bool) -> None:
    """Write the samples, observations and latency histograms of each trial as tables, for pandas, polars or DuckDB.

    Parquet needs pyarrow: install fastapi-shakedown[parquet].
    """
    folder = run_directory(run_dir)
    if is_audit(folder):
        raise UsageError(f"{run_dir} is the directory of an audit, which has no samples; export takes that of a run.")
    into = Path(out).resolve() if out else folder / "export"
    trials = trial_folders(folder)
    if not trials:
        raise UsageError(f"{run_dir} has no trial that began, so there is nothing to export.")
    written = [path for trial in trials for path in export_trial(read_trial(trial), into, trial.name, form)]
    if as_json:
        click.echo(json.dumps({"schema_version": 1, "files": [str(path) for path in written]}))
        return
    for path in written:
        click.echo(str(path))
