"""A killed supervisor whose workers another process of its own has started, as multiprocessing's forkserver does."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from signal import SIGKILL
from typing import cast

import pytest

from harness.deployment import Address, Deployment
from harness.faults.fault import Proof
from harness.faults.server_kill import KillServer
from harness.system.proc import descendants, read_stat

pytestmark = pytest.mark.real

TREE = """
import os, signal, socket, time
signal.alarm(60)
if os.fork() == 0:
    signal.alarm(60)
    if os.fork() == 0:
        signal.alarm(60)
        listener = socket.create_server(("127.0.0.1", 0))
        print(listener.getsockname()[1], flush=True)
while True:
    time.sleep(1)
"""


@dataclass
class Tree:
    """As much of a deployment as the fault asks: no worker is a child of the supervisor."""

    child: subprocess.Popen[bytes]
    address: Address

    def master(self) -> int:
        return self.child.pid if self.child.poll() is None else -1

    def workers(self) -> Sequence[int]:
        return ()

    def signal(self, pid: int, number: int) -> None:
        os.kill(pid, number)


@contextmanager
def tree() -> Iterator[tuple[Tree, int, int]]:
    """The supervisor, the process between, and the one that listens."""
    child = subprocess.Popen([sys.executable, "-c", TREE], stdout=subprocess.PIPE)
    below: list[int] = []
    try:
        assert child.stdout is not None
        port = int(child.stdout.readline())
        below = [stat.pid for stat in descendants(child.pid)]
        yield Tree(child, Address("127.0.0.1", port)), below[0], below[1]
    finally:
        child.kill()
        for pid in below:
            with suppress(ProcessLookupError):
                os.kill(pid, SIGKILL)
        child.communicate()


def proof_of(server: Tree) -> Proof:
    async def see() -> Proof:
        actor = KillServer(cast("Deployment", server))
        await actor.apply()
        return await actor.prove()

    return asyncio.run(see())


def test_a_worker_below_another_process_has_lost_its_supervisor_when_that_one_has() -> None:
    with tree() as (server, between, worker):
        proof = proof_of(server)
        assert proof.ok, proof
        assert proof.evidence["workers_that_lost_it"] == 1
        assert is_alive(between), "and with it what it has started: its port is still open"
        assert is_alive(worker)


def test_a_worker_whose_supervisor_lives_on_has_not_lost_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.faults.server_kill._NOTICE_S", 0.2)
    monkeypatch.setattr(Tree, "signal", lambda *_: None)
    with tree() as (server, _, _):
        proof = proof_of(server)
    assert not proof.ok
    assert (proof.evidence["gone"], proof.evidence["workers_that_lost_it"]) == (False, 0)


def is_alive(pid: int) -> bool:
    stat = read_stat(pid)
    return stat is not None and stat.alive
