"""A fault is found by the kind of the part that it hurts: the part's name says nothing of it."""

import pytest

from harness.errors import UsageError
from harness.faults import FAULTS, spec_of
from harness.faults.fault import Choice
from harness.faults.other_words import OTHER_WORDS
from harness.model.scenario import FaultUse


@pytest.mark.parametrize(
    ("id", "part_kind", "on"),
    [
        ("db.slow", "postgres", "postgres"),
        ("pricing.slow", "http", "http"),
        ("db.latency", "postgres", "link"),
        ("pricing.latency", "http", "link"),
        ("worker.freeze", None, "worker"),
        ("postgres.freeze", None, "postgres"),
    ],
)
def test_two_kinds_may_have_a_fault_of_one_name(id: str, part_kind: str | None, on: str) -> None:
    assert spec_of(FaultUse(id), part_kind).on == on


def test_what_the_kind_does_not_take_is_told_with_what_it_takes() -> None:
    with pytest.raises(UsageError, match=r"pricing\.freeze.*takes: .*hang") as raised:
        spec_of(FaultUse("pricing.freeze"), "http")
    assert "exhaust" not in str(raised.value)


@pytest.mark.parametrize(
    ("id", "part_kind", "meant"),
    [
        ("postgres.jitter", "postgres", "postgres.latency with jitter_ms?"),
        ("pricing.timeout", "http", "pricing.blackhole?"),
        ("db.down", "postgres", "db.refuse?"),
        ("worker.stop", None, "worker.freeze?"),
        ("server.stop", None, "server.sigterm?"),
        ("ingress.reset_peer", None, "ingress.reset?"),
        ("pricing.laten", "http", "pricing.latency?"),
    ],
)
def test_a_fault_that_goes_by_another_word_is_found(id: str, part_kind: str | None, meant: str) -> None:
    with pytest.raises(UsageError) as raised:
        spec_of(FaultUse(id), part_kind)
    assert f"Did you mean {meant}" in str(raised.value)


@pytest.mark.parametrize("word", OTHER_WORDS)
def test_what_another_word_stands_for_is_there(word: str) -> None:
    names = {spec.name for spec in FAULTS}
    assert {meant.split(" ")[0] for meant in OTHER_WORDS[word]} <= names


@pytest.mark.parametrize("choice", [choice for spec in FAULTS for choice in spec.choices], ids=lambda each: each.name)
def test_what_a_pattern_takes_is_said_in_words(choice: Choice) -> None:
    assert choice.accepted or choice.in_words != "any text"


@pytest.mark.parametrize(
    ("path", "fits"), [("*", True), ("/", True), ("/rates*", True), ("rates", False), ("", False), ("/a b", False)]
)
def test_a_path_is_refused_with_what_is_accepted(path: str, fits: bool) -> None:
    use = FaultUse("pricing.hang", parameters={"path": path})
    if fits:
        assert spec_of(use, "http").name == "hang"
        return
    with pytest.raises(UsageError, match=r"path must be \* or a path from the / on, not"):
        spec_of(use, "http")
