"""A series of the confusion matrix goes on where it was, and what the machine spoilt is no repetition."""

from pathlib import Path

from bad_cases import Case

from benchmarks.confusion import Result, cell, keep, of, page, read_state, rows, waiting

SLOW = Case("slow", "db-latency", {"latency-slo": "the defect"}, {"recovers": "it never came back"})
SOUND = Case("sound", "baseline", {})


def result(case: Case = SLOW, *unfit: str, **outcomes: str) -> Result:
    said = {"latency-slo": "fail", "recovers": "inconclusive", "starts": "pass"}
    said |= {check.replace("_", "-"): outcome for check, outcome in outcomes.items()}
    return Result(case.app, case.scenario, "0000000", 1, said, unfit)


def test_a_line_that_was_cut_costs_itself_and_nothing_else(tmp_path: Path) -> None:
    state = tmp_path / "state.jsonl"
    keep(result(), state)
    with state.open("a") as file:
        file.write('{"app": "slow", "scena')
    assert len(read_state(state)) == 1
    keep(result(starts="fail"), state)
    assert [each.outcomes["starts"] for each in read_state(state)] == ["pass", "fail"]


def test_what_was_run_is_not_run_again(tmp_path: Path) -> None:
    state = tmp_path / "state.jsonl"
    assert [case for _, case in waiting((SLOW, SOUND), [], 2)] == [SLOW, SOUND, SLOW, SOUND]
    keep(result(), state)
    assert list(waiting((SLOW, SOUND), read_state(state), 2)) == [(0, SOUND), (1, SLOW), (1, SOUND)]


def test_a_run_that_the_machine_spoilt_is_run_again_and_last() -> None:
    spoilt = [result(SLOW, "latency-slo")]
    assert of(spoilt, SLOW) == []
    assert [case for _, case in waiting((SLOW, SOUND), spoilt, 1)] == [SOUND, SLOW]


def test_a_cell_says_what_was_expected_and_what_was_not() -> None:
    assert cell(SLOW, [result()], "latency-slo") == "**✗**"
    assert cell(SLOW, [result()], "recovers") == "?"
    assert cell(SLOW, [result()], "starts") == "·"
    assert cell(SLOW, [result()], "nothing-lost") == ""
    assert cell(SLOW, [result(starts="fail")], "starts") == "!✗"
    assert cell(SLOW, [result(latency_slo="pass")], "latency-slo") == "!·"
    assert cell(SLOW, [result(), result(latency_slo="pass")], "latency-slo") == "!·✗"


def test_a_defect_that_nothing_judged_is_not_as_expected() -> None:
    assert cell(SLOW, [Result("slow", "db-latency", "0000000", 3, {})], "latency-slo") == "!"


def test_a_case_that_was_only_spoilt_is_shown_and_not_called_wrong() -> None:
    ((_, runs, cells),) = rows((SLOW,), [result(SLOW, "latency-slo", latency_slo="inconclusive")])
    assert runs == 0
    assert {"?", "·", ""} == set(cells)


def test_the_page_tells_repetitions_and_spoilt_runs() -> None:
    told = "\n".join(page((SLOW, SOUND), [result(), result(SLOW, "latency-slo")]))
    row = next(line for line in told.splitlines() if line.startswith("| `slow`"))
    assert [cell.strip() for cell in row.split("|")[2:5]] == ["`db-latency`", "1", "1"]
    assert "Not run yet: `sound` under `baseline`." in told
