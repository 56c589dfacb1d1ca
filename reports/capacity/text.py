"""A capacity search for a terminal and a pipe."""

from __future__ import annotations

from reports.capacity.view import CapacityView
from reports.plain import one_line
from reports.words import SYMBOL, SYMBOL_ASCII, WORD, counted


def capacity_text(view: CapacityView, run_dir: str, target: str, ascii_only: bool = False) -> str:
    symbol = (SYMBOL_ASCII if ascii_only else SYMBOL)[view.outcome]
    who = f"{one_line(target)} with {counted(view.workers, 'worker')}"
    lines = [f"{symbol} {WORD[view.outcome]}  {who} {view.told}", ""]
    for number, trial in enumerate(view.tried, 1):
        length = "long" if trial.long else "short"
        why = f"  {one_line(trial.why)}" if trial.why else ""
        lines.append(f"  {number:3}  {trial.rate_rps:8g}/s  {length:<5}  {trial.result:<7}{why}")
    lines += ["", f"  report {run_dir}/report.html"]
    text = "\n".join(line.rstrip() for line in lines) + "\n"
    return text.encode("ascii", "replace").decode() if ascii_only else text
