"""The page: templates filled with what the record holds. Nothing is fetched, nothing needs a script."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from harness.model.load_shape import describe
from harness.model.observation import StackTaken
from harness.model.trial import Trial
from harness.model.verdict import Outcome, Verdict
from reports.document import run_verdict
from reports.html.lanes import fault_bands
from reports.html.palette import LIGHT, css
from reports.html.tables import detail_tables, phase_table
from reports.html.timeline import Timeline, draw
from reports.html.traffic import KINDS, placed_rows
from reports.plain import one_line, plain, printable
from reports.view import RunView, TrialView
from reports.words import SYMBOL, WORD, checks_told, config_told, counted, sorted_verdicts, tally

# Facts of the manifest that are told elsewhere on the page.
_TOLD = frozenset({"schema_version", "command", "target"})
MAX_ENTRIES = 40


def render(run: RunView) -> str:
    """The whole page as text."""
    outcome = run_verdict([trial.verdict for trial in run.trials])
    return (
        templates()
        .get_template("page.html.j2")
        .render(
            outcome=outcome,
            symbol=SYMBOL,
            word=WORD,
            target=run.target,
            told=tally([trial.verdict.verdict for trial in run.trials]) or "nothing was run",
            count=counted(len(run.trials), "trial"),
            trials=[_trial(trial, number) for number, trial in enumerate(run.trials, 1)],
            facts=[(name, shown(value)) for name, value in run.facts.items() if name not in _TOLD],
            command=_command(run.facts.get("command")),
            judge_again=f"shakedown judge {shlex.quote(run.run_dir)}",
            run_dir=run.run_dir,
            icon=icon(outcome),
            css=stylesheet(),
            script=Markup(_asset("timeline.js")),
        )
    )


def templates() -> Environment:
    """Autoescaped, and strict about what is not there."""
    return Environment(
        loader=PackageLoader("reports"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        finalize=_safe,
    )


def stylesheet() -> Markup:
    return Markup(css() + _asset("page.css"))


def _safe(value: object) -> object:
    """Applied to all that a template prints: text of the app shows no control characters."""
    return printable(value) if type(value) is str else value


def _asset(name: str) -> str:
    return (files("reports") / "assets" / name).read_text("utf-8")


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
        "outcome": verdict.verdict,
        "why": verdict.why,
        "advice": verdict.advice,
        "attributed_to": verdict.attributed_to if verdict.verdict != "pass" or verdict.attributed_to != "app" else "",
        "premises": verdict.premises,
        "limits": [(name, shown(value)) for name, value in verdict.limits.items()],
        "evidence": [(name, shown(value)) for name, value in verdict.evidence.items()],
    }


def shown(value: object) -> str:
    """A value for a reader: text as it is, numbers short, pairs and lists of pairs as lines, the rest as JSON."""
    value = plain(value)
    if isinstance(value, dict) and value:
        return ", ".join(f"{key} {_short(each)}" for key, each in value.items())
    if isinstance(value, list) and any(isinstance(each, dict) for each in value):
        lines = [shown(each) for each in value[:MAX_ENTRIES]]
        more = [f"… and {len(value) - MAX_ENTRIES:,} more; verdict.json has all."] if len(value) > MAX_ENTRIES else []
        return "\n".join(lines + more)
    return _short(value)


def _short(value: object) -> str:
    if value is None:
        return "not known"
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list) and all(isinstance(each, str | int) for each in value):
        return ", ".join(str(each) for each in value) or "none"
    return json.dumps(value, ensure_ascii=False)


def _command(value: object) -> str:
    if isinstance(value, str):
        return value
    return shlex.join(str(word) for word in value) if isinstance(value, Iterable) else ""


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


def icon(outcome: Outcome) -> str:
    drawn = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="8"'
        f' fill="{LIGHT[outcome]}"/><text x="8" y="12" text-anchor="middle" font-size="11" font-weight="700"'
        f' fill="#fff">{SYMBOL[outcome]}</text></svg>'
    )
    return "data:image/svg+xml," + quote(drawn)
