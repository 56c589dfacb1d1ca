"""A tuning hands over timeouts that follow from its scenarios, beside what it searched, and says that none was run."""

import json
from dataclasses import replace

from record_builder import BLACKHOLE, DRAIN, Done, Story, ns

from harness.checks.judge import judge_trial
from harness.model.observation import SessionLimits
from harness.model.record import TrialRecord
from harness.model.scenario import Scenario
from harness.model.target import Slo
from harness.tuning.asked import Asked
from harness.tuning.levers import Lever
from harness.tuning.timeouts.from_trials import derive_from
from harness.tuning.tuned import tell
from reports.tune.document import tune_document
from reports.tune.page import tune_page
from reports.tune.text import tune_text
from reports.tune.view import TuneView, pasted, view_tuning
from reports.view import RunView, TrialView

LEVERS = [{"key": "target.workers", "kind": "workers", "values": [1, 2], "before": 2}]
FACTS = {
    "seed": 1,
    "app": "app.main:app",
    "plan": [{"block": 0}, {"block": 0}],
    "tune": {
        "server": "gunicorn",
        "parts": {"db": "postgres"},
        "levers": LEVERS,
        "scenarios": [],
        "untested": [],
        "repeat": 2,
    },
}


def trials(*stories: Story) -> list[TrialView]:
    limits = SessionLimits("db", 20.0, 0.0, 0.0, ns(2), ns(2))
    records = [story.record(plus=[limits]) for story in stories]
    return [TrialView(record, judge_trial(record), "trials/01") for record in records]


def seen_by(*stories: Story) -> RunView:
    return RunView("runs/x", "app.main:app", FACTS, tuple(trials(*stories)))


def viewed(run: RunView) -> TuneView:
    """As `view_tuning`, of a search that recommends what is there."""
    view = view_tuning(run)
    tuned = replace(tell(Asked((Lever("target.workers", "workers", (1, 2), 2),), ()), ()), broken="")
    return TuneView(tuned, (), view.asked, Slo(), view.timeouts)


def test_they_are_told_written_and_said_to_be_not_run() -> None:
    run = seen_by(Story(DRAIN), Story(BLACKHOLE, trial_changes={"index": 2}))
    view = viewed(run)
    written = {file.name: file.text for file in pasted(run, view)}
    assert "graceful_timeout = 16" in written["gunicorn.conf.py"]
    assert "# Before: 15." in written["gunicorn.conf.py"]
    assert "statement_timeout = '500ms'" in written["postgresql.conf"]
    assert "# Before: 20000ms." in written["postgresql.conf"]
    assert "terminationGracePeriodSeconds: 21" in written["elsewhere.txt"]
    assert all("No trial has run with it yet." in text for text in written.values())
    text = tune_text(view, "runs/x", "app.main:app")
    assert "timeouts  statement_timeout=500ms, command_timeout_s=1.0, " in text
    command = "shakedown run db-locked db-blackhole drain drain-locked --set parts.db.settings.statement_timeout=500ms"
    assert f"{command} --set gunicorn.graceful_timeout=16 --set gunicorn.timeout=15" in text
    page = tune_page(run, view)
    assert "Timeouts in order" in page
    assert command in page
    document = json.loads(json.dumps(tune_document(run, view)))
    assert {each["key"] for each in document["timeouts"]} >= {"target.gunicorn.timeout", "proxy.read_timeout_s"}


def test_what_the_app_reads_from_variables_is_written_as_variables() -> None:
    keys = [
        {"rung": "command", "setting": "target.env.COMMAND_S", "before": 30.0},
        {"rung": "statement", "setting": "target.env.STATEMENT_S", "before": None},
    ]
    run = seen_by(Story(DRAIN))
    tune = {**FACTS["tune"], "timeouts": keys}  # type: ignore[dict-item]
    view = viewed(replace(run, facts={**FACTS, "tune": tune}))
    written = {file.name: file.text for file in pasted(run, view)}
    assert "# Before: 30.\n" in written["settings.env"]
    assert "\nCOMMAND_S=1\n" in written["settings.env"]
    assert "STATEMENT_S=0.5\n" in written["settings.env"]
    assert "postgresql.conf" not in written
    assert "--set target.env.STATEMENT_S=0.5 --set target.env.COMMAND_S=1.0 " in view.trying_them


def test_what_leaves_no_room_is_said() -> None:
    slow = Story(DRAIN, request=lambda at_s, _: Done(3.0) if round(at_s * 50) == 300 else Done())
    view = viewed(seen_by(slow))
    assert view.timeouts is not None
    assert "The longest good request took 3 s" in view.timeouts.cannot
    assert "none for the database" in tune_text(view, "runs/x", "app")
    assert not [each for each in view.derived if each.key.startswith("parts.")]


def test_under_a_staircase_nothing_is_healthy() -> None:
    climbed = Story(Scenario("climb", "How much?", baseline_s=6))
    assert view_tuning(seen_by(climbed)).timeouts is None


def test_without_a_healthy_request_nothing_is_derived() -> None:
    def cut() -> TrialRecord:
        return Story(DRAIN).record(whole=False)

    assert derive_from([(cut(), judge_trial(cut()))], "gunicorn") is None
