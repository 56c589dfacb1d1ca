"""The row migrations: facts to verdicts."""

import dataclasses

import pytest

from harness.audit.checks.migrations import CHECKS
from harness.audit.facts.migrations import Boot, Change, Command, Migrations, Twice, WayBack
from harness.parts.postgres_schema import Schema, differences

OK = Command(0, 1.2)
BROKEN = Command(1, 1.2, "DuplicateTableError: relation items exists")
CHANGE = Change("CREATE TABLE", "public.items", "app", 17)
BOOTS = (Boot("empty", 2, 2), Boot("set up", 2, 2))
TWICE = Twice((OK, OK), changes=7)
BACK = WayBack("alembic downgrade base", rows=6, down=OK, up=OK)
WELL = Migrations("postgres", "", ("alembic upgrade head",), BOOTS, TWICE, BACK, "every night")
NONE = Migrations()
ONE_DATABASE = Migrations("postgres", "use_existing leaves us one database only", ("alembic upgrade head",))
NO_SETUP = Migrations("postgres", boots=BOOTS)


def twice(**changes: object) -> Migrations:
    return dataclasses.replace(WELL, twice=dataclasses.replace(TWICE, **changes))  # type: ignore[arg-type]


def back(**changes: object) -> Migrations:
    return dataclasses.replace(WELL, way_back=dataclasses.replace(BACK, **changes))  # type: ignore[arg-type]


def boots(*boots: Boot) -> Migrations:
    return dataclasses.replace(WELL, boots=boots)


CASES = (
    ("separate-step", WELL, "pass"),
    ("separate-step", NO_SETUP, "pass"),
    ("separate-step", boots(Boot("empty", 2, 0), Boot("set up", 2, 2)), "pass"),
    ("separate-step", boots(Boot("empty", 2, 1, (CHANGE,)), Boot("set up", 2, 2)), "fail"),
    ("separate-step", boots(Boot("empty", 2, 2), Boot("set up", 2, 2, (CHANGE,))), "fail"),
    ("separate-step", boots(Boot("empty", 2, 2), Boot("set up", 2, 1)), "inconclusive"),
    ("separate-step", boots(), "inconclusive"),
    ("separate-step", ONE_DATABASE, "not_applicable"),
    ("separate-step", NONE, "not_applicable"),
    ("concurrent-safe", WELL, "pass"),
    ("concurrent-safe", twice(runs=(OK, BROKEN)), "fail"),
    ("concurrent-safe", twice(runs=(OK, Command(None, 60.0))), "fail"),
    ("concurrent-safe", twice(missing=("public.items: table",)), "fail"),
    ("concurrent-safe", twice(extra=("public.items: table",)), "fail"),
    ("concurrent-safe", twice(rows=("public.items: once 3, twice 6",)), "fail"),
    ("concurrent-safe", twice(changes=0), "inconclusive"),
    ("concurrent-safe", NO_SETUP, "not_applicable"),
    ("concurrent-safe", ONE_DATABASE, "not_applicable"),
    ("concurrent-safe", NONE, "not_applicable"),
    ("way-back", WELL, "pass"),
    ("way-back", back(down=BROKEN), "fail"),
    ("way-back", back(left=("public.items: table",)), "fail"),
    ("way-back", back(up=BROKEN), "fail"),
    ("way-back", back(up=None), "fail"),
    ("way-back", back(extra=("public.items: column x",)), "fail"),
    ("way-back", back(missing=("public.items: column x",)), "fail"),
    ("way-back", dataclasses.replace(WELL, way_back=None), "not_applicable"),
    ("way-back", NO_SETUP, "not_applicable"),
    ("way-back", ONE_DATABASE, "not_applicable"),
    ("way-back", NONE, "not_applicable"),
    ("staging", WELL, "declared"),
    ("staging", NONE, "not_applicable"),
)


@pytest.mark.parametrize(("check", "facts", "verdict"), CASES)
def test_facts_give_the_verdict(check: str, facts: Migrations, verdict: str) -> None:
    told = next(each for each in CHECKS if each.name == check).judge(facts)
    assert told.verdict == verdict, told.why
    assert bool(told.advice) == (verdict in ("fail", "not_applicable")), told.why


def test_the_version_table_is_no_part_of_the_app() -> None:
    lines = {"public.alembic_version: table", "public.alembic_version: column version_num text", "public.items: table"}
    schema = Schema(frozenset(lines | {"type public.colour red"}), {})
    assert schema.without("alembic_version") == ["public.items: table", "type public.colour red"]


def test_two_schemas_differ_in_what_one_lacks_and_what_it_has_more() -> None:
    once, then = Schema(frozenset({"a", "b"}), {}), Schema(frozenset({"b", "c"}), {})
    assert differences(once, then) == (("a",), ("c",))
