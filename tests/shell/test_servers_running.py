# mypy: disallow-untyped-defs=False, disallow-incomplete-defs=False, disallow-untyped-calls=False
"""Each server with a small app, started as a trial starts it: ready, its workers counted, drained, and nothing left."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from probe_rig import HERE, spawner_in

from harness.backends.process import Order, ProcessDeployment
from harness.booting import until_up
from harness.deployment import Address
from harness.resolve import resolve_settings
from harness.servers import SERVERS
from harness.servers.server import Server
from harness.system.clock import Clock
from harness.system.ports import Ports
from harness.system.process import clean_env
from harness.target import load_target

pytestmark = pytest.mark.real

GRACE_S = 20.0


async def until_none_is_left(deployment: ProcessDeployment) -> None:
    """Helpers of multiprocessing end a moment after the process that they helped."""
    end = time.monotonic() + 10
    while left := deployment.leftovers():
        assert time.monotonic() < end, left
        await asyncio.sleep(0.02)


async def go_through(server: Server, workers: int, folder: Path) -> None:
    (folder / "shakedown.toml").write_text(f'[target]\napp = "probe_app:app"\nserver = "{server.id}"\n')
    target = load_target(folder / "shakedown.toml", {})
    env = clean_env(PYTHONPATH=str(HERE), PYTHONDONTWRITEBYTECODE="1")
    found = await resolve_settings(target, server, {}, workers=workers, env=env)
    address = Address("127.0.0.1", Ports().take())
    log = folder / "server.log"
    with spawner_in(folder) as spawner:
        order = Order(target, server, found.settings, found.flags, workers, address, address, env, log)
        deployment = ProcessDeployment(order, Clock.start(), spawner)
        try:
            # the small app is never ready, so it is asked for its liveness twice
            assert await until_up(deployment, "/health", "/health", workers) == "", deployment.log_tail()
            pids = deployment.workers()
            assert len(set(pids)) == workers
            assert (deployment.master() in pids) is (not server.supervised(workers))
            stopped = await deployment.stop(GRACE_S)
            assert not stopped.killed, deployment.log_tail()
            assert deployment.workers() == ()
            await until_none_is_left(deployment)
        finally:
            await deployment.kill()


@pytest.mark.parametrize("workers", [2, 1])
@pytest.mark.parametrize("server", SERVERS, ids=lambda server: server.id)
def test_a_server_starts_is_counted_drains_and_leaves_nothing(server: Server, workers: int, tmp_path: Path) -> None:
    asyncio.run(go_through(server, workers, tmp_path))
