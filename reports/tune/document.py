"""The `--json` document of a tuning, and `recommendation.json`."""

from __future__ import annotations

from dataclasses import asdict

from harness.tuning.levers import Moved
from reports.document import SCHEMA_VERSION
from reports.plain import plain
from reports.tune.view import TuneView
from reports.view import RunView


def tune_document(run: RunView, view: TuneView) -> dict[str, object]:
    tuned = view.tuned
    return {
        "schema_version": SCHEMA_VERSION,
        "run_dir": run.run_dir,
        "target": run.target,
        "verdict": view.outcome,
        "why": view.told,
        **recommendation_document(view),
        "levers": [_move(move) for move in view.moves],
        "verified": dict(tuned.survived.outcomes),
        "own_failures": [asdict(each) for each in tuned.survived.own],
        "not_tested": [{"scenario": name, "why": why} for name, why in tuned.untested],
        "slo": {"p99_ms": view.slo.p99_ms, "error_rate": view.slo.error_rate},
        "trials": [
            {
                "scenario": each.scenario,
                "config": plain(each.config),
                "verdict": each.verdict.verdict,
                "low_rps": each.stairs.low_rps,
                "high_rps": each.stairs.high_rps,
                "limit": each.stairs.limit,
            }
            for each in view.seen
        ],
    }


def recommendation_document(view: TuneView) -> dict[str, object]:
    told = view.tuned.recommendation
    return {
        "settings": [asdict(each) for each in told.settings],
        "timeouts": [asdict(each) for each in view.derived],
        "no_timeouts": view.timeouts.cannot if view.timeouts is not None else "",
        "withdrawn": [asdict(each) for each in told.withdrawn],
        "effects": [asdict(each) for each in view.tuned.effects],
        "score": {"low_rps": view.tuned.low_rps, "high_rps": view.tuned.high_rps},
        "trials_used": told.trials,
        "grid_trials": told.grid_trials,
    }


def _move(move: Moved) -> dict[str, object]:
    return {
        "key": move.lever.key,
        "kind": move.lever.kind,
        "before": move.before,
        "after": move.after,
        "ratio": float(f"{move.ratio:.6g}"),
        "tried": [
            {"value": value, "score_rps": float(f"{score:.6g}"), "limit": move.limits.get(value, "")}
            for value, score in move.tried.items()
        ],
        "hangs": move.hangs,
        "rival": move.rival,
        "traded": move.traded or None,
    }
