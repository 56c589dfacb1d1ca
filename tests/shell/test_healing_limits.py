"""What healing must not touch, what it must say, and what a run does when it cannot write its ledger."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import MachineError
from harness.healing import heal
from harness.ledger import TOKEN, Ledger, is_of_this_machine, open_entries, this_machine
from harness.system.proc import descendants, is_same, read_stat

pytestmark = pytest.mark.real

# Asked to end, it first asks its child and tells how that ended; SIGKILL of the child would say 9.
PARENT = """
import signal, subprocess, sys, time
child = subprocess.Popen(["sleep", "60"])
def end(*_):
    child.terminate()
    open(sys.argv[1], "w").write(str(child.wait()))
    sys.exit()
signal.signal(signal.SIGQUIT, end)
print("up", flush=True)
time.sleep(60)
"""
# The child is no child of ours: healing would reap it.
FORK = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", *sys.argv[1:]], stdout=subprocess.PIPE, start_new_session=True)
child.stdout.readline()
print(child.pid, flush=True)
"""


def start_of(pid: int) -> int:
    stat = read_stat(pid)
    assert stat is not None
    return stat.start


@pytest.mark.parametrize("key", sorted(this_machine()))
def test_pids_of_another_boot_or_container_are_not_signalled(
    ledger: Ledger, key: str, sleeper: "subprocess.Popen[bytes]"
) -> None:
    ledger.write(do="run", token=ledger.token, **{**this_machine(), key: "another"})
    ledger.began(ledger.intend("process", "old"), pid=sleeper.pid, start=start_of(sleeper.pid))
    assert not is_of_this_machine(ledger.path)
    healed = heal(ledger.path)
    assert (healed.processes, healed.left) == ((), ())
    assert sleeper.poll() is None
    assert not ledger.path.exists()


def test_the_kernel_names_boot_and_namespace(ledger: Ledger) -> None:
    assert set(this_machine()) == {"boot", "pids"}
    ledger.write(do="run", token=ledger.token, **this_machine())
    assert is_of_this_machine(ledger.path)


def test_a_session_whose_leader_is_a_stranger_is_not_signalled(
    ledger: Ledger, sleeper: "subprocess.Popen[bytes]"
) -> None:
    """Ours had the pid before: it began earlier than the one that has it now."""
    ledger.began(ledger.intend("process", "old"), pid=sleeper.pid, start=start_of(sleeper.pid) - 100)
    assert heal(ledger.path).processes == ()
    assert sleeper.poll() is None


def test_who_is_asked_gently_ends_its_own_children(ledger: Ledger, tmp_path: Path) -> None:
    told = tmp_path / "told"
    command = [sys.executable, "-c", FORK, PARENT, str(told)]
    env = {**os.environ, TOKEN: ledger.token}
    pid = int(subprocess.run(command, env=env, stdout=subprocess.PIPE, check=True, timeout=60).stdout)
    (child,) = descendants(pid)
    ledger.began(ledger.intend("process", "parent", heal_signal=3), pid=pid, start=start_of(pid))
    healed = heal(ledger.path)
    assert (set(healed.processes), healed.left) == ({"parent"}, ())
    assert told.read_text() == "-15"
    assert not is_same(child.pid, child.start)


def test_what_is_left_on_a_server_of_the_user_is_told_once(ledger: Ledger) -> None:
    ledger.intend("database", "shakedown_1_template", object="database", part="db")
    (left,) = heal(ledger.path).left
    assert "database shakedown_1_template on the server of the part db" in left
    assert not ledger.path.exists()
    assert heal(ledger.path).left == ()


def test_a_ledger_is_never_seen_unlocked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `heal` that came between its making and its locking would take it for that of a dead run."""
    monkeypatch.setenv("SHAKEDOWN_STATE", str(tmp_path))
    seen: list[list[Path]] = []
    monkeypatch.setattr("fcntl.flock", lambda *_: seen.append(list(tmp_path.glob("*.ledger"))))
    os.close(Ledger.create().fileno())
    assert seen == [[]]


def test_a_state_folder_that_cannot_be_is_an_error_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHAKEDOWN_STATE", "/proc/shakedown")
    with pytest.raises(MachineError, match="SHAKEDOWN_STATE"):
        Ledger.create()


def test_on_a_full_disk_nothing_begins_and_everything_ends(ledger: Ledger) -> None:
    entry = ledger.intend("process", "one")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, hard))
    try:
        with pytest.raises(MachineError, match="cannot be written"):
            ledger.intend("process", "two")
        ledger.ended(entry)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [each.name for each in open_entries(ledger.path)] == ["one"]
    assert json.loads(ledger.path.read_bytes().split(b"\n")[0])["name"] == "one"
