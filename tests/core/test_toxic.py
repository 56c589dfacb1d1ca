"""A toxic that Toxiproxy would swallow, or die of, is refused before it is sent."""

import pytest

from harness.errors import UsageError
from harness.parts.toxic import TYPES, Toxic


@pytest.mark.parametrize("kind", list(TYPES))
def test_defaults_complete_what_was_left_out(kind: str) -> None:
    needed = {name: max(least, 1) for name, (least, default) in TYPES[kind].items() if default is None}
    complete = Toxic("t", kind, "downstream", needed).complete()
    assert set(complete) == set(TYPES[kind])
    assert needed.items() <= complete.items()


@pytest.mark.parametrize(
    ("kind", "attributes", "reason"),
    [
        ("latency", {"latency_ms": 100}, "has no 'latency_ms'"),
        ("latency", {}, "needs latency"),
        ("latency", {"latency": -5}, "from 0"),
        ("latency", {"latency": True}, "whole number"),
        ("latency", {"latency": 1.5}, "whole number"),
        ("latency", {"latency": 10**12}, "whole number"),
        ("slicer", {}, "needs average_size"),
        ("slicer", {"average_size": 0}, "from 1"),
        ("slicer", {"average_size": 10, "size_variation": 10}, "less than average_size"),
        ("blackhole", {}, "there is no toxic"),
    ],
)
def test_what_cannot_be_is_refused(kind: str, attributes: dict[str, int], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        Toxic("t", kind, "downstream", attributes)


def test_names_and_streams_are_checked() -> None:
    with pytest.raises(UsageError, match="toxic name"):
        Toxic("a/b", "latency", "downstream", {"latency": 1})
    with pytest.raises(UsageError, match="stream"):
        Toxic("t", "latency", "both", {"latency": 1})  # type: ignore[arg-type]
