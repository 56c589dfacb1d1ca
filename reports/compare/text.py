"""A comparison for a terminal and a pipe."""

from __future__ import annotations

from collections.abc import Iterator

from harness.tuning.comparison import Comparison, Difference
from reports.compare.view import CompareView
from reports.plain import one_line
from reports.words import SYMBOL, SYMBOL_ASCII, WORD, counted


def compare_text(view: CompareView, run_dir: str, ascii_only: bool = False) -> str:
    symbols = SYMBOL_ASCII if ascii_only else SYMBOL
    lines = [f"{symbols[view.outcome]} {WORD[view.outcome]}  {one_line(view.new)} against {one_line(view.base)}"]
    for name, found in view.found.items():
        lines += ["", f"  {name}: {found.answer}: {found.why}", *_table(found)]
    lines += ["", f"  report {run_dir}/report.html"]
    text = "\n".join(line.rstrip() for line in lines) + "\n"
    return text.encode("ascii", "replace").decode() if ascii_only else text


def _table(found: Comparison) -> Iterator[str]:
    rows = [["metric", "BASE", "NEW", "change", "95 % interval", ""]]
    rows += [_row(each) for each in (found.primary, *found.others) if each.base]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "    " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
    if found.left_out:
        yield f"    {counted(found.left_out, 'pair')} left out: machine or load were not in order"


def _row(each: Difference) -> list[str]:
    digits = each.metric.digits
    medians = [f"{value:.{digits}f}" if value is not None else "n/a" for value in (each.base_median, each.new_median)]
    if each.effect is None:
        return [each.metric.name, *medians, "n/a", "", ""]
    change, low, high = (100 * (value - 1) for value in (each.effect.ratio, each.effect.low, each.effect.high))
    return [each.metric.name, *medians, f"{change:+.1f} %", f"{low:+.1f} to {high:+.1f} %", str(each.finding)]
