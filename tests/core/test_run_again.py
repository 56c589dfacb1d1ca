"""A trial without a verdict is run again where the machine was not fit, and its first record is kept and told."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from record_builder import BASELINE, Story

from harness.checks.judge import judge_trial
from harness.cli.again import unfit_again
from harness.cli.live import Quiet
from harness.cli.results import document, exit_code, read_judged
from harness.model.observation import PROXY_RENEWED, Noted
from harness.model.record import TrialRecord
from harness.model.trial import PlannedTrial
from harness.record import TrialWriter, put_aside, put_aside_folders, read_trial, trial_folder, write_manifest
from reports.html.page import render
from reports.junit import junit_xml
from reports.text import summarise

STOLEN = {"steal_share": 0.4}
FIT = Story(BASELINE)
UNFIT = Story(BASELINE, machine=lambda _at_s: STOLEN)
# A hiccup at 3 s; what is missing, however, is a load that anything could be told by.
TOO_LITTLE = Story(BASELINE, rate=4)
TOO_LITTLE_AND_A_HICCUP = Story(BASELINE, rate=4, machine=lambda at_s: STOLEN if at_s == 3.0 else {})
WRONG = Story(BASELINE, orphans=(4242,), machine=lambda at_s: STOLEN if at_s == 3.0 else {})
HUNG = FIT.record(plus=[Noted(PROXY_RENEWED, "Toxiproxy hung.", {}, 8, 8)])


class Watcher(Quiet):
    """Remembers what it was told to tell."""

    def __init__(self) -> None:
        super().__init__(lambda folder: judge_trial(read_trial(folder)))
        self.told: list[list[str]] = []

    def run_again(self, trials: Sequence[PlannedTrial]) -> None:
        self.told.append([planned.slug for planned in trials])


class Campaign:
    """Conducts nothing: each trial has the records that it is given, one after another, the last of them again."""

    def __init__(self, run_dir: Path, reruns: int, records: Mapping[str, Sequence[TrialRecord]]) -> None:
        self.watcher, self.conducted = Watcher(), list[str]()
        names = enumerate(records, 1)
        trials = [PlannedTrial(number, replace(BASELINE, name=name), 2, {}, 7, 20.0) for number, name in names]
        left = {trial.slug: list(records[trial.scenario.name]) for trial in trials}
        plan = [{"trial": trial.slug, "scenario": trial.scenario.name, "config": {}} for trial in trials]
        write_manifest(run_dir, {"target": "made.toml", "command": [], "plan": plan})
        for planned in chain(trials, unfit_again(run_dir, trials, self.watcher, reruns)):
            mine = left[planned.slug]
            record = mine.pop(0) if len(mine) > 1 else mine[0]
            folder = trial_folder(run_dir, planned.slug)
            assert not folder.exists()
            write(folder, replace(record, trial=replace(record.trial, scenario=planned.scenario)))
            self.watcher.trial_ended(planned, folder)
            self.conducted.append(planned.slug)


def write(folder: Path, record: TrialRecord) -> None:
    writer = TrialWriter(folder)
    writer.write_trial(record.trial)
    for seen in record.observations:
        writer.write(seen)
    writer.samples.write_bytes(record.samples.tobytes())
    writer.close()


def told(run_dir: Path) -> list[dict[str, Any]]:
    """The trials of the JSON document."""
    trials: list[dict[str, Any]] = json.loads(json.dumps(document(read_judged(run_dir))))["trials"]
    return trials


def test_the_second_record_counts_and_the_first_is_kept(tmp_path: Path) -> None:
    campaign = Campaign(tmp_path, 1, {"one": [FIT.record()], "two": [UNFIT.record(), FIT.record()]})
    assert campaign.conducted == ["01-one", "02-two", "02-two"]
    assert campaign.watcher.told == [["02-two"]]
    run = read_judged(tmp_path)
    assert exit_code(run) == 0
    one, two = told(tmp_path)
    assert [one["verdict"], two["verdict"]] == ["pass", "pass"]
    assert "set_aside" not in one
    (before,) = two["set_aside"]
    assert before["folder"] == "unfit/02-two.1"
    assert "40% of the CPU time was stolen" in before["why"]
    assert judge_trial(read_trial(tmp_path / before["folder"])).verdict == "inconclusive"
    sentence = f"Run again; no verdict came of unfit/02-two.1: {before['why']}"
    assert sentence in summarise(str(tmp_path), "made.toml", run.verdicts, color=False)
    assert sentence in render(run)
    suite = ET.fromstring(junit_xml("made", run.verdicts)).find("testsuite")
    assert suite is not None
    (again,) = suite.findall("properties/property")
    assert again.get("value") == sentence
    assert again.get("name") in {case.get("classname") for case in suite.findall("testcase")}
    assert suite.get("tests") == str(len(suite.findall("testcase")))


def test_they_come_when_all_others_are_done(tmp_path: Path) -> None:
    campaign = Campaign(tmp_path, 2, {"one": [UNFIT.record()], "two": [UNFIT.record(), FIT.record()]})
    assert campaign.conducted == ["01-one", "02-two", "01-one", "02-two", "01-one"]
    assert campaign.watcher.told == [["01-one", "02-two"], ["01-one"]]
    assert [path.name for path in put_aside_folders(tmp_path, "01-one", "unfit")] == ["01-one.1", "01-one.2"]
    one, two = told(tmp_path)
    assert [one["verdict"], two["verdict"]] == ["inconclusive", "pass"]
    assert [before["folder"] for before in one["set_aside"]] == ["unfit/01-one.1", "unfit/01-one.2"]
    assert exit_code(read_judged(tmp_path)) == 2


@pytest.mark.parametrize(
    ("record", "why"),
    [
        (FIT.record(), "it passed"),
        (WRONG.record(), "a failure stands, whatever the machine did"),
        (TOO_LITTLE.record(), "the machine is not why"),
    ],
    ids=["passed", "failed", "too-little"],
)
def test_what_is_not_for_the_machines_sake_is_not_run_again(record: TrialRecord, why: str, tmp_path: Path) -> None:
    assert Campaign(tmp_path, 5, {"one": [record]}).conducted == ["01-one"], why
    assert not (tmp_path / "unfit").exists()


def test_the_kinds_of_records_above_are_what_they_are_called() -> None:
    records = [FIT.record(), UNFIT.record(), WRONG.record(), TOO_LITTLE.record(), TOO_LITTLE_AND_A_HICCUP.record()]
    outcomes = [judge_trial(record).verdict for record in records]
    assert outcomes == ["pass", "inconclusive", "fail", "inconclusive", "inconclusive"]


@pytest.mark.parametrize("record", [HUNG, TOO_LITTLE_AND_A_HICCUP.record()], ids=["proxy-hung", "hiccup"])
def test_what_may_be_for_the_machines_sake_is_run_again(record: TrialRecord, tmp_path: Path) -> None:
    assert Campaign(tmp_path, 1, {"one": [record, FIT.record()]}).conducted == ["01-one", "01-one"]
    assert [trial["verdict"] for trial in told(tmp_path)] == ["pass"]


def test_none_is_run_again_where_none_is_asked_for(tmp_path: Path) -> None:
    assert Campaign(tmp_path, 0, {"one": [UNFIT.record()]}).conducted == ["01-one"]


def test_a_name_that_begins_another_is_not_taken_for_it(tmp_path: Path) -> None:
    for slug in ("01-one", "01-one.more", "01-one"):
        (trial_folder(tmp_path, slug)).mkdir(parents=True)
        put_aside(tmp_path, slug, "unfit")
    assert [path.name for path in put_aside_folders(tmp_path, "01-one", "unfit")] == ["01-one.1", "01-one.2"]
    assert [path.name for path in put_aside_folders(tmp_path, "01-one.more", "unfit")] == ["01-one.more.1"]
