"""From a run directory to verdicts and reports: what `run`, `judge` and `report` share."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from harness.checks.judge import judge_trial
from harness.errors import MachineError, UsageError
from harness.model.verdict import Outcome, TrialVerdict
from harness.record import read_manifest, write_verdict
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
from reports.tune.document import recommendation_document, tune_document
from reports.tune.page import tune_page
from reports.tune.text import tune_text
from reports.tune.view import is_tuning, pasted, view_tuning
from reports.view import RunView, read_run

EXIT: dict[Outcome, int] = {"pass": 0, "fail": 1, "inconclusive": 2, "error": 3}


def exit_code(run: RunView) -> int:
    return EXIT[run_verdict(run.verdicts)]


def read_judged(run_dir: Path) -> RunView:
    """The whole run with every trial that began judged from its record: read once, for all that is told of it."""
    return read_run(run_dir, judge_trial)


def document(run: RunView) -> dict[str, object]:
    if is_tuning(run.facts):
        return tune_document(run, view_tuning(run))
    if is_search(run.facts):
        return capacity_document(run, view_search(run))
    if is_comparison(run.facts):
        return compare_document(run, view_comparison(run))
    if is_sweep(run.facts):
        return sweep_document(view_sweep(run))
    return run_document(run.run_dir, run.target, run.verdicts)


def write_reports(run: RunView, junit: Path | None) -> None:
    """verdict.json and report.html into the run directory, JUnit where it was asked for."""
    run_dir = Path(run.run_dir)
    write_verdict(run_dir, document(run))
    write_page(run, run_dir / "report.html")
    write_junit(run, junit)


def write_junit(run: RunView, path: Path | None) -> None:
    if path is not None:
        write_text(path, junit_xml(run.target, run.verdicts))


def write_page(run: RunView, path: Path) -> None:
    if is_tuning(run.facts):
        view = view_tuning(run)
        write_text(path, tune_page(run, view))
        for file in pasted(run, view):
            write_text(path.with_name(file.name), file.text)
        write_text(path.with_name("recommendation.json"), json.dumps(recommendation_document(view), indent=2) + "\n")
        path = path.with_name("trials.html")
    elif is_search(run.facts):
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


def show_comparison(run: RunView, as_json: bool) -> int:
    """As `show`, for a comparison; its exit code."""
    view = view_comparison(run)
    if as_json:
        click.echo(json.dumps(compare_document(run, view)))
    else:
        click.echo(compare_text(view, run.run_dir, needs_ascii()), nl=False)
    return EXIT[view.outcome]


def show_search(run: RunView, as_json: bool) -> int:
    """As `show`, for a capacity search; its exit code."""
    view = view_search(run)
    if as_json:
        click.echo(json.dumps(capacity_document(run, view)))
    else:
        click.echo(capacity_text(view, run.run_dir, run.target, needs_ascii()), nl=False)
    return EXIT[view.outcome]


def show_tuning(run: RunView, as_json: bool) -> int:
    """As `show`, for a tuning; its exit code."""
    view = view_tuning(run)
    names = [file.name for file in pasted(run, view)]
    if as_json:
        click.echo(json.dumps(tune_document(run, view)))
    else:
        click.echo(tune_text(view, run.run_dir, run.target, names, needs_ascii()), nl=False)
    return EXIT[view.outcome]


def target_of(run_dir: Path) -> str:
    return str(read_manifest(run_dir).facts.get("target", ""))


def wants_color(env: Mapping[str, str]) -> bool:
    """As https://no-color.org has it: any word in NO_COLOR is a no. A dumb terminal would show the codes."""
    return not env.get("NO_COLOR") and env.get("TERM") != "dumb"


def needs_ascii() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"


def show(run: RunView, as_json: bool) -> None:
    """The result on stdout: one JSON document, or the summary for a person."""
    if as_json:
        click.echo(json.dumps(document(run)))
        return
    plain = needs_ascii()
    if is_sweep(run.facts):
        click.echo(sweep_text(view_sweep(run), plain), nl=False)
        return
    terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if terminal else 0
    text = summarise(
        run.run_dir,
        run.target,
        run.verdicts,
        color=terminal and wants_color(os.environ),
        ascii_only=plain,
        width=width,
        has_page=Path(run.run_dir, "report.html").exists(),
    )
    click.echo(text, nl=False)


def show_so_far(run_dir: Path, verdicts: Mapping[str, TrialVerdict], junit: Path | None, as_json: bool) -> None:
    """What was judged before the run failed; that this fails too (a full disk) is not what is to be told."""
    if not verdicts:
        return
    with contextlib.suppress(MachineError):
        judged = read_judged(run_dir)
        if not as_json:
            show(judged, as_json)
        write_reports(judged, junit)


@contextlib.contextmanager
def stored_elsewhere(run_dir: Path) -> Iterator[None]:
    """A manifest that somebody has changed, or that is of another kind: what a view misses there is told as that."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        missed = f"{type(error).__name__}: {error}"
        raise UsageError(f"{run_dir / 'manifest.json'} lacks what is shown of such a run ({missed}).") from error


def run_directory(text: str) -> Path:
    """The run directory that the user named."""
    path = Path(text).resolve()
    if not path.is_dir():
        raise UsageError(f"{text} is not a directory; it takes a run directory as `shakedown run` writes it.")
    return path
