"""A sweep for a terminal and a pipe: a line for each configuration, median and range of what was measured."""

from __future__ import annotations

from collections.abc import Iterator

from harness.tuning.metrics import METRICS, Metric
from reports.document import run_verdict
from reports.plain import one_line
from reports.sweep.view import Group, SweepView
from reports.words import SYMBOL, SYMBOL_ASCII, WORD, counted, tally

_HEADS = {"p50_ms": "p50 ms", "p95_ms": "p95 ms", "p99_ms": "p99 ms", "error_rate": "errors", "goodput_rps": "good/s"}


def sweep_text(sweep: SweepView, ascii_only: bool = False) -> str:
    outcome = run_verdict(sweep.run.verdicts)
    symbol = (SYMBOL_ASCII if ascii_only else SYMBOL)[outcome]
    count = counted(len(sweep.run.trials), "trial")
    lines = [f"{symbol} {WORD[outcome]}  {count} of {sweep.planned} planned, of {one_line(sweep.run.target)}"]
    for scenario in sweep.scenarios:
        lines += ["", f"  {scenario}: median (lowest to highest) of the trials, before anything was broken"]
        lines += _table(sweep.of(scenario))
    lines += ["", f"  report {sweep.run.run_dir}/report.html"]
    text = "\n".join(line.rstrip() for line in lines) + "\n"
    return text.encode("ascii", "replace").decode() if ascii_only else text


def _table(groups: list[Group]) -> Iterator[str]:
    metrics = [metric for metric in METRICS if any(group.of(metric.name) for group in groups)]
    rows = [["configuration", "verdicts", *(_HEADS[metric.name] for metric in metrics)]]
    rows += [[one_line(group.told), tally(group.outcomes) or "not run", *_cells(group, metrics)] for group in groups]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "    " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))


def _cells(group: Group, metrics: list[Metric]) -> list[str]:
    cells = []
    for metric in metrics:
        found = group.of(metric.name)
        if found is None:
            cells.append("n/a")
            continue
        low, high = min(found.values), max(found.values)
        shown = [f"{value:.{metric.digits}f}" for value in (found.median, low, high)]
        cells.append(f"{shown[0]} ({shown[1]} to {shown[2]})" if len(found.values) > 1 else shown[0])
    return cells
