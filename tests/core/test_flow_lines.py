"""The request lines of a flow get their numbers as they come."""

from pathlib import Path

from record_builder import BASELINE, Story

from harness.load.flows.lines import OTHER, Lines
from harness.model.observation import LoadLines, TrialEnded
from harness.model.target import FlowSpec
from harness.record import TrialWriter, read_trial


def test_a_line_keeps_its_number_and_is_told_once() -> None:
    lines = Lines()
    assert [lines.number(*line) for line in [("GET", "/a"), ("POST", "/a"), ("GET", "/a")]] == [0, 1, 0]
    assert lines.untold() == (0, [("GET", "/a"), ("POST", "/a")])
    assert lines.untold() == (2, [])
    assert lines.number("GET", "/b") == 2
    assert lines.untold() == (2, [("GET", "/b")])


def test_a_method_that_is_none_has_a_line_all_the_same() -> None:
    lines = Lines()
    lines.number("g-t", "/a")
    assert lines.untold() == (0, [("ANY", "/a")])


def test_names_without_end_share_the_last_line() -> None:
    lines = Lines()
    numbers = [lines.number("GET", f"/items/{i}") for i in range(2000)]
    first, told = lines.untold()
    assert (first, told[-1]) == (0, OTHER)
    assert len(told) == max(numbers) + 1 < 600
    assert numbers[-1] == numbers[700] == told.index(OTHER)
    assert lines.number("GET", "/items/3") == 3


def test_a_record_that_is_read_has_the_lines_that_came(tmp_path: Path) -> None:
    story = Story(BASELINE, trial_changes={"flow": FlowSpec("flow.py"), "requests": ()})
    writer = TrialWriter(tmp_path)
    writer.write_trial(story.trial())
    came = (LoadLines(0, (("GET", "/a"), ("POST", "/a")), 1, 1), LoadLines(2, (("TASK", "Buyer.look"),), 2, 2))
    for seen in (*came, TrialEnded("complete", "", 3, 3)):
        writer.write(seen)
    writer.close()
    record = read_trial(tmp_path)
    assert record.whole
    assert [line.name for line in record.trial.requests] == ["GET /a", "POST /a", "TASK Buyer.look"]
    assert {line.needs for line in record.trial.requests} == {("db", "pricing")}, "nobody says that it needs less"
    assert record.trial.flow == FlowSpec("flow.py")
