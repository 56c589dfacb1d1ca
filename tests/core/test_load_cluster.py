"""What is pure below Locust's master: chunks, clocks, the rows of several workers in one file."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as made

from harness.load.cluster.chunk import MAX_ROWS, pack_rows, unpack_rows
from harness.load.cluster.clocks import Offset, Pong, clock_name, offset_of
from harness.load.cluster.fleet import Fleet
from harness.load.cluster.harvest import Harvest
from harness.load.cluster.talk import our_version
from harness.load.epochs import Epochs
from harness.load.profile import Profile, Segment
from harness.load.rows_file import read_rows
from harness.model.request import RequestLine
from harness.model.rows import NO_CONN, ROW, Outcome, Rows, ledger


@given(st.integers(1, 50).flatmap(lambda count: made.arrays(np.uint8, count * ROW.itemsize)))
def test_any_rows_come_home_as_they_were(data: "np.typing.NDArray[np.uint8]") -> None:
    rows: Rows = data.view(ROW)
    assert unpack_rows(pack_rows(rows)).tobytes() == rows.tobytes()


def test_a_chunk_of_a_steady_load_is_small() -> None:
    rows = np.zeros(MAX_ROWS, ROW)
    rows["k"] = np.arange(MAX_ROWS)
    rows["intended"] = rows["k"].astype(np.int64) * 1_000_000
    noise = np.random.default_rng(1).integers(20_000, 900_000, (2, MAX_ROWS))
    rows["sent"], rows["done"] = rows["intended"] + noise[0], rows["intended"] + noise.sum(axis=0)
    rows["first"], rows["status"] = rows["done"], 200
    packed = pack_rows(rows)
    assert unpack_rows(packed).tobytes() == rows.tobytes()
    assert len(packed) < 12 * MAX_ROWS


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"\0\0\0\0",
        b"\1\0\0\0garbage",
        (MAX_ROWS + 1).to_bytes(4, "little"),
        b"\2\0\0\0" + pack_rows(np.zeros(1, ROW))[4:],
        b"\1\0\0\0" + pack_rows(np.zeros(2, ROW))[4:],
        pack_rows(np.zeros(9, ROW))[:-3],
    ],
)
def test_what_is_no_chunk_is_refused(packed: bytes) -> None:
    with pytest.raises(ValueError, match="chunk"):
        unpack_rows(packed)


@given(st.integers(-(10**15), 10**15), st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)), min_size=1))
def test_the_offset_of_a_clock_is_as_wrong_as_it_says_at_most(ahead_ns: int, ways: list[tuple[int, int]]) -> None:
    pongs = [
        Pong(i * 10**10, i * 10**10 + there + ahead_ns, i * 10**10 + there + back)
        for i, (there, back) in enumerate(ways)
    ]
    found = offset_of(pongs)
    assert abs(found.ns - ahead_ns) <= found.error_ns
    assert found.error_ns == min(-(-(there + back) // 2) for there, back in ways)


def test_the_quickest_answer_tells_the_offset() -> None:
    slow, quick = Pong(0, 5_900_000, 1_000_000), Pong(2_000_000, 7_010_000, 2_020_000)
    assert offset_of([slow, quick]) == Offset(5_000_000, 10_000)


def profile_of(rate_rps: float = 100) -> Profile:
    return Profile("127.0.0.1", 80, (Segment.steady(10, rate_rps),), (RequestLine("/ok"),))


def rows_for(numbers: "np.typing.ArrayLike", conn: int = 1) -> bytes:
    rows = np.zeros(np.size(numbers), ROW)
    rows["k"], rows["conn"] = numbers, conn
    return pack_rows(rows)


def test_rows_of_two_workers_share_a_file_and_no_connection(tmp_path: Path) -> None:
    harvest = Harvest(profile_of(1), str(tmp_path / "rows"))
    harvest.take(0, rows_for([0, 2, 4]))
    harvest.take(1, rows_for([1, 3, 5]))
    harvest.take(1, rows_for([7], NO_CONN))
    harvest.fill(np.array([6]), origin_to_start_ns=7)
    harvest.close()
    rows = read_rows(tmp_path / "rows")
    assert ledger(rows, 10).balanced
    assert len(set(rows["conn"][:6].tolist())) == 2
    assert rows["conn"][6] == NO_CONN
    assert [(row["k"], row["code"]) for row in rows[7:]] == [
        (6, Outcome.LOST),
        (8, Outcome.NOT_SENT_STOP),
        (9, Outcome.NOT_SENT_STOP),
    ]
    assert rows["intended"][7] == 6_500_000_007


def test_an_arrival_that_was_sent_twice_is_written_once_and_counted(tmp_path: Path) -> None:
    harvest = Harvest(profile_of(1), str(tmp_path / "rows"))
    harvest.take(0, rows_for([0, 1, 1, 2]))
    harvest.take(1, rows_for([2, 3]))
    assert harvest.repeated == 2
    assert read_rows(tmp_path / "rows")["k"].tolist() == [0, 1, 2, 3]


def test_rows_of_another_load_are_refused(tmp_path: Path) -> None:
    harvest = Harvest(profile_of(1), str(tmp_path / "rows"))
    with pytest.raises(ValueError, match="arrival 10"):
        harvest.take(0, rows_for([10]))


class Stage:
    """A fleet with a clock of ours, and what it sends and tells."""

    def __init__(self, folder: Path, *workers: str, clock: str = "") -> None:
        self.said: list[tuple[str, str, dict[str, Any]]] = []
        self.notes: list[str] = []
        self.clock = clock or clock_name()
        self.fleet = Fleet(lambda *words: self.said.append(words), lambda what, *_: self.notes.append(what))
        self.harvest = Harvest(profile_of(), str(folder / "rows"))
        for worker in workers:
            self.hello(worker)
        self.fleet.prepare(profile_of(), self.harvest)
        for worker in workers:
            self.fleet.hear(worker, "ready", {}, 0)

    def hello(self, worker: str, now_s: float = 0, version: str = "") -> None:
        said: dict[str, Any] = {"version": version or our_version(), "pid": 1, "host": "here", "clock": self.clock}
        self.fleet.hear(worker, "hello", said, ns(now_s))

    def start(self) -> None:
        self.fleet.start(ns(1), ns(1), ns(0.5))

    def pass_time(self, from_s: float, until_s: float, *alive: str) -> None:
        """Ticks as in life, and sums of those that are alive."""
        for step in range(round((until_s - from_s) * 5) + 1):
            now_ns = ns(from_s) + step * ns(0.2)
            for worker in alive:
                self.fleet.hear(worker, "sum", {"sent": 1}, now_ns)
            self.fleet.tick(now_ns)

    def last(self, kind: str, worker: str) -> dict[str, Any]:
        return [fields for who, what, fields in self.said if (who, what) == (worker, kind)][-1]

    def heard(self, kind: str) -> list[str]:
        return [who for who, what, _ in self.said if what == kind]

    def chunk(self, worker: str, numbers: "np.typing.ArrayLike") -> None:
        member = next(member for member in self.fleet.members if member.id == worker)
        self.fleet.hear(worker, "chunk", {"number": member.chunks, "rows": rows_for(numbers)}, 0)

    def done(self, worker: str, reason: str = "schedule", now_s: float = 20, sha256: str = "") -> None:
        member = next(member for member in self.fleet.members if member.id == worker)
        digest = sha256 or member.digest.hexdigest()
        said: dict[str, Any] = {"reason": reason, "total": {}, "chunks": member.chunks, "sha256": digest}
        self.fleet.hear(worker, "done", said, ns(now_s))


def ns(seconds: float) -> int:
    return round(seconds * 1e9)


def test_a_worker_of_another_version_is_told_so(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.hello("b", version="Shakedown 0.0")
    assert stage.said[-1][:2] == ("b", "refused")
    assert "Shakedown 0.0" in stage.said[-1][2]["why"]
    assert not stage.fleet.members


def test_two_workers_begin_with_the_whole_schedule_between_them(tmp_path: Path) -> None:
    stage = Stage(tmp_path, "a", "b")
    stage.start()
    assert stage.last("start", "a")["epochs"] == stage.last("start", "b")["epochs"] == Epochs.of("ab").to_list()


def test_a_worker_that_is_not_heard_of_loses_its_part_after_its_lease_is_over(tmp_path: Path) -> None:
    stage = Stage(tmp_path, "a", "b")
    stage.start()
    stage.pass_time(0.5, 3.0, "a", "b")
    stage.pass_time(3.2, 8.0, "a")
    lease_s = stage.last("lease", "b")["until_ns"] / 1e9
    epochs = Epochs.from_list(stage.last("epochs", "a")["epochs"])
    assert lease_s == pytest.approx(3.0 + 3.0, abs=0.2)
    border_s = 1 + epochs.parts[-1].first / 100
    assert lease_s < border_s < 3.0 + 5.0
    assert epochs.members == ("a",)
    assert stage.notes == ["load-worker-lost"]


def test_no_lease_outlasts_the_border_however_the_silence_falls(tmp_path: Path) -> None:
    for tenth in range(10):
        stage = Stage(tmp_path, "a", "b")
        stage.start()
        stage.pass_time(0.5 + tenth / 20, 3.0, "a", "b")
        stage.pass_time(3.0, 9.0, "a")
        granted = max(fields["until_ns"] for who, what, fields in stage.said if (who, what) == ("b", "lease"))
        border = Epochs.from_list(stage.last("epochs", "a")["epochs"]).parts[-1].first
        assert granted < ns(1) + border * ns(0.01)


def test_the_load_is_whole_enough_when_the_last_is_lost_and_another_has_ended_well(tmp_path: Path) -> None:
    stage = Stage(tmp_path, "a", "b")
    stage.start()
    assert stage.last("start", "a")["lease_ns"] == stage.last("start", "b")["lease_ns"] == ns(3.5)
    stage.done("a", now_s=11)
    stage.pass_time(11.2, 30)
    assert stage.fleet.over
    assert not stage.fleet.failure


def test_the_only_worker_of_this_machine_is_given_time(tmp_path: Path) -> None:
    stage = Stage(tmp_path, "a")
    stage.start()
    stage.pass_time(0.5, 2.0, "a")
    stage.pass_time(2.2, 10.0)
    assert not stage.fleet.failure
    assert stage.notes == ["load-worker-silent"]
    stage.pass_time(10.2, 11.0, "a")
    stage.pass_time(11.2, 26.0)
    assert "the last one, is lost" in stage.fleet.failure


def test_a_worker_that_comes_later_gets_a_part_of_what_is_to_come(tmp_path: Path) -> None:
    stage = Stage(tmp_path, "a")
    stage.start()
    stage.pass_time(0.5, 3.0, "a")
    stage.hello("c", 3.0)
    stage.fleet.hear("c", "ready", {}, ns(3.1))
    stage.pass_time(3.2, 4.0, "a", "c")
    epochs = Epochs.from_list(stage.last("start", "c")["epochs"])
    assert Epochs.from_list(stage.last("epochs", "a")["epochs"]) == epochs
    assert epochs.members == ("a", "c")
    assert 3.2 < 1 + epochs.parts[-1].first / 100 < 4.5
    assert stage.notes == ["load-worker-joined"]


def test_what_a_lost_worker_took_along_is_named_and_what_it_was_never_to_send_is_not(tmp_path: Path) -> None:
    stage = Stage(tmp_path, "a", "b")
    stage.start()
    stage.pass_time(0.5, 3.0, "a", "b")
    stage.chunk("b", [1, 3, 5])
    stage.fleet.hear("b", "died", {"why": "its engine ended with exit code -9"}, ns(3.0))
    border = Epochs.from_list(stage.last("epochs", "a")["epochs"]).parts[-1].first
    stage.chunk("a", [k for k in range(1000) if k >= border or k % 2 == 0])
    stage.done("a")
    assert stage.fleet.over
    lost = stage.fleet.lost(ns(30))
    assert lost.tolist() == list(range(7, border, 2))
    assert stage.notes == ["load-worker-lost", "load-missing"]


def test_a_stop_before_the_start_lets_nobody_begin(tmp_path: Path) -> None:
    stage = Stage(tmp_path, "a")
    stage.fleet.stop(1.0, ns(3.0))
    assert stage.fleet.over
    assert not stage.heard("start")
    assert not len(stage.fleet.lost(ns(3.2)))


def test_a_stop_makes_nothing_lost(tmp_path: Path) -> None:
    stage = Stage(tmp_path, "a")
    stage.start()
    stage.pass_time(0.5, 3.0, "a")
    stage.fleet.stop(1.0, ns(3.0))
    stage.chunk("a", range(190))
    stage.done("a", "stop", 3.1)
    assert stage.fleet.over
    assert not len(stage.fleet.lost(ns(3.2)))


def test_rows_that_differ_from_what_was_sent_are_lost(tmp_path: Path) -> None:
    stage = Stage(tmp_path, "a")
    stage.start()
    stage.chunk("a", range(990))
    stage.done("a", sha256="another")
    assert stage.fleet.lost(ns(30)).tolist() == list(range(990, 1000))
    assert stage.notes == ["load-rows-differ", "load-missing"]


def test_another_machine_is_asked_for_its_clock_before_it_is_ready(tmp_path: Path) -> None:
    stage = Stage(tmp_path, "a", clock="elsewhere")
    assert not stage.fleet.ready
    for i in range(15):
        asked_ns = stage.last("ping", "a")["asked_ns"]
        stage.fleet.hear("a", "pong", {"asked_ns": asked_ns, "theirs_ns": asked_ns + ns(100)}, asked_ns + 2000 + i)
    assert len(stage.heard("ping")) == 15
    stage.start()
    assert stage.last("start", "a")["t0_ns"] == pytest.approx(ns(101), abs=2000)
