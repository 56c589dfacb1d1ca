"""Children of the harness: what they inherit, how they end, and with whom."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from parts_rig import bench, until

from harness.errors import MachineError
from harness.ledger import LEDGER, TOKEN, open_entries
from harness.system.proc import all_stats, command_of, count_fds, descendants, has_mark, is_same, read_stat, tree_cpu_s
from harness.system.process import Owner, clean_env, marked

pytestmark = pytest.mark.real

# A child with a child of its own in the same session and one in a session of its own; prints both pids.
FAMILY = """
import subprocess, sys, time
near = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
far = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
print(near.pid, far.pid, flush=True)
time.sleep(60)
"""


def test_a_child_is_in_the_ledger_while_it_lives() -> None:
    async def run() -> None:
        async with bench() as b:
            child = b.spawner.spawn(["sleep", "60"], name="sleeper", env=clean_env(), cwd=b.folder)
            entry = open_entries(b.ledger.path)[-1]
            assert (entry.what, entry.name, entry.number("pid")) == ("process", "sleeper", child.pid)
            assert is_same(child.pid, entry.number("start"))
            await until(lambda: command_of(child.pid) == "sleep 60", 20, "the launcher became the program")
            assert has_mark(child.pid, f"{TOKEN}={b.ledger.token}".encode())
            assert [stat.pid for stat in marked(b.ledger.token)] == [child.pid]
            assert child.stat() is not None
            # No descriptor of ours, the ledger's lock least of all; a program that has only begun reads its libraries.
            await until(lambda: count_fds(child.pid) == 3, 20, "it has the standard streams alone")
            assert await child.wait(0.05) is None
            assert await child.end() == -signal.SIGTERM
            assert not child.alive

    asyncio.run(run())


def test_a_child_has_its_own_cpus_or_those_of_its_run() -> None:
    async def run() -> None:
        async with bench() as b:
            all_of_them = sorted(os.sched_getaffinity(0))
            own = b.spawner.spawn(["sleep", "60"], name="own", env=clean_env(), cwd=b.folder, cpus=(all_of_them[-1],))
            b.spawner.cpus = (all_of_them[0],)
            others = b.spawner.spawn(["sleep", "60"], name="others", env=clean_env(), cwd=b.folder)
            await until(lambda: command_of(own.pid) == command_of(others.pid) == "sleep 60", 20, "both are there")
            assert os.sched_getaffinity(own.pid) == {all_of_them[-1]}
            assert os.sched_getaffinity(others.pid) == {all_of_them[0]}
            await own.end()
            await others.end()

    asyncio.run(run())


def test_a_child_that_ignores_the_question_is_killed_with_its_session() -> None:
    async def run() -> None:
        async with bench() as b:
            script = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + FAMILY
            log = b.folder / "log"
            child = b.spawner.spawn([sys.executable, "-c", script], name="deaf", env=clean_env(), cwd=b.folder, log=log)
            await until(lambda: len(log.read_text().split()) == 2, 20, "the family is there")
            near, far = (int(word) for word in log.read_text().split())
            assert {stat.pid for stat in child.children()} == {near, far}
            began = time.monotonic()
            assert await child.end(grace_s=0.3) == -signal.SIGKILL
            assert 0.3 <= time.monotonic() - began < 20
            await until(lambda: _ended(near), 20, "the near one is gone")
            # A session of its own is beyond `end`; the token finds it.
            await until(lambda: [stat.pid for stat in marked(b.ledger.token)] == [far], 20, "the far one alone is left")
            os.kill(far, signal.SIGKILL)
            await until(lambda: not marked(b.ledger.token), 20, "the far one is gone")

    asyncio.run(run())


def test_a_child_dies_with_the_harness(tmp_path: Path) -> None:
    script = textwrap.dedent(
        """
        import os, sys
        from pathlib import Path
        from harness.ledger import Ledger
        from harness.system.process import Spawner, clean_env
        ledger = Ledger.create()
        child = Spawner(ledger).spawn(["sleep", "60"], name="s", env=clean_env(), cwd=Path("/"))
        print(child.pid, child.start, flush=True)
        sys.stdin.read()
        """
    )
    env = {**os.environ, "SHAKEDOWN_STATE": str(tmp_path)}
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as harness:
        assert harness.stdout is not None
        pid, start = (int(word) for word in harness.stdout.readline().split())
        try:
            end = time.monotonic() + 20
            while command_of(pid) != "sleep 60":
                assert time.monotonic() < end
            assert is_same(pid, start)
        finally:
            harness.kill()
    end = time.monotonic() + 20
    while is_same(pid, start):
        assert time.monotonic() < end, "the child outlives the harness"


def test_a_program_that_is_not_there_says_so_in_its_log() -> None:
    async def run() -> None:
        async with bench() as b:
            log = b.folder / "log"
            child = b.spawner.spawn(["/nowhere/x"], name="x", env=clean_env(), cwd=b.folder, log=log)
            assert await child.wait(20) == 127
            assert log.read_text() == "/nowhere/x: No such file or directory\n"
            with pytest.raises(MachineError, match="x could not be started"):
                b.spawner.spawn(["true"], name="x", env=clean_env(), cwd=b.folder / "nowhere")

    asyncio.run(run())


def test_pipes_carry_both_ways_and_only_errors_go_to_the_log() -> None:
    async def run() -> None:
        async with bench() as b:
            log = b.folder / "log"
            child = b.spawner.spawn(
                ["sh", "-c", "read word; echo got $word; echo oops >&2"],
                name="talker",
                env=clean_env(),
                cwd=b.folder,
                log=log,
                pipes=True,
            )
            out, _ = child.popen.communicate(b"hello\n", timeout=20)
            assert (out, log.read_text()) == (b"got hello\n", "oops\n")
            assert child.exit_code == 0

    asyncio.run(run())


def test_another_owner_has_its_rights_only() -> None:
    async def run() -> None:
        async with bench() as b:
            owner = Owner.nobody() if os.geteuid() == 0 else Owner(os.geteuid(), os.getegid())
            b.folder.chmod(0o711)
            log = b.folder / "log"
            command = ["sh", "-c", "id -u; id -g; umask"]
            who = owner if os.geteuid() == 0 else None
            child = b.spawner.spawn(command, name="id", env=clean_env(), cwd=b.folder, log=log, owner=who, umask=0o027)
            assert await child.wait(20) == 0
            assert log.read_text().split() == [str(owner.uid), str(owner.gid), "0027"]

    asyncio.run(run())


def test_a_signal_to_a_process_that_has_ended_is_nothing() -> None:
    async def run() -> None:
        async with bench() as b:
            child = b.spawner.spawn(["true"], name="true", env=clean_env(), cwd=b.folder)
            assert await child.wait(20) == 0
            child.signal(signal.SIGKILL)
            assert await child.end() == 0

    asyncio.run(run())


def test_a_zombie_is_not_alive_and_a_reused_pid_is_another() -> None:
    child = subprocess.Popen(["true"])
    try:
        end = time.monotonic() + 20
        while (stat := read_stat(child.pid)) is not None and stat.alive:
            assert time.monotonic() < end
        assert stat is not None
        assert stat.state == "Z"
        assert not is_same(child.pid, stat.start)
    finally:
        child.wait()
    me = read_stat(os.getpid())
    assert me is not None
    assert is_same(me.pid, me.start)
    assert not is_same(me.pid, me.start + 1)
    assert read_stat(child.pid) is None


def test_names_with_spaces_and_brackets_are_read(tmp_path: Path) -> None:
    program = tmp_path / "a) b ("
    program.symlink_to("/bin/sleep")
    child = subprocess.Popen([str(program), "60"])
    try:
        stat = read_stat(child.pid)
        assert stat is not None
        assert (stat.parent, stat.session) == (os.getpid(), os.getsid(0))
        assert child.pid in {found.pid for found in descendants(os.getpid(), all_stats())}
    finally:
        child.kill()
        child.wait()


def test_only_what_a_process_needs_is_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "x")
    monkeypatch.setenv(LEDGER, "3:/x")
    monkeypatch.delenv("PATH")
    env = clean_env(EXTRA="1")
    assert set(env) <= {"PATH", "HOME", "LANG", "TZ", "EXTRA"}
    assert env["PATH"] == "/usr/local/bin:/usr/bin:/bin"


def _ended(pid: int) -> bool:
    stat = read_stat(pid)
    return stat is None or not stat.alive


def test_the_cpu_time_of_a_tree_counts_its_children_and_those_that_ended() -> None:
    burn = "import time\nend = time.process_time() + 0.2\nwhile time.process_time() < end: pass"
    parent = f"""
        import subprocess, sys
        subprocess.run([sys.executable, "-c", {burn!r}])
        child = subprocess.Popen([sys.executable, "-c", {burn!r} + "\\nprint(flush=True)\\ninput()"],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        child.stdout.readline()
        print(flush=True)
        input()
    """
    ended_before_s = tree_cpu_s(os.getpid())
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(parent)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        assert 0.4 <= tree_cpu_s(process.pid) < 5
        assert tree_cpu_s(os.getpid()) >= ended_before_s + 0.4
    finally:
        process.communicate(b"\n")
    assert tree_cpu_s(process.pid) == -1.0
