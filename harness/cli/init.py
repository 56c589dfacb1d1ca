"""`shakedown init MODULE:APP`: the first target file of an app, to be read and completed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from harness.app_routes import ask_routes
from harness.cli.options import JSON
from harness.errors import MachineError, UsageError
from harness.target import FILE, REFERENCE, find_target, is_app
from harness.target_draft import USUAL, Draft, draft

_PYTHONS = (".venv/bin/python", "venv/bin/python", "env/bin/python")


@click.command()
@click.argument("app", metavar="MODULE:APP")
@JSON
def init(app: str, as_json: bool) -> None:
    """Write shakedown.toml for an app into this folder; one that is there is left alone.

    The app is imported once, by the interpreter beside it (.venv/bin/python), and asked for its paths.

    \b
    shakedown init app.main:app
    """
    if not is_app(app):
        raise UsageError(f"{app!r} is no app; accepted: MODULE:APP, as in app.main:app.")
    root = Path.cwd()
    path = root / FILE
    if path.exists() or path.is_symlink():
        raise UsageError(f"{path} is there already, and is left as it is; remove it first, or edit it.")
    if (found := find_target(None, root)) != REFERENCE:
        raise UsageError(f"{found} has [tool.shakedown] already, and a {FILE} would take its place; edit it there.")
    python = next((each for each in _PYTHONS if (root / each).is_file()), "")
    told = ask_routes(root / python if python else Path(sys.executable), app, root, USUAL)
    setup = ("alembic upgrade head",) if (root / "alembic.ini").is_file() else ()
    routes = None if isinstance(told, str) else told
    _write(path, draft(Draft(app, python, setup, routes)))
    note = f"The app did not tell its paths: {told}. Name them by hand." if isinstance(told, str) else ""
    if as_json:
        click.echo(json.dumps({"schema_version": 1, "target": str(path), "note": note}))
        return
    click.echo(f"Wrote {path}: read it, complete it.")
    if note:
        click.echo(note)
    click.echo("Then: shakedown run baseline")


def _write(path: Path, text: str) -> None:
    """Never over another one, also where it has come meanwhile."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise MachineError(f"{path} cannot be written: {error.strerror}.") from error
