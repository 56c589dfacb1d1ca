"""Samples and observations as tables: every row is there, what is not known is nothing."""

from __future__ import annotations

import csv
import json
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from pyarrow import parquet
from record_builder import LINES, REFUSED, Story

from harness.cli.verbs import verb
from harness.errors import MachineError, UsageError
from harness.model.record import TrialRecord
from harness.model.rows import NO_CONN, NO_PID, NO_STATUS, Flag, Outcome
from reports.export import tables
from reports.export.files import export_trial

SHORT_RUN = Path(__file__).parents[1] / "data" / "short-run"


@pytest.fixture
def record() -> TrialRecord:
    """Of a good trial, with one arrival that was not sent and one that was reset."""
    record = Story(REFUSED).record()
    rows = record.samples.copy()
    rows["first"][0] = rows["sent"][0] = rows["done"][0] = -1
    rows["conn"][0], rows["status"][0], rows["pid"][0] = NO_CONN, NO_STATUS, NO_PID
    rows["code"][0], rows["code"][1] = Outcome.NOT_SENT_LATE, Outcome.RESET_REUSED
    rows["flags"][1] = Flag.REUSED
    rows["endpoint"][2], rows["code"][2] = 99, 999
    return replace(record, samples=rows)


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_each_sample_is_a_row_of_csv(record: TrialRecord, tmp_path: Path) -> None:
    samples, *_ = export_trial(record, tmp_path / "out", "01-x", "csv")
    rows = read_csv(samples)
    assert samples.name == "01-x.samples.csv"
    assert [int(row["k"]) for row in rows] == record.samples["k"].tolist()
    assert [int(row["intended_ns"]) for row in rows] == record.samples["intended"].tolist()
    assert (rows[0]["outcome"], rows[1]["outcome"], rows[2]["outcome"]) == ("not_sent_late", "reset_reused", "")
    unknown = ("sent_ns", "first_ns", "done_ns", "response_ns", "service_ns", "status", "connection", "pid")
    assert {rows[0][name] for name in unknown} == {""}
    assert (rows[1]["response_ns"], rows[1]["reused"], rows[0]["reused"]) == ("", "true", "false")
    assert (rows[2]["request"], rows[3]["request"]) == ("", LINES[2].name)
    answered = [row for row in rows if row["outcome"] == "ok"]
    assert all(int(row["response_ns"]) == int(row["done_ns"]) - int(row["intended_ns"]) for row in answered)
    assert all(int(row["service_ns"]) == int(row["done_ns"]) - int(row["sent_ns"]) for row in answered)
    assert not list((tmp_path / "out").glob("*.part"))


def test_a_sample_belongs_to_the_phase_in_which_it_was_due(record: TrialRecord, tmp_path: Path) -> None:
    rows = read_csv(export_trial(record, tmp_path, "01-x", "csv")[0])
    told = Counter(row["phase"] for row in rows)
    assert set(told) == {"warmup", "baseline", "fault", "recovery"}
    span = record.phase("fault")
    assert span is not None
    due = record.samples["intended"]
    assert told["fault"] == np.count_nonzero((due >= span.start_ns) & (due < span.end_ns))


def test_each_observation_is_a_row_with_the_rest_as_json(record: TrialRecord, tmp_path: Path) -> None:
    rows = read_csv(export_trial(record, tmp_path, "01-x", "csv")[1])
    assert [row["kind"] for row in rows] == [seen.kind for seen in record.observations]
    applied = next(json.loads(row["detail"]) for row in rows if row["kind"] == "fault")
    assert (applied["fault"], applied["action"], applied["ok"]) == ("db.refuse", "apply", True)


def test_parquet_holds_the_same_with_nulls_and_types(record: TrialRecord, tmp_path: Path) -> None:
    samples, observations, _ = export_trial(record, tmp_path, "01-x", "parquet")
    table = parquet.read_table(samples)
    assert table.column("k").to_pylist() == record.samples["k"].tolist()
    assert str(table.schema.field("done_ns").type) == "int64"
    assert str(table.schema.field("reused").type) == "bool"
    assert (table.column("done_ns")[0].as_py(), table.column("outcome")[2].as_py()) == (None, None)
    assert parquet.read_table(observations).num_rows == len(record.observations)


def test_histograms_of_each_clock_count_every_answer(record: TrialRecord, tmp_path: Path) -> None:
    samples, _, histograms = (read_csv(path) for path in export_trial(record, tmp_path, "01-x", "csv"))
    answered = [row for row in samples if row["response_ns"]]
    for by, name in (("second", ""), ("phase", "phase"), ("request", "request")):
        for clock in ("response", "service"):
            mine = [row for row in histograms if (row["by"], row["clock"]) == (by, clock)]
            assert sum(int(row["count"]) for row in mine) == len(answered)
            if name:
                told = {row["of"]: 0 for row in mine}
                for row in mine:
                    told[row["of"]] += int(row["count"])
                assert told == Counter(row[name] for row in answered)


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_blocks_make_the_same_whole(
    record: TrialRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    def seen(folder: str) -> list[object]:
        paths = export_trial(record, tmp_path / folder, "01-x", form)
        return [parquet.read_table(path).to_pylist() if form == "parquet" else read_csv(path) for path in paths]

    whole = seen("whole")
    monkeypatch.setattr(tables, "BLOCK", 7)
    assert seen("parts") == whole


def test_a_trial_without_samples_has_empty_tables(record: TrialRecord, tmp_path: Path) -> None:
    empty = replace(record, samples=record.samples[:0], observations=())
    for form in ("csv", "parquet"):
        samples, observations, _ = export_trial(empty, tmp_path, "01-x", form)
        assert samples.stat().st_size
        assert observations.stat().st_size


def test_without_pyarrow_it_is_said_what_to_do(
    record: TrialRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MachineError, match=r"fastapi-shakedown\[parquet\].*--format csv"):
        export_trial(record, tmp_path, "01-x", "parquet")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made_is_told(record: TrialRecord, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MachineError, match="cannot be written"):
        export_trial(record, tmp_path / "file", "01-x", "csv")


def test_the_verb_exports_every_trial_of_a_run(tmp_path: Path) -> None:
    words = [str(SHORT_RUN), "--out", str(tmp_path / "out"), "--json"]
    result = CliRunner().invoke(verb("export"), words, catch_exceptions=False)
    files = [Path(path) for path in json.loads(result.output)["files"]]
    trials = sorted(path.name for path in (SHORT_RUN / "trials").iterdir())
    assert [path.name for path in files] == [
        f"{trial}.{kind}.csv" for trial in trials for kind in ("samples", "observations", "histograms")
    ]
    size = sum((SHORT_RUN / "trials" / trial / "samples.rows").stat().st_size for trial in trials)
    assert sum(len(read_csv(path)) for path in files if "samples" in path.name) == size // 56


def test_what_is_no_run_is_told(tmp_path: Path) -> None:
    (tmp_path / "rows").mkdir()
    with pytest.raises(UsageError, match="audit"):
        CliRunner().invoke(verb("export"), [str(tmp_path)], catch_exceptions=False)
    (tmp_path / "rows").rmdir()
    (tmp_path / "trials").mkdir()
    with pytest.raises(UsageError, match="no trial"):
        CliRunner().invoke(verb("export"), [str(tmp_path)], catch_exceptions=False)
