"""A fault is found by the kind of the part that it hurts: the part's name says nothing of it."""

import pytest

from harness.errors import UsageError
from harness.faults import spec_of
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
