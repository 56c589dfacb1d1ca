"""However a run ends, nothing of it is left: no process, no port, no proxy, no folder.

The run is ended at seeded points over all its stretches, several at a time: what is shown here does not hang on speed.
"""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ends_rig import CLEAN_S, STRETCHES, Point, Started, points

pytestmark = [pytest.mark.real, pytest.mark.timeout(400)]

AT_ONCE = 4
KILLS = len(STRETCHES)
HEALS = 10
SIGNALS = 5


def at_each(chosen: list[Point], tmp_path: Path, one: Callable[[Started, Point], None]) -> None:
    """Start a run for each point and do this to it, some at a time; every failure is told."""

    def try_one(numbered: tuple[int, Point]) -> str:
        number, point = numbered
        run = Started(tmp_path / f"{number:02d}")
        try:
            run.reach(point)
            one(run, point)
        except (AssertionError, subprocess.TimeoutExpired) as error:
            return f"{point}: {error}"
        finally:
            run.close()
        return ""

    with ThreadPoolExecutor(AT_ONCE) as pool:
        failures = [told for told in pool.map(try_one, enumerate(chosen)) if told]
    assert not failures, "\n".join(failures)


def kill(pid: int) -> bool:
    """Was there anything to kill?"""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def assert_no_traceback(run: Started) -> None:
    assert not any("Traceback" in line for line in run.said), run.said


def test_the_harness_is_killed(tmp_path: Path) -> None:
    hit: list[Point] = []

    def one(run: Started, point: Point) -> None:
        harness = run.harness()
        run.look()
        since = time.monotonic()
        if harness > 0 and kill(harness):
            hit.append(point)
        code, _ = run.end(CLEAN_S)
        run.assert_clean(CLEAN_S, since, "harness killed")
        assert list(run.state.glob("*.ledger")) == []
        assert_no_traceback(run)
        if point in hit and code != 2:  # 2: it was killed after its last word
            assert code == 3
            assert "shakedown: The harness was ended by signal 9" in run.said[-1]

    at_each(points(KILLS, seed=1), tmp_path, one)
    assert len(hit) >= KILLS - 2


def test_the_guardian_is_killed(tmp_path: Path) -> None:
    hit: list[Point] = []

    def one(run: Started, point: Point) -> None:
        run.look()
        since = time.monotonic()
        if run.guardian.poll() is None:
            run.guardian.kill()
            hit.append(point)
        run.guardian.wait(30)
        run.assert_clean(CLEAN_S, since, "guardian killed")
        assert_no_traceback(run)

    at_each(points(KILLS, seed=2), tmp_path, one)
    assert len(hit) >= KILLS - 2


def test_both_are_killed_and_heal_does_the_rest(tmp_path: Path) -> None:
    order = random.Random(3)

    def one(run: Started, point: Point) -> None:
        harness = run.harness()
        run.look()
        since = time.monotonic()
        pids = [run.guardian.pid, *([harness] if harness > 0 else [])]
        order.shuffle(pids)
        for pid in pids:
            kill(pid)
        run.guardian.wait(30)
        run.wait_ended(harness)
        healed = run.heal()
        assert healed.returncode == 0, healed.stderr
        run.assert_clean(CLEAN_S, since, "both killed, healed")
        assert list(run.state.glob("*.ledger")) == []

    at_each(points(HEALS, seed=3), tmp_path, one)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_in_order(number: signal.Signals, code: int, tmp_path: Path) -> None:
    def one(run: Started, point: Point) -> None:
        run.harness()  # before there is one, a signal ends a Python that has only begun
        run.look()
        since = time.monotonic()
        run.guardian.send_signal(number)
        ended, out = run.end(20)
        # What began between the look and the signal bears the run's marks.
        run.assert_clean(2 * CLEAN_S, since, f"{number.name}")
        assert (ended, out) == (code, ""), run.said
        assert_no_traceback(run)
        assert sum("interrupted" in line for line in run.said) == 1, run.said

    early = Point("", 0.0)  # the harness is still loading
    at_each([early, *points(SIGNALS - 1, seed=int(number))], tmp_path, one)


def test_an_audit_that_is_interrupted_heals(tmp_path: Path) -> None:
    """While the parts start, while the deployment boots, and in the middle of an outage that it made itself."""
    for point in (Point("starting db", 0.3), Point("booting", 0.5), Point("[1/1] health", 4.0)):
        run = Started(tmp_path / point.after.strip("[]/1 "), verb=("audit", "--row", "health"))
        try:
            run.reach(point)
            run.harness()
            run.look()
            since = time.monotonic()
            run.guardian.send_signal(signal.SIGINT)
            ended, out = run.end(20)
            run.assert_clean(2 * CLEAN_S, since, f"audit at {point}")
            assert (ended, out) == (130, ""), run.said
            assert_no_traceback(run)
            assert list(run.state.glob("*.ledger")) == []
        finally:
            run.close()


def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    def one(run: Started, point: Point) -> None:
        run.look()
        run.guardian.send_signal(signal.SIGINT)
        time.sleep(point.offset_s / 10)
        run.guardian.send_signal(signal.SIGINT)
        since = time.monotonic()
        ended, _ = run.end(CLEAN_S)
        run.assert_clean(CLEAN_S, since, "two SIGINT")
        assert ended == 130
        assert_no_traceback(run)

    at_each([Point("setup: ", 0.3), Point("    warmup", 1.0), Point("    fault", 1.5)], tmp_path, one)


def test_whoever_reads_the_progress_goes_away(tmp_path: Path) -> None:
    def one(run: Started, point: Point) -> None:
        run.look()
        run.hang_up()
        ended, _ = run.end(30)
        run.assert_clean(CLEAN_S, time.monotonic(), "progress hung up")
        assert ended == 3

    at_each([Point("starting db", 0.2), Point("    boot", 0.5)], tmp_path, one)


def test_a_live_run_is_spared_and_a_closed_stdout_is_no_verdict(tmp_path: Path) -> None:
    run = Started(tmp_path / "run", "--json")
    try:
        assert run.guardian.stdout is not None
        run.guardian.stdout.close()
        run.reach(Point("    warmup", 1.0))
        run.look()
        healed = run.heal()
        assert (healed.returncode, run.document(healed.stdout)["runs"]) == (0, 0)
        ended, _ = run.end()
        assert ended == 3
        assert any(line.startswith("shakedown:     end") for line in run.said), run.said
        assert (run.out / "verdict.json").stat().st_size > 0
        assert_no_traceback(run)
        run.assert_clean(CLEAN_S, time.monotonic(), "stdout closed")
    finally:
        run.close()


def test_a_record_that_cannot_be_written_ends_the_run(tmp_path: Path) -> None:
    """A full disk, as far as it can be had without one: files of the harness may not grow any more."""
    run = Started(tmp_path / "run", "--json")
    try:
        run.reach(Point("    warmup", 0.5))
        run.look()
        since = time.monotonic()
        subprocess.run(["prlimit", f"--pid={run.harness()}", "--fsize=1"], check=True, timeout=60)
        ended, out = run.end(30)
        run.assert_clean(30, since, "record cannot be written")
        assert ended == 3
        assert run.document(out)["error"]["kind"] == "machine"
        assert "cannot be written" in run.said[-1]
        assert_no_traceback(run)
    finally:
        run.close()
