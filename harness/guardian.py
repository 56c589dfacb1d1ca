"""The outer process of a run: starts the harness as its child, outlives it, heals what it left.

It is the subreaper of all that the run starts, so that an orphan stays findable and is reaped. It does nothing else: a
process that does little has little to fail. When the guardian itself dies, the harness gets SIGTERM from the kernel and
heals; when both die, children end by their own death signal and `shakedown heal` does the rest from the ledger.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from harness.errors import HealError, Interrupted, MachineError
from harness.healing import heal
from harness.ledger import LEDGER, TOKEN, Ledger, this_machine
from harness.system.proc import read_stat

_PR_SET_CHILD_SUBREAPER = 36
_LAUNCH = Path(__file__).parent / "system" / "launch.py"
_UNWIND_S = 20.0  # the slowest orderly end is PostgreSQL's: 5 s fast, 2 s immediate


def guard(argv: list[str]) -> int:
    """Run the harness with these arguments; returns the exit code of the command."""
    asked = _listen()
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    ledger = Ledger.create()
    ledger.write(do="run", token=ledger.token, guardian=os.getpid(), **this_machine())
    harness = _start(ledger, argv)
    code = _wait(harness, asked)
    healed = heal(ledger.path)
    if healed.left:
        raise HealError(f"Healing failed, left: {'; '.join(healed.left)}. Run: shakedown heal")
    os.close(ledger.fileno())
    if code < 0:
        raise _ended_by_signal(-code, asked, bool(healed.processes))
    if asked:
        return 128 + _passed_on(asked[0])
    return code


def _listen() -> list[int]:
    """The signals that come from now on. A SIGHUP that is ignored, as under nohup, stays ignored."""
    asked: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda number, _frame: asked.append(number))
    return asked


def _start(ledger: Ledger, argv: list[str]) -> subprocess.Popen[bytes]:
    """The harness. It inherits a mask that holds signals back until it can take them without a traceback."""
    command = [sys.executable, "-I", "-S", str(_LAUNCH), str(os.getpid()), str(int(signal.SIGTERM)), "-1", "-1", "63"]
    command += ["--", sys.executable, "-m", "harness.cli.main", *argv]
    env = {**os.environ, LEDGER: f"{ledger.fileno()}:{ledger.path}"}
    env.pop(TOKEN, None)  # the harness itself is no child to be healed
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        harness = subprocess.Popen(command, env=env, pass_fds=[ledger.fileno()], start_new_session=True)
    except OSError as error:
        ledger.close()
        raise MachineError(f"The harness could not be started: {error.strerror}.") from error
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    stat = read_stat(harness.pid)
    ledger.write(do="harness", pid=harness.pid, start=stat.start if stat else -1)
    return harness


def _wait(harness: subprocess.Popen[bytes], asked: list[int]) -> int:
    """Wait for the harness, hand signals on: the first as it came, from the second on SIGKILL, as after a deadline."""
    passed, deadline = 0, float("inf")
    while True:
        while passed < len(asked):
            passed += 1
            deadline = min(deadline, time.monotonic() + _UNWIND_S)
            harness.send_signal(_passed_on(asked[0]) if passed == 1 else signal.SIGKILL)
        if time.monotonic() > deadline:
            harness.kill()
        try:
            return harness.wait(timeout=0.1)
        except subprocess.TimeoutExpired:
            _reap_others(harness.pid)


def _passed_on(number: int) -> int:
    """SIGHUP asks for the same as SIGTERM."""
    return int(signal.SIGINT if number == signal.SIGINT else signal.SIGTERM)


def _reap_others(harness: int) -> None:
    """Reap orphans that came to us; the harness itself stays for its own wait."""
    while True:
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is None or ended.si_pid == harness:
                return
            os.waitpid(ended.si_pid, 0)
        except ChildProcessError:
            return


def _ended_by_signal(number: int, asked: list[int], healed: bool) -> Interrupted | MachineError:
    what = "what it left was healed" if healed else "nothing was left"
    if asked:
        return Interrupted(f"interrupted before it could end in order; {what}.", _passed_on(asked[0]))
    return MachineError(f"The harness was ended by signal {number}; {what}.")
