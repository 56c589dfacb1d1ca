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
from pathlib import Path

from harness.healing import heal
from harness.ledger import LEDGER, TOKEN, Ledger
from harness.system.proc import read_stat

_PR_SET_CHILD_SUBREAPER = 36
_LAUNCH = Path(__file__).parent / "system" / "launch.py"


def guard(argv: list[str]) -> int:
    """Run the harness with these arguments; returns the exit code of the command."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    ledger = Ledger.create()
    ledger.write(do="run", token=ledger.token, guardian=os.getpid())
    command = [sys.executable, "-I", "-S", str(_LAUNCH), str(os.getpid()), str(int(signal.SIGTERM)), "-1", "-1", "63"]
    command += ["--", sys.executable, "-m", "harness.cli.main", *argv]
    env = {**os.environ, LEDGER: f"{ledger.fileno()}:{ledger.path}"}
    env.pop(TOKEN, None)  # the harness itself is no child to be healed
    asked: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: asked.append(number))
    harness = subprocess.Popen(command, env=env, pass_fds=[ledger.fileno()], start_new_session=True)
    stat = read_stat(harness.pid)
    ledger.write(do="harness", pid=harness.pid, start=stat.start if stat else -1)
    code = _wait(harness, asked)
    healed = heal(ledger.path)
    if healed.left:
        print(f"shakedown: healing failed, left: {'; '.join(healed.left)}. Run: shakedown heal", file=sys.stderr)
        return 4
    os.close(ledger.fileno())
    return _exit_code(code, asked, bool(healed.processes))


def _wait(harness: subprocess.Popen[bytes], asked: list[int]) -> int:
    """Wait for the harness, hand signals on: the first as it came (SIGHUP as SIGTERM), from the second on SIGKILL."""
    passed = 0
    while True:
        while passed < len(asked):
            number = signal.SIGINT if asked[passed] == signal.SIGINT else signal.SIGTERM
            passed += 1
            harness.send_signal(number if passed == 1 else signal.SIGKILL)
        try:
            return harness.wait(timeout=0.1)
        except subprocess.TimeoutExpired:
            _reap_others(harness.pid)


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


def _exit_code(code: int, asked: list[int], healed: bool) -> int:
    if asked:
        return 130 if asked[0] == signal.SIGINT else 143
    if code < 0:
        what = "what it left was healed" if healed else "nothing was left"
        print(f"shakedown: the harness was ended by signal {-code}; {what}.", file=sys.stderr)
        return 3
    return code
