"""Two stored runs are described side by side and never called better or worse, and only like is put beside like."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from record_builder import BASELINE, REFUSED, Story

from harness.cli.stored import compare_stored
from harness.errors import UsageError
from harness.model.load_shape import Constant
from harness.model.trial import Trial
from harness.tuning.alike import unlike, unlike_trials

RECORD = Path(__file__).parents[1] / "data" / "short-run"
FACTS: Mapping[str, Any] = {
    "host": {"cpus": 2, "machine": "x86_64"},
    "versions": {"python": "3.12.1", "gunicorn": "27.0.1"},
    "app": "app:app",
    "rate_rps": 50.0,
    "seed": 7,
}


def trial(**changes: Any) -> Trial:
    return replace(Story(BASELINE).trial(), **changes)


def copy_with(folder: Path, **facts: object) -> Path:
    shutil.copytree(RECORD, folder)
    manifest = json.loads((RECORD / "manifest.json").read_bytes())
    (folder / "manifest.json").write_text(json.dumps({**manifest, **facts}))
    return folder


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"host": {"cpus": 4, "machine": "x86_64"}}, "cpus was 2 and is 4"),
        ({"versions": {"python": "3.13.0", "gunicorn": "27.0.1"}}, "python was 3.12.1 and is 3.13.0"),
        ({"versions": {"python": "3.12.1"}}, "gunicorn was 27.0.1 and is None"),
        ({"app": "other:app"}, "app was app:app and is other:app"),
        ({"rate_rps": 60.0}, "rate_rps was 50.0 and is 60.0"),
    ],
)
def test_another_machine_version_app_or_schedule_is_told(changed: Mapping[str, Any], says: str) -> None:
    assert unlike(FACTS, FACTS) == []
    assert unlike(FACTS, {**FACTS, **changed}) == [says]


def test_another_seed_is_the_same_load() -> None:
    assert unlike(FACTS, {**FACTS, "seed": 8}) == []


def test_other_requests_or_another_scenario_are_told() -> None:
    was = trial()
    heavier = replace(was.requests[0], weight=9.0)
    assert unlike_trials([was, was], [trial(config={"workers": 4}, workers=4)]) == []
    assert unlike_trials([was], [trial(requests=(heavier, *was.requests[1:]))]) == [
        "baseline has other request lines (list)"
    ]
    assert unlike_trials([was], [trial(requests=())]) == [
        "baseline has other request lines (create, list, quote, and 1 more)"
    ]
    assert unlike_trials([was], [trial(scenario=replace(BASELINE, baseline_s=60))]) == [
        "baseline is another scenario than it was"
    ]
    assert unlike_trials([was], [trial(shape=Constant("poisson"))]) == ["baseline has another load.shape than it had"]
    assert unlike_trials([was], [Story(REFUSED).trial()]) == [], "no scenario in common"


def test_runs_that_are_alike_are_described(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compare_stored(RECORD, copy_with(tmp_path / "again"), False, False) == 0
    told = capsys.readouterr().out
    assert "described, not judged" in told
    assert "p50_ms" in told
    assert not {"better", "worse"} & set(told.split())
    assert compare_stored(RECORD, tmp_path / "again", False, True) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["verdict"], document["described"]["differences"]) == ("inconclusive", [])


def test_runs_that_are_not_alike_are_refused_unless_insisted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = copy_with(tmp_path / "other", host={"cpus": 64})
    assert compare_stored(RECORD, other, False, True) == 2
    told = capsys.readouterr()
    assert "not comparable" in json.loads(told.out)["error"]["message"]
    assert "--insist" in told.err
    assert compare_stored(RECORD, other, True, False) == 0
    assert "not alike: cpus was" in capsys.readouterr().out


def test_what_has_no_scenario_in_common_is_bad_input(tmp_path: Path) -> None:
    empty = copy_with(tmp_path / "empty")
    for folder in (empty / "trials").iterdir():
        shutil.rmtree(folder)
    with pytest.raises(UsageError, match="no scenario in common"):
        compare_stored(RECORD, empty, False, False)
