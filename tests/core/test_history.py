"""A metric over kept runs: like beside like, what is left out is told, and the index is never a second truth."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness import run_index
from harness.checks.judge import judge_trial
from harness.cli.history import history
from harness.errors import UsageError
from harness.model.record import TrialRecord
from harness.model.verdict import Outcome, TrialVerdict
from harness.record import read_trial, trial_folders
from harness.run_index import INDEX, read_kept
from harness.tuning.history import History, Kept, Like, follow
from harness.tuning.metrics import METRICS
from reports.history.document import history_document
from reports.history.page import history_page
from reports.history.text import history_text
from reports.history.view import view_history

RECORD = Path(__file__).parents[1] / "data" / "short-run"
P50 = METRICS[0]
LIKE = Like("app:app (shakedown.toml)", "baseline", (("workers", 2),), "Linux x86_64, 2 CPUs, 24 GiB", "abc123")


def kept(day: int, value: float | None, verdict: Outcome = "pass", like: Like = LIKE, sound: bool = True) -> Kept:
    values = {} if value is None else {"p50_ms": value}
    return Kept(f"run-{day:02d}", f"2026-11-{day:02d}T02:00:00+00:00", like, verdict, sound, values)


def stepped(values: Sequence[float], penalty: float) -> Sequence[int]:
    return [12]


def test_only_like_stands_on_a_line_and_the_newest_line_comes_first() -> None:
    four = replace(LIKE, config=(("workers", 4),))
    other = [replace(LIKE, host="Linux x86_64, 64 CPUs, 256 GiB"), replace(LIKE, load="fed321"), four]
    trials = [kept(day, 10.0) for day in (3, 1, 2)] + [kept(4, 10.0, like=each) for each in other[:2]]
    found = follow([*trials, kept(9, 5.0, like=four)], P50)
    assert [len(line.points) for line in found.lines] == [1, 1, 1, 3]
    assert found.lines[0].like == four
    assert [point.run for point in found.lines[-1].points] == ["run-01", "run-02", "run-03"]
    drain = replace(LIKE, scenario="drain")
    both = follow([kept(1, 9.0, like=drain), kept(1, 9.0)], P50)
    assert [line.like.scenario for line in both.lines] == ["baseline", "drain"], "of one run, by name"
    assert [line.like.scenario for line in follow([kept(1, 9.0), kept(1, 9.0, like=drain)], P50, "drain").lines] == [
        "drain"
    ]
    assert [point.run for point in follow(trials, P50, last=2).lines[-1].points] == ["run-02", "run-03"]


def test_a_point_is_the_median_of_the_sound_trials_and_the_worst_verdict() -> None:
    trials = [kept(1, 10.0), kept(1, 12.0), kept(1, 14.0, "fail"), kept(1, 99.0, "inconclusive", sound=False)]
    found = follow([*trials, kept(2, None)], P50)
    first, second = found.lines[0].points
    assert (first.value, first.low, first.high, first.trials, first.verdict) == (12.0, 10.0, 14.0, 3, "fail")
    assert (second.value, second.trials, second.verdict) == (None, 0, "pass")
    assert [(each.count, each.what) for each in found.left_out] == [(1, "trial"), (1, "trial")]
    assert any("machine" in each.why for each in found.left_out)
    assert any("too few arrivals" in each.why for each in found.left_out)


def shown(values: Sequence[float | None]) -> History:
    return follow([kept(day, value, "pass" if value else "fail") for day, value in enumerate(values, 1)], P50)


def test_a_change_is_told_in_words_numbers_and_the_picture() -> None:
    view = view_history("runs", shown([10.0] * 12 + [None] + [15.0] * 8), stepped)
    text = history_text(view, picture=True)
    assert "drift: 15.0 ms from 2026-11-14 02:00 on, 10.0 before (+50 %), with run run-14" in text
    assert "▆" in text
    assert "▆" not in history_text(view)
    assert history_text(view, True, ascii_only=True).isascii()
    document = json.loads(json.dumps(history_document(view)))
    assert document["lines"][0]["drift"]["changes"] == [{"run": "run-14", "before": 10.0, "after": 15.0, "ratio": 1.5}]
    assert len(document["lines"][0]["points"]) == 21
    page = history_page(view)
    figure = page[page.index("<svg") : page.index("</svg>")]
    assert (figure.count("✔<title>"), figure.count("✖<title>")) == (20, 1), "verdicts are marked"
    assert figure.count("median 10.0 ms") == figure.count("median 15.0 ms") == 1


def test_without_the_library_it_is_said_once(tmp_path: Path) -> None:
    four = [kept(day, 10.0, like=replace(LIKE, config=(("workers", 4),))) for day in (1, 2)]
    view = view_history("runs", follow([kept(1, 9.0), *four], P50), None)
    assert history_text(view).count("ruptures is not installed") == 1
    assert history_page(view).count("ruptures is not installed") == 1


def test_the_page_escapes_and_fetches_nothing() -> None:
    like = replace(LIKE, target="<b>app</b>", config=(("target.env.X", "<i>"),))
    page = history_page(view_history("<u>", follow([kept(1, 10.0, like=like), kept(2, None, like=like)], P50), None))
    assert not any(tag in page for tag in ("<b>app", "<i>", "<u>", "<script"))
    assert "http" not in page.replace("http://www.w3.org", "").replace("http%3A//www.w3.org", "")


def runs(folder: Path, count: int) -> list[Path]:
    found = []
    for number in range(count):
        shutil.copytree(RECORD, folder / f"run-{number}")
        found.append(folder / f"run-{number}")
    return found


def test_each_run_is_read_once_and_again_when_it_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, _ = runs(tmp_path, 2)
    read: list[str] = []

    def reading(folder: Path) -> TrialRecord:
        read.append(folder.parents[1].name)
        return read_trial(folder)

    monkeypatch.setattr(run_index, "read_trial", reading)
    once = read_kept(tmp_path)
    assert [trial.run for trial in once[0]] == read == ["run-0", "run-1"]
    assert once[0][0].values == once[0][1].values
    assert once[0][0].values["p50_ms"] > 0
    read.clear()
    assert read_kept(tmp_path) == once
    assert not read
    with (first / "trials" / "01-short" / "observations.jsonl").open("ab") as file:
        file.write(b"{cut")
    trials, left_out = read_kept(tmp_path)
    assert (read, [trial.run for trial in trials]) == (["run-0"], ["run-1"])
    assert "not whole" in left_out[0].why
    monkeypatch.setattr(run_index, "_code", lambda: "other rules")
    read.clear()
    read_kept(tmp_path)
    assert read == ["run-0", "run-1"]
    shutil.rmtree(first)
    assert [trial.run for trial in read_kept(tmp_path)[0]] == ["run-1"]
    assert "run-0" not in (tmp_path / INDEX).read_text()


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"schema_version": 9}', "number", "value"])
def test_a_damaged_index_is_made_again(tmp_path: Path, damage: str) -> None:
    runs(tmp_path, 1)
    whole = read_kept(tmp_path)
    index = tmp_path / INDEX
    before = index.read_text()
    body = json.loads(before)
    entry = body["runs"]["run-0"]["trials"][0]
    if damage == "number":
        entry["values"]["p50_ms"] *= 2
    elif damage == "value":
        entry["values"] = "none"
    index.write_text(json.dumps(body) if damage in ("number", "value") else damage)
    assert read_kept(tmp_path) == whole
    assert index.read_text() == before


def test_two_who_write_at_once_each_leave_a_whole_index(tmp_path: Path) -> None:
    runs(tmp_path, 2)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: read_kept(tmp_path), range(8)))
    assert all(each == found[0] for each in found)
    assert sorted(path.name for path in tmp_path.iterdir()) == [INDEX, "run-0", "run-1"]
    json.loads((tmp_path / INDEX).read_text())


def test_what_is_no_run_of_the_service_is_told(tmp_path: Path) -> None:
    audit, search, broken = runs(tmp_path, 3)
    (audit / "rows").mkdir()
    manifest = json.loads((RECORD / "manifest.json").read_bytes())
    (search / "manifest.json").write_text(json.dumps({**manifest, "search": {}}))
    (broken / "manifest.json").write_text("{")
    (tmp_path / "notes").mkdir()
    trials, left_out = read_kept(tmp_path)
    assert not trials
    told = " ".join(each.why for each in left_out)
    assert all(word in told for word in ("audit", "capacity search", "manifest cannot be read", "no manifest.json"))


def test_an_index_that_cannot_be_written_is_told_and_no_more(tmp_path: Path) -> None:
    runs(tmp_path, 1)
    (tmp_path / INDEX).mkdir()
    said: list[str] = []
    assert len(read_kept(tmp_path, said.append)[0]) == 1
    assert "cannot be written" in said[-1]
    assert sorted(path.name for path in tmp_path.iterdir()) == [INDEX, "run-0"]


def test_the_command_shows_writes_and_says_when_there_is_nothing(tmp_path: Path) -> None:
    runs(tmp_path, 2)
    command, where = CliRunner(), ["--runs", str(tmp_path)]
    page = tmp_path / "h.html"
    done = command.invoke(history, [*where, "--html", str(page), "--json"], standalone_mode=False)
    assert (done.return_value, len(json.loads(done.stdout)["lines"][0]["points"])) == (0, 2)
    assert "<svg" in page.read_text()
    done = command.invoke(history, ["short", *where], standalone_mode=False)
    assert "short of tickets:app (shakedown.toml)" in done.stdout
    done = command.invoke(history, ["drain", *where, "--json"], standalone_mode=False)
    assert (done.return_value, json.loads(done.stdout)["error"]["kind"]) == (2, "inconclusive")
    for words in (["drian", *where], ["--runs", str(page)]):
        assert isinstance(command.invoke(history, words, standalone_mode=False).exception, UsageError)


def test_the_kept_record_says_what_its_verdict_says(tmp_path: Path) -> None:
    """The index judges by the same rules as `judge`, and measures as a comparison does."""
    runs(tmp_path, 1)
    (trial,) = read_kept(tmp_path)[0]
    verdict: TrialVerdict = judge_trial(read_trial(trial_folders(RECORD)[0]))
    assert (trial.verdict, trial.like.scenario, trial.like.host) == (
        verdict.verdict,
        "short",
        "Linux x86_64, 2 CPUs, 24 GiB",
    )
    assert dict(trial.like.config) == {"server": "gunicorn-uvicorn", "rate_rps": 50.0, "workers": 2}
