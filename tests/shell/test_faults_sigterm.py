"""A server that stays in spite of SIGTERM was asked to end all the same: the kernel says whether it has heard that."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import pytest

from harness.deployment import Address, Deployment
from harness.faults.fault import Proof
from harness.faults.sigterm import Sigterm
from harness.system.ports import Ports

pytestmark = pytest.mark.real

SETTINGS = {
    "hears and stays": "signal.signal(signal.SIGTERM, lambda *_: None)",
    "hears nothing": "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])",
    "ends": "signal.signal(signal.SIGTERM, signal.SIG_DFL)",
}
CHILD = "import signal, time; {}; print('set', flush=True); [time.sleep(0.1) for _ in range(600)]"


@dataclass
class OneProcess:
    """As much of a deployment as the fault asks. Nobody listens on its port, or somebody else does."""

    child: subprocess.Popen[bytes]
    address: Address

    def master(self) -> int:
        return self.child.pid if self.child.poll() is None else -1

    def signal(self, pid: int, number: int) -> None:
        os.kill(pid, number)


@contextmanager
def server(what: str, port: int) -> Iterator[OneProcess]:
    child = subprocess.Popen([sys.executable, "-c", CHILD.format(SETTINGS[what])], stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == b"set\n"
        yield OneProcess(child, Address("127.0.0.1", port))
    finally:
        child.kill()
        child.communicate()


def asked(deployment: OneProcess, notice_s: float) -> Proof:
    async def ask() -> Proof:
        actor = Sigterm(cast("Deployment", deployment), notice_s=notice_s)
        await actor.apply()
        return await actor.prove()

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("what", "notice_s", "ok", "why"),
    [
        ("ends", 30.0, True, "has ended"),
        ("hears and stays", 1.0, True, "took it and is still there"),
        ("hears nothing", 1.0, False, "has not taken it"),
    ],
)
def test_the_signal_is_proven_by_the_end_or_by_the_kernel(what: str, notice_s: float, ok: bool, why: str) -> None:
    with server(what, Ports().take()) as deployment:
        proof = asked(deployment, notice_s)
    assert proof.ok == ok
    assert why in proof.why
    assert "its port “refused” a connection" in proof.why


def test_a_server_that_had_gone_before_it_could_be_asked_is_not_said_to_have_ended() -> None:
    with server("ends", Ports().take()) as deployment:
        deployment.child.kill()
        deployment.child.wait()
        proof = asyncio.run(Sigterm(cast("Deployment", deployment)).prove())
    assert not proof.ok
    assert "never asked" in proof.why


def test_a_port_that_is_still_open_after_the_end_is_told_and_is_for_the_checks() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, server("ends", other.getsockname()[1]) as deployment:
        proof = asked(deployment, 30.0)
    assert proof.ok
    assert proof.evidence["beside_the_proxy"] == "accepted"
