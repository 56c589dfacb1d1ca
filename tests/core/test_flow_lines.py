"""The request lines of a flow get their numbers as they come."""

from harness.load.flows.lines import OTHER, Lines


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
