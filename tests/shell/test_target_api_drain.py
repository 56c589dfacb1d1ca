"""The draining worker: nothing that was accepted is cut, /ready says so first, and the process leaves in time."""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest
from target_api_rig import Postgres, Service, migrate, postgres_cluster, pricing_service, service, wait_until

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with postgres_cluster() as cluster:
        migrate(cluster.url(), "upgrade", "head")
        yield cluster


@pytest.fixture(scope="module")
def pricing() -> Iterator[str]:
    with pricing_service() as url:
        yield url


def await_workers(api: Service) -> None:
    """Fresh connections meet only the workers that have booted, so that /ready may speak for one of two."""
    api.wait_for("/ready", 200, 20)
    booted = "Application startup complete."
    wait_until(lambda: api.log.read_text().count(booted) == api.workers, 20, "all workers have booted")


def send(crowd: ThreadPoolExecutor, api: Service, path: str) -> "Future[httpx.Response]":
    """A request that is under way: its access line comes at its end, so its connection is what can be seen."""
    before = established(api)
    request = crowd.submit(api.get, path)
    wait_until(lambda: established(api) > before, 20, "the request is under way")
    return request


def established(api: Service) -> int:
    """Connections from a worker to the pricing service."""
    port = int(api.env["PRICING_URL"].rsplit(":", 1)[1])
    sockets = [s for pid in api.worker_pids() for s in psutil.Process(pid).net_connections("tcp")]
    return sum(1 for s in sockets if s.raddr and s.raddr.port == port and s.status == psutil.CONN_ESTABLISHED)


def leave(api: Service, within_s: float) -> tuple[int, float]:
    assert api.process is not None
    started_s = time.monotonic()
    return api.process.wait(within_s), time.monotonic() - started_s


def has_ended(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.parametrize("whole_group", [False, True], ids=["master", "group"])
def test_sigterm_drains(postgres: Postgres, pricing: str, tmp_path: Path, whole_group: bool) -> None:
    with (
        service(postgres.url(), pricing, tmp_path / "log", DRAIN_DELAY_S="4") as api,
        ThreadPoolExecutor(4) as crowd,
    ):
        await_workers(api)
        assert api.process is not None
        workers = api.worker_pids()
        under_way = [send(crowd, api, "/quotes/late") for _ in range(3)]
        (os.killpg if whole_group else os.kill)(api.process.pid, signal.SIGTERM)
        told_s = time.monotonic()
        wait_until(lambda: api.status("/ready") == 503, 20, "/ready says 503")
        seen = [(api.status("/ready"), api.status("/items"), api.status("/health")) for _ in range(10)]
        assert time.monotonic() - told_s < 4, "this was to be asked during the drain"
        assert seen == [(503, 200, 200)] * 10
        assert [request.result().status_code for request in under_way] == [200] * 3
        code, _ = leave(api, 30)
        took_s = time.monotonic() - told_s
        assert code == 0
        assert 4 <= took_s < 12
        assert api.status("/health") == 0
        assert not [pid for pid in workers if psutil.pid_exists(pid)]
        text = api.log.read_text()
        assert text.count("Application shutdown complete.") == 2
        assert postgres.fetch("SELECT 1 FROM pg_stat_activity WHERE application_name = 'target-api'") == []


def test_what_runs_for_too_long_gets_an_answer_and_does_not_hold_the_exit(
    postgres: Postgres, pricing: str, tmp_path: Path
) -> None:
    limits = {"PRICING_TIMEOUT_S": "60", "REQUEST_DEADLINE_S": "60", "GRACEFUL_TIMEOUT_S": "8", "DRAIN_DELAY_S": "1"}
    with service(postgres.url(), pricing, tmp_path / "log", **limits) as api, ThreadPoolExecutor(1) as crowd:
        await_workers(api)
        request = send(crowd, api, "/quotes/slow")
        assert api.process is not None
        api.process.send_signal(signal.SIGTERM)
        code, took_s = leave(api, 15)
        assert request.result().status_code == 500
        assert code == 0
        assert took_s < 8
        assert api.log.read_text().count("Application shutdown complete.") == 2


def test_a_frozen_database_does_not_hold_the_exit(postgres: Postgres, pricing: str, tmp_path: Path) -> None:
    with service(postgres.url(), pricing, tmp_path / "log") as api, ThreadPoolExecutor(8) as crowd:
        await_workers(api)
        assert api.get("/items").status_code == 200
        postgres.freeze()
        try:
            requests = [crowd.submit(api.get, "/items") for _ in range(8)]
            wait_until(lambda: api.status("/ready") == 503, 20, "/ready says 503")
            assert api.process is not None
            api.process.send_signal(signal.SIGTERM)
            code, took_s = leave(api, 20)
            assert {request.result().status_code for request in requests} == {503}
        finally:
            postgres.thaw()
        assert code == 0
        assert took_s < 12
        assert "SIGKILL" not in api.log.read_text()


def test_ctrl_c_leaves_at_once(postgres: Postgres, pricing: str, tmp_path: Path) -> None:
    with service(postgres.url(), pricing, tmp_path / "log", DRAIN_DELAY_S="20") as api:
        await_workers(api)
        assert api.process is not None
        os.killpg(api.process.pid, signal.SIGINT)
        code, took_s = leave(api, 30)
        assert code == 0
        assert took_s < 15  # the delay of a drain alone would be 20 s


def test_workers_leave_when_their_master_was_killed(postgres: Postgres, pricing: str, tmp_path: Path) -> None:
    with service(postgres.url(), pricing, tmp_path / "log") as api:
        await_workers(api)
        assert api.process is not None
        workers = [psutil.Process(pid) for pid in api.worker_pids()]
        api.process.kill()
        api.process.wait(30)
        wait_until(lambda: all(has_ended(worker) for worker in workers), 20, "the orphans are gone")
        assert api.status("/health") == 0
