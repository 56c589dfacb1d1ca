"""`shakedown report DIR`: the report page again, from the record alone."""

from __future__ import annotations

import json
from pathlib import Path

import click

from harness.cli.results import read_judged, run_directory, stored_elsewhere, write_page
from harness.record import is_audit


@click.command()
@click.argument("run_dir", metavar="DIR")
@click.option("--out", type=click.Path(dir_okay=False), help="Where to write; DIR/report.html by default.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def report(run_dir: str, out: str | None, as_json: bool) -> None:
    """Write the HTML report of a run directory again: one file that needs nothing beside it."""
    folder = run_directory(run_dir)
    path = Path(out).resolve() if out else folder / "report.html"
    if is_audit(folder):
        from harness.cli.audit_results import write_audit_page  # it brings the whole checklist with it

        write_audit_page(folder, path)
    else:
        judged = read_judged(folder)
        with stored_elsewhere(folder):
            write_page(judged, path)
    click.echo(json.dumps({"schema_version": 1, "report": str(path)}) if as_json else str(path))
