"""Nothing of the parts outlives a harness that is killed."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from harness.healing import heal
from harness.ledger import is_live, open_entries
from harness.system.proc import descendants, is_same
from harness.system.process import marked
from harness.system.sockets import LISTEN, tcp_rows

pytestmark = pytest.mark.real

CHILD = Path(__file__).with_name("parts_child.py")
STARTED = {"postgres", "pricing", "toxiproxy"}


def test_a_killed_harness_leaves_nothing_once_it_is_healed(tmp_path: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix="shakedown-test-"))
    env = {**os.environ, "SHAKEDOWN_STATE": str(tmp_path)}
    command = [sys.executable, str(CHILD), str(folder)]
    try:
        with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as child:
            try:
                assert child.stdout is not None
                words = child.stdout.readline().split()
                ledger, ports = Path(words[0]), {int(word) for word in words[1:]}
                assert is_live(ledger)
                assert {entry.name for entry in open_entries(ledger)} >= STARTED
                assert ports <= _listened()
                family = descendants(child.pid)
            finally:
                child.send_signal(signal.SIGKILL)
        began = time.monotonic()
        assert not is_live(ledger)
        healed = heal(ledger)
        assert time.monotonic() - began < 15
        assert healed.left == ()
        assert healed.folders == (str(folder),)
        assert not ports & _listened()
        assert [stat for stat in family if is_same(stat.pid, stat.start)] == []
        assert marked(ledger.stem) == []
        assert not folder.exists()
        assert not ledger.exists()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_parts_end_by_themselves_when_the_harness_is_killed_and_nobody_heals(tmp_path: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix="shakedown-test-"))
    env = {**os.environ, "SHAKEDOWN_STATE": str(tmp_path)}
    command = [sys.executable, str(CHILD), str(folder)]
    try:
        with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as child:
            try:
                assert child.stdout is not None
                assert child.stdout.readline()
                family = descendants(child.pid)
                assert len(family) > len(STARTED)  # PostgreSQL's backends too
            finally:
                child.send_signal(signal.SIGKILL)
        end = time.monotonic() + 20
        while left := [stat for stat in family if is_same(stat.pid, stat.start)]:
            assert time.monotonic() < end, left
            time.sleep(0.05)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _listened() -> set[int]:
    return {row.local_port for row in tcp_rows() if row.state == LISTEN}
