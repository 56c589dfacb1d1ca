"""The `--json` document of a comparison: that of a run whose verdict is the comparison's, and the comparisons."""

from __future__ import annotations

from harness.tuning.comparison import Comparison, Difference
from reports.compare.view import CompareView
from reports.document import run_document
from reports.view import RunView


def compare_document(run: RunView, view: CompareView) -> dict[str, object]:
    document = run_document(run.run_dir, run.target, [trial.verdict for trial in run.trials])
    comparisons = [_comparison(name, found) for name, found in view.found.items()]
    told = {"verdict": view.outcome, "base": view.base, "new": view.new, "comparisons": comparisons}
    return {**document, **told}


def _comparison(scenario: str, found: Comparison) -> dict[str, object]:
    return {
        "scenario": scenario,
        "answer": found.answer,
        "why": found.why,
        "pairs": found.pairs,
        "left_out": found.left_out,
        "primary": found.primary.metric.name,
        "metrics": [_difference(each) for each in (found.primary, *found.others)],
        "broken_checks": [
            {
                "check": each.check,
                "base_passed": each.base_passed,
                "new_failed": each.new_failed,
                "new_judged": each.new_judged,
            }
            for each in found.broken
        ],
    }


def _difference(each: Difference) -> dict[str, object]:
    told: dict[str, object] = {
        "metric": each.metric.name,
        "unit": each.metric.unit,
        "better": each.metric.better,
        "base": list(each.base),
        "new": list(each.new),
        "finding": each.finding,
    }
    if each.effect is None:
        return told
    found = each.effect
    return {
        **told,
        "ratio": found.ratio,
        "ratio_low": found.low,
        "ratio_high": found.high,
        "p": found.p,
        "smallest_visible_ratio": found.smallest_visible,
    }
