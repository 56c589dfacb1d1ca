"""Control groups with a CPU quota: made, left by whoever is in them, and gone after a run that was killed."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.healing import heal
from harness.ledger import Ledger, open_entries
from harness.system import cpu_group
from harness.system.cpu_group import (
    CpuGroup,
    Place,
    Quota,
    Throttling,
    confine,
    find_place,
    read_throttling,
    why_not_quota,
)
from harness.system.cpus import cpu_folders

pytestmark = pytest.mark.real

QUOTA = Quota(5_000, 100_000)
# Its child is born where it is then; the line says so.
PARENT = """
import subprocess, sys, time
sys.stdin.readline()
print(subprocess.Popen(["sleep", "60"], stdout=subprocess.DEVNULL).pid, flush=True)
time.sleep(60)
"""


def confined(pid: int, ledger: Ledger) -> CpuGroup | None:
    """None on a machine that lets us make no such group; the reason is the one that a run is told before its plan."""
    group = confine(pid, QUOTA, ledger)
    if isinstance(group, str):
        assert why_not_quota() == group
        assert open_entries(ledger.path) == []
        return None
    return group


def own_group(pid: int) -> str:
    return Path(f"/proc/{pid}/cgroup").read_text()


def test_healing_removes_the_group_and_spares_who_lives_in_it(
    ledger: Ledger, sleeper: "subprocess.Popen[bytes]"
) -> None:
    before = own_group(sleeper.pid)
    group = confined(sleeper.pid, ledger)
    if group is None:
        return
    assert own_group(sleeper.pid) != before
    healed = heal(ledger.path)
    assert (healed.processes, healed.left) == ((), ())
    assert not group.path.exists()
    assert own_group(sleeper.pid) == before
    assert sleeper.poll() is None
    assert not ledger.path.exists()


def test_healing_leaves_groups_alone_that_are_not_of_the_run_by_name_and_place(
    ledger: Ledger, sleeper: "subprocess.Popen[bytes]", tmp_path: Path
) -> None:
    other = Ledger.create()
    group = confined(sleeper.pid, other)
    if group is None:
        return
    elsewhere = tmp_path / f"shakedown-{ledger.token}-1"
    elsewhere.mkdir()
    by_dots = Path("/sys/fs/cgroup").joinpath(*[".."] * 3, *elsewhere.parts[1:])
    assert by_dots.is_dir()
    try:
        inside = own_group(sleeper.pid)
        for path in (group.path, elsewhere, by_dots, Path(f"shakedown-{ledger.token}-relative")):
            ledger.intend("cpu-group", "1", path=str(path))
        assert heal(ledger.path).left == ()
        assert own_group(sleeper.pid) == inside
        assert elsewhere.is_dir()
    finally:
        assert group.remove()
        other.close()


def test_whoever_was_born_in_a_group_leaves_it_too(ledger: Ledger) -> None:
    command = [sys.executable, "-c", PARENT]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True) as parent:
        before = own_group(parent.pid)
        group = confined(parent.pid, ledger)
        assert parent.stdin is not None
        assert parent.stdout is not None
        parent.stdin.write(b"\n")
        parent.stdin.flush()
        child = int(parent.stdout.readline())
        try:
            parent.kill()
            parent.wait()
            if group is not None:
                assert own_group(child) != before
                assert group.remove()
                assert group.remove()
                assert not group.path.exists()
            assert own_group(child) == before
            assert open_entries(ledger.path) == []
        finally:
            os.kill(child, 9)


def test_a_process_has_one_quota_of_ours_at_a_time(ledger: Ledger, sleeper: "subprocess.Popen[bytes]") -> None:
    group = confined(sleeper.pid, ledger)
    if group is None:
        return
    try:
        assert confine(sleeper.pid, QUOTA, ledger) == "it has a CPU quota of ours already"
    finally:
        assert group.remove()


@pytest.mark.parametrize("quota", [Quota(999, 100_000), Quota(5_000, 999), Quota(5_000, 1_000_001)])
def test_a_quota_that_the_kernel_does_not_take_leaves_no_group(
    ledger: Ledger, sleeper: "subprocess.Popen[bytes]", quota: Quota
) -> None:
    before = own_group(sleeper.pid)
    why = confine(sleeper.pid, quota, ledger)
    assert isinstance(why, str)
    assert "the kernel does not let us" in why or why_not_quota() == why
    assert own_group(sleeper.pid) == before
    assert open_entries(ledger.path) == []


@pytest.mark.parametrize(
    ("number", "says"),
    [(errno.EACCES, "root may"), (errno.EROFS, "Read-only file system"), (errno.EINVAL, "a group above may have less")],
)
def test_what_the_kernel_does_not_allow_is_told(number: int, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(cpu_group, "find_place", lambda *_: Place(Path("/nowhere"), 1))
    monkeypatch.setattr(cpu_group, "_make", refuse)
    assert says in why_not_quota()


def tree(root: Path, **files: str) -> Path:
    """A folder as version 2 has them; the kernel would make the files itself."""
    root.mkdir(exist_ok=True)
    for name, text in files.items():
        (root / f"cgroup.{name}").write_text(text)
    return root


def test_in_version_2_the_group_above_must_hand_the_cpu_down(tmp_path: Path) -> None:
    top = tree(tmp_path / "top", procs="1\n7\n", subtree_control="cpuset cpu memory\n")
    app = tree(top / "app", procs="0\n11\n12\n", subtree_control="memory\n")
    first = tree(tmp_path / "first", procs="11\n")
    assert find_place(7, [(2, [top])]) == Place(top, 2)
    assert find_place(7, [(2, [top / "gone", top])]) == Place(top, 2)
    assert "does not hand the CPU down" in str(find_place(11, [(2, [app, top])]))
    assert find_place(11, [(1, [first]), (2, [app, top])]) == Place(first, 1)
    assert "no control groups" in str(find_place(0, [(2, [app, top])]))


def test_in_version_2_the_quota_is_one_line_and_a_group_that_stays_is_said_to(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    top = tree(tmp_path / "top", procs="7\n", subtree_control="cpu\n")
    monkeypatch.setattr(cpu_group, "cpu_folders", lambda _: [(2, [top])])
    monkeypatch.setattr(cpu_group, "_REMOVE_S", 0.05)
    group = confine(7, QUOTA, ledger)
    assert isinstance(group, CpuGroup)
    assert group.path == top / f"shakedown-{ledger.token}-7"
    assert {path.name: path.read_text() for path in group.path.iterdir()} == {
        "cpu.max": "5000 100000",
        "cgroup.procs": "7",
    }
    (top / "cgroup.procs").write_text("")
    assert not group.remove(), "the files of a made folder do not go with it"
    assert (top / "cgroup.procs").read_text() == "7"
    assert [entry.what for entry in open_entries(ledger.path)] == ["cpu-group"]


def test_the_kernel_tells_how_long_a_group_stood_in_either_version() -> None:
    first = "nr_periods 10\nnr_throttled 9\nthrottled_time 897349881\nnr_bursts 0\nburst_time 0\n"
    second = "usage_usec 49\nuser_usec 1\nsystem_usec 2\nnr_periods 10\nnr_throttled 9\nthrottled_usec 897349\n"
    assert read_throttling(first) == read_throttling(second) == Throttling(10, 9, 897.3)
    assert read_throttling("") == Throttling(0, 0, 0.0)


def test_a_process_is_in_the_groups_that_the_kernel_says(sleeper: "subprocess.Popen[bytes]") -> None:
    assert cpu_folders(-1) == []
    for version, folders in cpu_folders(sleeper.pid):
        assert version in (1, 2)
        assert folders[-1].is_relative_to("/sys/fs/cgroup")
