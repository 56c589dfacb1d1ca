"""Nothing of the parts outlives a harness that is killed."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
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


@contextlib.contextmanager
def harness(folder: Path, state: Path) -> Iterator[tuple[int, str]]:
    """A harness in small whose parts are up: its pid and what it said. It is killed where the block ends."""
    env = {**os.environ, "SHAKEDOWN_STATE": str(state)}
    command = [sys.executable, str(CHILD), str(folder)]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            yield child.pid, child.stdout.readline()
        finally:
            child.send_signal(signal.SIGKILL)


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="shakedown-test-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


def test_a_killed_harness_leaves_nothing_once_it_is_healed(folder: Path, tmp_path: Path) -> None:
    with harness(folder, tmp_path) as (pid, said):
        words = said.split()
        ledger, ports = Path(words[0]), {int(word) for word in words[1:]}
        assert is_live(ledger)
        assert {entry.name for entry in open_entries(ledger)} >= STARTED
        assert ports <= _listened()
        family = descendants(pid)
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


def test_parts_end_by_themselves_when_the_harness_is_killed_and_nobody_heals(folder: Path, tmp_path: Path) -> None:
    with harness(folder, tmp_path) as (pid, said):
        assert said
        family = descendants(pid)
        assert len(family) > len(STARTED)  # PostgreSQL's backends too
    end = time.monotonic() + 20
    while left := [stat for stat in family if is_same(stat.pid, stat.start)]:
        assert time.monotonic() < end, left
        time.sleep(0.05)


def _listened() -> set[int]:
    return {row.local_port for row in tcp_rows() if row.state == LISTEN}
