from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.load.epochs import Epoch, Epochs

LAST = 400
NAMES = "abcd"

changes = st.lists(st.tuples(st.integers(0, LAST), st.lists(st.sampled_from(NAMES), unique=True)), max_size=6)


def after(said: list[tuple[int, list[str]]]) -> Epochs:
    epochs = Epochs.of(NAMES[:2])
    for first, members in said:
        epochs = epochs.changed(first, members)
    return epochs


@given(changes, st.lists(st.integers(0, LAST), max_size=5))
def test_each_arrival_is_sent_once_by_its_owner_in_whatever_parts_it_is_asked_for(
    said: list[tuple[int, list[str]]], cuts: list[int]
) -> None:
    epochs = after(said)
    borders = [0, *sorted(cuts), LAST]
    sent = Counter(
        (k, name)
        for name in NAMES
        for first, last in pairwise(borders)
        for k in epochs.share(name, first, last).tolist()
    )
    assert sent == Counter((k, owner) for k in range(LAST) if (owner := epochs.owner(k)) is not None)


@given(changes, st.integers(0, LAST), st.lists(st.sampled_from(NAMES), unique=True))
def test_a_change_leaves_what_lies_before_it(said: list[tuple[int, list[str]]], first: int, members: list[str]) -> None:
    before = after(said)
    now = before.changed(first, members)
    border = now.parting(before)
    assert border >= min(first, before.parts[-1].first)
    assert [now.owner(k) for k in range(border)] == [before.owner(k) for k in range(border)]
    assert now.members == tuple(members)
    assert now.parting(before) == before.parting(now)


def test_members_take_turns_in_their_order() -> None:
    epochs = Epochs.of("ab").changed(5, ["b"]).changed(8, ["b", "c"])
    assert [epochs.owner(k) for k in range(12)] == list("ababa" + "bbb" + "bcbc")
    assert epochs.share("c", 0, 12).tolist() == [9, 11]


def test_where_nobody_is_left_nobody_sends() -> None:
    epochs = Epochs.of("a").changed(3, [])
    assert epochs.owner(3) is None
    assert epochs.share("a", 0, 10).tolist() == [0, 1, 2]


def test_a_border_that_was_told_does_not_move_back() -> None:
    epochs = Epochs.of("ab").changed(100, ["a"]).changed(50, ["b"])
    assert epochs.parts == (Epoch(0, ("a", "b")), Epoch(100, ("b",)))


@given(changes)
def test_epochs_cross_a_process_border(said: list[tuple[int, list[str]]]) -> None:
    epochs = after(said)
    assert Epochs.from_list(epochs.to_list()) == epochs


@pytest.mark.parametrize(
    "parts", [(), (Epoch(1, ("a",)),), (Epoch(0, ("a",)), Epoch(0, ("b",))), (Epoch(0, ("a", "a")),)]
)
def test_what_would_send_twice_or_leave_a_gap_is_refused(parts: tuple[Epoch, ...]) -> None:
    with pytest.raises(ValueError, match="epoch"):
        Epochs(parts)
