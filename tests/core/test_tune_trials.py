"""A tuning trial for trial through the hands of its command, its records and reports; only the trials are made."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from record_builder import BITE_S, Story, ns

from harness.campaign import Run, make_run_dir
from harness.campaign import _entry as plan_entry
from harness.campaign import _facts as run_facts
from harness.cli.live import make_watcher
from harness.cli.results import read_judged, show_tuning, write_reports
from harness.cli.tune import Tuning
from harness.cli.tune_asked import ask, tune_facts
from harness.model.load_shape import Step
from harness.model.observation import PhaseBegan
from harness.model.record import TrialRecord
from harness.model.rows import NO_PID, PACK, Outcome, rows_from_bytes
from harness.model.target import Scalar, Target
from harness.model.trial import PlannedTrial, ServerSettings
from harness.record import TrialWriter, trial_folder, write_manifest

TARGET = """
[target]
app = "small_pool:app"
workers = 2

[target.env]
POOL_SIZE = "1"

[parts.db]
kind = "postgres"

[load]
rate_rps = 10

[[tune.knobs]]
setting = "env.POOL_SIZE"
kind = "pool"
values = [1, 4]
"""
Truth = Callable[[Mapping[str, Scalar]], float]


def made(planned: PlannedTrial, target: Target, truth: Truth) -> TrialRecord:
    """The record of a trial: a staircase that holds as much as the truth, or a scenario that goes well."""
    changes = {
        "index": planned.index,
        "scenario": planned.scenario,
        "workers": planned.workers,
        "config": planned.config,
        "seed": planned.seed,
        "server_settings": ServerSettings(30.0, 30.0),
        "slo": target.slo,
    }
    if not isinstance(planned.shape, Step):
        return Story(planned.scenario, trial_changes=changes).record()
    shape, packed = planned.shape, bytearray()
    for step, level in enumerate(shape.levels_rps):
        count, begin_s = round(level * shape.each_s), 2.0 + step * shape.each_s
        took_s = 0.4 if level > truth(planned.config) else 0.01
        for number in range(count):
            at_s = begin_s + number * shape.each_s / count
            packed += PACK.pack(
                number, 0, ns(at_s), ns(at_s), ns(at_s + took_s), ns(at_s + took_s), Outcome.OK, 0, 200, 0, NO_PID, 0
            )
    record = Story(planned.scenario, trial_changes={**changes, "shape": shape}).record()
    held = sum(level <= truth(planned.config) for level in shape.levels_rps)
    later = ns(2.0 + shape.each_s * min(held + 2, len(shape.levels_rps)) - BITE_S)  # it ends after two that broke
    seen = [
        replace(each, sent_ns=each.sent_ns + later, done_ns=each.done_ns + later)
        if isinstance(each, PhaseBegan) and each.phase in ("drain", "end")
        else each
        for each in record.observations
    ]
    return replace(record, observations=tuple(seen), samples=rows_from_bytes(packed))


def write(folder: Path, record: TrialRecord) -> None:
    writer = TrialWriter(folder)
    writer.write_trial(record.trial)
    for seen in record.observations:
        writer.write(seen)
    writer.close()
    writer.samples.write_bytes(record.samples.tobytes())


class Clock:
    """Goes on by what a trial takes: its load by the record, and so much around it."""

    def __init__(self, around_s: float) -> None:
        self.now_s, self.around_s, self.longest_s = 1000.0, around_s, 0.0

    def __call__(self) -> float:
        return self.now_s

    def spend(self, record: TrialRecord) -> None:
        load, drain = record.phase("warmup"), record.phase("drain")
        assert load is not None
        assert drain is not None
        took_s = (drain.start_ns - load.start_ns) / 1e9 + self.around_s
        self.now_s, self.longest_s = self.now_s + took_s, max(self.longest_s, took_s)


def tuned(
    tmp_path: Path, truth: Truth, names: Sequence[str] = ("drain",), minutes: float = 20.0, clock: Clock | None = None
) -> tuple[Path, list[PlannedTrial]]:
    """As the command does it, but for the conductor."""
    file = tmp_path / "shakedown.toml"
    file.write_text(TARGET)
    clock = clock or Clock(8.0)
    scope = ask(file, {}, 4, names, repeat=2, seed=7)
    run_dir = make_run_dir(tmp_path / "run", "tune")
    watcher = make_watcher(True, 0.0)
    now = scope.target_of((2, 1), (), climbs=True)
    facts = run_facts(
        Run(now, (), (), run_dir, 7, ["shakedown", "tune"], more={"tune": tune_facts(scope.asked, 20, now)})
    )
    plan: list[PlannedTrial] = []
    for target, planned in Tuning(scope, run_dir, watcher, minutes, clock).trials():
        plan.append(planned)
        folder = trial_folder(run_dir, planned.slug)
        folder.mkdir(parents=True, exist_ok=True)
        record = made(planned, target, truth)
        write(folder, record)
        clock.spend(record)
        watcher.trial_ended(planned, folder)
        assert len(plan) < 60
    write_manifest(run_dir, {**facts, "plan": [plan_entry(each) for each in plan]})
    return run_dir, plan


def pooled(config: Mapping[str, Scalar]) -> float:
    return 24.0 * int(config["workers"]) * int(config["env.POOL_SIZE"])


def test_the_whole_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_dir, plan = tuned(tmp_path, pooled)
    names = [each.scenario.name for each in plan]
    assert names[0] == "climb"
    assert names.count("drain") == 2
    assert names.count("climb-paired") % 2 == 0
    assert names.count("climb-paired") >= 6
    judged = read_judged(run_dir)
    write_reports(judged, None)
    assert show_tuning(judged, as_json=True) == 0
    document = json.loads(capsys.readouterr().out)
    assert "the lever is env.POOL_SIZE: 1 to 4" in document["why"]
    values = {each["key"]: each["value"] for each in document["settings"]}
    assert values["target.workers"] == 4
    assert values["target.env.POOL_SIZE"] == 4
    assert document["verified"] == {"drain": "pass"}
    assert document["effects"][0]["metric"] == "score"
    assert document["effects"][0]["ratio"] == pytest.approx(8, rel=0.15)
    assert {path.name for path in run_dir.iterdir()} >= {
        "gunicorn.conf.py",
        "settings.env",
        "report.html",
        "trials.html",
        "recommendation.json",
        "verdict.json",
    }
    assert "workers = 4" in (run_dir / "gunicorn.conf.py").read_text()
    assert show_tuning(judged, as_json=False) == 0
    assert "verified with  drain pass" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("minutes", "around_s"),
    [(8.0, 8.0), (11.0, 6.0), (13.0, 8.0), (13.0, 30.0), (20.0, 8.0), (20.0, 30.0)],
    ids=lambda value: f"{value:g}",
)
def test_it_ends_within_its_minutes_or_a_trial_later(tmp_path: Path, minutes: float, around_s: float) -> None:
    clock = Clock(around_s)
    began_s = clock()
    _, plan = tuned(tmp_path, pooled, ("db-refused", "db-latency", "drain"), minutes, clock)
    names = [each.scenario.name for each in plan]
    assert names.count("db-refused") == names.count("db-latency") == names.count("drain") == 2, "again with timeouts"
    assert names.count("climb-paired") >= 6, "wherever the search was when its time was over"
    assert clock() - began_s <= minutes * 60 + clock.longest_s
