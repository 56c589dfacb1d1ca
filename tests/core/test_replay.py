"""A load that is played again from a file of moments."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.load.profile import Profile, Segment
from harness.load.replay import ReplayFile, open_schedule
from harness.load.schedule import BLOCK
from harness.model.request import RequestLine

SECOND = 10**9


def written(folder: Path, *lines: object) -> Path:
    path = folder / "moments.txt"
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def profile_of(path: Path, duration_s: float) -> Profile:
    return Profile("127.0.0.1", 80, (Segment.steady(duration_s, 5),), (RequestLine("read"),), replay=str(path))


def test_a_file_is_played_again_after_its_mean_gap(tmp_path: Path) -> None:
    schedule = open_schedule(profile_of(written(tmp_path, 0, "0.5", "0.5", 3), 9))
    seconds = (schedule.whole().intended_ns / SECOND).tolist()
    assert seconds == [0, 0.5, 0.5, 3, 4, 4.5, 4.5, 7, 8, 8.5, 8.5]


def test_a_file_that_is_longer_than_the_load_is_cut(tmp_path: Path) -> None:
    schedule = open_schedule(profile_of(written(tmp_path, 1, 2, 3, 4), 3))
    assert schedule.whole().intended_ns.tolist() == [SECOND, 2 * SECOND]


def test_a_file_is_told_by_its_rates(tmp_path: Path) -> None:
    file = ReplayFile(written(tmp_path, *[i / 100 for i in range(1000)], *[10 + i / 1000 for i in range(500)], 60))
    assert file.peak_rps == 500
    assert file.mean_rps == pytest.approx(1500 / 60)


def test_the_highest_rate_is_seen_across_blocks(tmp_path: Path) -> None:
    file = ReplayFile(written(tmp_path, *[i / 40_000 for i in range(3 * BLOCK)]))
    assert file.peak_rps == 3 * BLOCK


@settings(max_examples=25, deadline=None)
@given(
    st.integers(2, 3 * BLOCK),
    st.integers(1, 10**6),
    st.floats(0.1, 3),
    st.lists(st.floats(0, 1), min_size=1, max_size=4),
)
def test_any_part_can_be_read_alone(
    tmp_path_factory: pytest.TempPathFactory, count: int, step_us: int, turns: float, cuts: list[float]
) -> None:
    path = written(tmp_path_factory.mktemp("replay"), *[f"{i * step_us / 1e6:.6f}" for i in range(count)])
    schedule = open_schedule(profile_of(path, max(turns * count * step_us / 1e6, 1e-6)))
    borders = [0, *sorted(int(cut * len(schedule)) for cut in cuts), len(schedule)]
    parts = [schedule.arrivals(a, b).intended_ns for a, b in itertools.pairwise(borders)]
    times = np.concatenate(parts)
    assert times.tolist() == [i * step_us * 1000 for i in range(len(schedule))]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "holds no moments"),
        ("1\n", "spans no time"),
        ("0\n0\n", "spans no time"),
        ("0\nsoon\n", "line 2: 'soon'"),
        ("0\n\n1\n", "line 2: ''"),
        ("0\n2\n1.5\n", "line 3: '1.5'"),
        ("-1\n0\n", "line 1: '-1'"),
        ("0\nnan\n", "line 2: 'nan'"),
        ("0\ninf\n", "line 2: 'inf'"),
        ("0\n1e9\n", "line 2: '1e9'"),
        ("".join(f"{i}\n" for i in range(BLOCK)) + "7\n", f"line {BLOCK + 1}: '7'"),
    ],
)
def test_a_wrong_file_is_told_by_its_line_and_what_is_accepted(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "moments.txt"
    path.write_text(text)
    with pytest.raises(ValueError, match="accepted") as caught:
        ReplayFile(path)
    assert says in str(caught.value)
    assert str(path) in str(caught.value)
