"""The page: templates filled with what the record holds. Nothing is fetched, nothing needs a script."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from markupsafe import Markup

from harness.model.load_shape import describe
from harness.model.observation import StackTaken
from harness.model.trial import Trial
from harness.model.verdict import Verdict
from reports.document import run_verdict
from reports.html.frame import asset, fill_run, shown
from reports.html.lanes import fault_bands
from reports.html.tables import detail_tables, phase_table
from reports.html.timeline import Timeline, draw
from reports.html.traffic import KINDS, placed_rows
from reports.plain import one_line, plain
from reports.view import RunView, TrialView
from reports.words import (
    checks_told,
    config_told,
    counted,
    explained_at,
    run_again_told,
    sorted_verdicts,
    tally,
)


def render(run: RunView) -> str:
    """The whole page as text."""
    outcome = run_verdict(run.verdicts)
    return fill_run(
        "page.html.j2",
        outcome,
        run.run_dir,
        run.facts,
        told=tally([verdict.verdict for verdict in run.verdicts]) or "nothing was run",
        count=counted(len(run.verdicts), "trial"),
        missing=run.missing,
        trials=[_trial(trial, number) for number, trial in enumerate(run.trials, 1)],
        judge_again=f"shakedown judge {shlex.quote(run.run_dir)}",
        script=Markup(asset("timeline.js")),
    )


def _trial(trial: TrialView, number: int) -> Mapping[str, object]:
    record, verdict = trial.record, trial.verdict
    name = verdict.scenario
    timeline = draw(record, name)
    return {
        "id": f"trial-{number}",
        "name": name,
        "outcome": verdict.verdict,
        "asks": record.trial.scenario.asks,
        "note": verdict.note,
        "set_aside": [run_again_told(before) for before in verdict.set_aside],
        "setup": _setup(trial),
        "faults": verdict.faults,
        "told": checks_told(verdict),
        "reason": _reason(trial),
        "verdicts": [_verdict(each) for each in sorted_verdicts(verdict)],
        "not_applicable": verdict.not_applicable,
        "incomplete": _incomplete(trial),
        "svg": Markup(timeline.svg),
        "drawn": timeline.note,
        "data": _embedded(_cursor_data(trial, timeline)),
        "by_phase": phase_table(record, placed_rows(record)),
        "tables": detail_tables(record, timeline.seconds, timeline.lanes),
        "stacks": record.of(StackTaken),
        "files": [(f"{quote(trial.folder)}/{quote(file)}", file, _size(size)) for file, size in trial.files],
        "folder": trial.folder,
    }


def _setup(trial: TrialView) -> list[tuple[str, str]]:
    """How the trial was made, as pairs of name and value."""
    plan = trial.record.trial
    version = plan.server_settings.version
    server = f"{plan.server} ({version})" if version else plan.server
    rows = [
        ("server", f"{server}, {counted(plan.workers, 'worker')}"),
        ("load", f"{_load(plan)}, client timeout {plan.timeout_s:g} s"),
        ("faults", ", ".join(trial.verdict.faults) or "none"),
        ("seed", str(plan.seed)),
    ]
    if plan.cpus is not None:
        rows.append(("CPUs", plan.cpus.told))
    if trial.verdict.config:
        rows.append(("configuration", config_told(trial.verdict.config)))
    if plan.scenario.note and plan.scenario.note != trial.verdict.note:
        rows.append(("note", plan.scenario.note))
    return rows


def _load(plan: Trial) -> str:
    if plan.flow is None:
        return f"{describe(plan.shape, plan.rate_rps)}, open model"
    file = Path(plan.flow.locustfile).name
    if plan.closed:
        return f"{counted(plan.flow.users, 'user')} of {file}, closed model (each waits for its answer)"
    return f"{describe(plan.shape, plan.rate_rps).replace('requests/s', 'tasks/s', 1)} of {file}, open model"


def _reason(trial: TrialView) -> str:
    """The first thing that is not well, for the overview."""
    worst = next((each for each in sorted_verdicts(trial.verdict) if each.verdict != "pass"), None)
    return one_line(f"{worst.check}: {worst.why}") if worst else trial.verdict.note


def _incomplete(trial: TrialView) -> str:
    if trial.record.whole:
        return ""
    ended = trial.record.ended
    if ended is None:
        return "The record is cut: it ends before the trial did. What is shown was judged to its last whole row."
    return f"The trial did not run to its end ({ended.reason}): {ended.why or 'no reason is recorded'}"


def _verdict(verdict: Verdict) -> Mapping[str, object]:
    return {
        "check": verdict.check,
        "explained": explained_at(verdict),
        "outcome": verdict.verdict,
        "why": verdict.why,
        "advice": verdict.advice,
        "attributed_to": verdict.attributed_to if verdict.verdict != "pass" or verdict.attributed_to != "app" else "",
        "premises": verdict.premises,
        "limits": [(name, shown(value)) for name, value in verdict.limits.items()],
        "evidence": [(name, shown(value)) for name, value in verdict.evidence.items()],
    }


def _size(size: int) -> str:
    if size < 1000:
        return f"{size} B"
    return f"{size / 1000:.1f} kB" if size < 1_000_000 else f"{size / 1_000_000:.1f} MB"


def _cursor_data(trial: TrialView, timeline: Timeline) -> Mapping[str, object]:
    """What the cross-hair reads out."""
    kinds = [kind.name for kind in KINDS if any(second.counts[kind.name] for second in timeline.seconds)]
    return {
        "kinds": kinds,
        "seconds": [
            [
                second.second,
                second.p50_ms,
                second.p99_ms,
                int(second.p99_open),
                *(second.counts[kind] for kind in kinds),
            ]
            for second in timeline.seconds
        ],
        "faults": [[band.label, band.start_s, band.end_s] for band in fault_bands(trial.record)],
        "lanes": [
            [lane.name, [[part.start_s, part.end_s, part.word, part.detail] for part in lane.segments]]
            for lane in timeline.lanes
        ],
        "series": [[each.name, each.unit, each.points] for each in timeline.series],
    }


def _embedded(value: object) -> Markup:
    """JSON inside a <script>: no `<` may end it early."""
    body = json.dumps(plain(value), separators=(",", ":"))
    return Markup(body.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))
