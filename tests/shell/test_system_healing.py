"""The ledger of a run, and healing from it alone."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from harness.healing import dead_ledgers, heal
from harness.ledger import TOKEN, Ledger, is_live, open_entries, read_lines
from harness.system.proc import descendants, is_same, read_stat

pytestmark = pytest.mark.real

# Starts a script, waits until it says that it is up, and ends before it.
FORK = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdout=subprocess.PIPE, start_new_session=True)
child.stdout.readline()
print(child.pid, flush=True)
"""
# Leaves a child behind, in the same session or in one of its own, and ends.
PARENT = """
import subprocess, sys
child = subprocess.Popen(["sleep", "60"], start_new_session=sys.argv[1] == "far", stdout=subprocess.DEVNULL)
print(child.pid, flush=True)
"""


def sleeper(**env: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(["sleep", "60"], env={**os.environ, **env}, start_new_session=True)


def talker(prepare: str, **env: str) -> tuple[int, int]:
    """Pid and start time of a process that is no child of ours (`heal` would reap it), prepared and asleep."""
    script = f"import signal, subprocess, sys, time; {prepare}\nprint('up', flush=True); time.sleep(60)"
    command = [sys.executable, "-c", FORK, script]
    parent = subprocess.run(command, env={**os.environ, **env}, stdout=subprocess.PIPE, check=True, timeout=60)
    pid = int(parent.stdout)
    return pid, start_of(pid)


def start_of(pid: int) -> int:
    stat = read_stat(pid)
    assert stat is not None
    return stat.start


def orphan(session: str, token: str | None) -> tuple[int, int, int]:
    """Pid and start time of a child whose parent has ended, and the pid of that parent."""
    env = {name: value for name, value in os.environ.items() if name != TOKEN}
    command = [sys.executable, "-c", PARENT, session]
    parent = subprocess.Popen(
        command, env={**env, TOKEN: token} if token else env, stdout=subprocess.PIPE, start_new_session=True
    )
    out, _ = parent.communicate(timeout=60)
    pid = int(out)
    return pid, start_of(pid), parent.pid


def is_gone(pid: int, start: int, within_s: float = 20.0) -> bool:
    end = time.monotonic() + within_s
    while is_same(pid, start):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def test_a_recorded_process_is_asked_to_end_and_the_ledger_goes(ledger: Ledger, tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    pid, start = talker(f"signal.signal(signal.SIGINT, lambda *_: (open({str(asked)!r}, 'w').close(), sys.exit()))")
    entry = ledger.intend("process", "server", heal_signal=int(signal.SIGINT))
    ledger.began(entry, pid=pid, start=start)
    healed = heal(ledger.path)
    assert (healed.processes, healed.left) == (("server",), ())
    assert asked.exists()
    assert is_gone(pid, start)
    assert not ledger.path.exists()


def test_a_process_that_ignores_the_question_is_killed(ledger: Ledger) -> None:
    pid, start = talker("signal.signal(signal.SIGINT, signal.SIG_IGN)")
    entry = ledger.intend("process", "deaf", heal_signal=int(signal.SIGINT))
    ledger.began(entry, pid=pid, start=start)
    assert heal(ledger.path).left == ()
    assert is_gone(pid, start)


def test_a_child_that_was_intended_only_is_found_by_the_token(ledger: Ledger) -> None:
    ledger.intend("process", "early")
    pid, start = talker("", **{TOKEN: ledger.token})
    assert heal(ledger.path).left == ()
    assert is_gone(pid, start)


def test_a_child_without_token_in_a_session_of_its_own_is_found_by_its_parent(ledger: Ledger) -> None:
    bare = "subprocess.Popen(['sleep', '60'], env={}, start_new_session=True, stdout=subprocess.DEVNULL)"
    pid, start = talker(f"child = {bare}", **{TOKEN: ledger.token})
    (child,) = descendants(pid)
    assert heal(ledger.path).left == ()
    assert is_gone(pid, start)
    assert is_gone(child.pid, child.start)


def test_an_orphan_in_a_session_of_its_own_is_found_by_the_token(ledger: Ledger) -> None:
    pid, start, _ = orphan("far", ledger.token)
    assert heal(ledger.path).left == ()
    assert is_gone(pid, start)


def test_an_orphan_that_dropped_the_token_is_found_by_the_session(ledger: Ledger) -> None:
    pid, start, leader = orphan("near", None)
    entry = ledger.intend("process", "leader")
    ledger.began(entry, pid=leader, start=start)  # it ended; what it left bears its session
    assert heal(ledger.path).left == ()
    assert is_gone(pid, start)


def test_a_pid_that_belongs_to_somebody_else_now_is_not_signalled(ledger: Ledger) -> None:
    child = sleeper()
    try:
        entry = ledger.intend("process", "old")
        ledger.began(entry, pid=child.pid, start=start_of(child.pid) + 1)
        healed = heal(ledger.path)
        assert (healed.processes, healed.left) == ((), ())
        assert child.poll() is None
    finally:
        child.kill()
        child.wait()


def test_a_session_that_was_reused_is_not_signalled(ledger: Ledger) -> None:
    stranger, start, leader = orphan("near", None)
    try:
        entry = ledger.intend("process", "old")
        ledger.began(entry, pid=leader, start=start + 100)  # ours began later than the stranger
        assert heal(ledger.path).processes == ()
        assert is_same(stranger, start)
    finally:
        os.kill(stranger, signal.SIGKILL)


def test_other_runs_are_left_alone(ledger: Ledger) -> None:
    child = sleeper(**{TOKEN: "f" * 16})
    try:
        assert heal(ledger.path).processes == ()
        assert child.poll() is None
    finally:
        child.kill()
        child.wait()


def test_folders_of_ours_go_and_no_other(ledger: Ledger, tmp_path: Path) -> None:
    ours = Path(tempfile.mkdtemp(prefix="shakedown-test-"))
    theirs = tmp_path / "precious"
    theirs.mkdir()
    (ours / "deep").mkdir()
    (ours / "link").symlink_to(theirs)
    for path in (ours, theirs, Path("shakedown-relative")):
        ledger.intend("folder", "work", path=str(path))
    try:
        healed = heal(ledger.path)
        assert (healed.folders, healed.left) == ((str(ours),), ())
        assert theirs.is_dir()
    finally:
        shutil.rmtree(ours, ignore_errors=True)


def test_what_has_ended_is_not_healed_and_a_cut_line_is_left_out(ledger: Ledger) -> None:
    first, second = ledger.intend("process", "one"), ledger.intend("process", "two")
    ledger.ended(first)
    os.write(ledger.fileno(), b'{"do": "ended", "id": ')
    assert [entry.id for entry in open_entries(ledger.path)] == [second]
    assert len(read_lines(ledger.path)) == 3


def test_a_ledger_is_live_while_its_run_is(ledger: Ledger) -> None:
    assert is_live(ledger.path)
    assert dead_ledgers() == []
    other = Ledger.create()
    os.close(other.fileno())
    assert dead_ledgers() == [other.path]
    assert heal(other.path).left == ()
    assert dead_ledgers() == []
    assert not is_live(other.path)
