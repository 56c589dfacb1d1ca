"""The table of failure modes is what the code and the bad apps say, and these say nothing that is not so."""

import re
from dataclasses import replace

import pytest
from bad_cases import CASES, Case
from failure_table import PAGE, written
from record_builder import Story

from harness.checks import CHECKS
from harness.model.scenario import Scenario
from harness.model.target import Limits
from scenarios import SCENARIOS

NAMES = {check.name for check in CHECKS}


def numbers(text: str) -> set[str]:
    return set(re.findall(r"\bF\d\d\b", text))


def test_the_table_is_that_of_today() -> None:
    page = PAGE.read_text("utf-8")
    assert written(page) == page, "make docs writes it anew"


def test_all_of_the_table_is_written() -> None:
    page = PAGE.read_text("utf-8")
    emptied = re.sub(r"^\|.*`\w+` under.*$", "", page, flags=re.MULTILINE)
    assert emptied != page
    assert written(emptied) == page


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_scenario_that_breaks_something_says_what_it_finds(scenario: Scenario) -> None:
    assert scenario.finds or not scenario.faults, "`finds` names the failure modes of docs/failure-modes.md"


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_what_a_scenario_claims_is_found_by_a_check_that_applies_there(scenario: Scenario) -> None:
    """In a trial that went well: of all its faults, or of one alone, for the builder makes the first of them only.

    For users who say how long a drain has to be delayed: without that, nobody can tell what is too short.
    """
    alone = [replace(scenario, faults=(use,)) for use in scenario.faults]
    delayed = {"limits": Limits(drain_delay_s=1.0)}
    records = [Story(each, trial_changes=delayed).record() for each in (scenario, *alone)]
    for number in scenario.finds:
        checks = [check for check in CHECKS if number in check.finds]
        assert any(check.applies(record) is None for check in checks for record in records), number


def test_what_is_found_has_a_name() -> None:
    named = numbers(PAGE.read_text("utf-8").split("## What shows them")[0])
    looked_for = [each.finds for each in SCENARIOS] + [each.finds for each in CHECKS] + [each.finds for each in CASES]
    assert {number for finds in looked_for for number in finds} <= named


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_case_is_about_what_there_is(case: Case) -> None:
    assert case.target.is_file()
    assert case.scenario in {scenario.name for scenario in SCENARIOS}
    assert {*case.fails, *case.unjudged} <= NAMES
    assert all((*case.fails.values(), *case.unjudged.values()))


def test_no_case_is_there_twice() -> None:
    assert len({str(case) for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_its_scenario_or_its_check_looks_for_what_a_case_has(case: Case) -> None:
    looked_for = {n for scenario in SCENARIOS if scenario.name == case.scenario for n in scenario.finds}
    looked_for |= {n for check in CHECKS if check.name in case.fails for n in check.finds}
    assert set(case.finds) <= looked_for
