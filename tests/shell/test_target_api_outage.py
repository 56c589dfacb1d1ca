"""The reference API while its database is gone, frozen or busy, and after.

The limits are those of its contract: /ready turns within 3 s each way and always answers within 1 s, /health stays 200,
and what needs the database gets a 503 within 8 s.
"""

import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest
from target_api_rig import (
    Postgres,
    Service,
    Watch,
    bearer,
    held,
    migrate,
    postgres_cluster,
    pricing_service,
    service,
    wait_until,
)

pytestmark = pytest.mark.real

TURNS_WITHIN_S = 3.0


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with postgres_cluster() as cluster:
        migrate(cluster.url(), "upgrade", "head")
        yield cluster


@pytest.fixture
def pricing() -> Iterator[str]:
    with pricing_service() as url:
        yield url


@contextmanager
def running(postgres: Postgres, pricing: str, folder: Path) -> Iterator[Service]:
    with service(postgres.url(), pricing, folder / "log") as api:
        api.wait_for("/ready", 200, 20)
        # Of both workers: a fresh connection meets only those that have booted.
        wait_until(lambda: pids_ready(api) == set(api.worker_pids()), 20, "both workers are ready")
        yield api


def pids_ready(api: Service) -> set[object]:
    return {line["pid"] for line in api.lines() if line.get("message") == "Ready."}


def assert_refuses_politely(answer: httpx.Response, within_s: float) -> None:
    assert answer.status_code == 503, answer.text
    assert answer.headers["Retry-After"]
    assert answer.elapsed.total_seconds() < within_s


def wait_settled(watch: Watch, since_s: float, status: int) -> None:
    """Twenty answers in a row, from both workers, or the test's own assertion has to speak."""

    def steady() -> bool:
        last = watch.since(since_s)[-20:]
        return len(last) == 20 and all(one.status == status for one in last)

    wait_until(steady, 20, f"{watch.path} settles at {status}")


def test_it_starts_without_a_database_and_is_ready_when_one_appears(
    postgres: Postgres, pricing: str, tmp_path: Path
) -> None:
    postgres.stop()
    try:
        with service(postgres.url(), pricing, tmp_path / "log") as api:
            api.wait_for("/health", 200, 20)
            api.wait_for("/ready", 503, 10)
            assert_refuses_politely(api.get("/items"), 2)
            assert_refuses_politely(api.post("/items", {"name": "early"}, bearer()), 2)
            assert api.get("/quotes/anchor").status_code == 200
            with Watch(api, "/ready") as ready:
                postgres.start()
                started_s = time.monotonic()
                wait_settled(ready, started_s, 200)
            assert ready.settled_after(started_s, 200) < TURNS_WITHIN_S
            assert api.get("/items").status_code == 200
    finally:
        if postgres.process is None:
            postgres.start()


def test_a_database_that_refuses(postgres: Postgres, pricing: str, tmp_path: Path) -> None:
    with running(postgres, pricing, tmp_path) as api:
        with Watch(api, "/ready") as ready, Watch(api, "/health") as health:
            try:
                cut_s = time.monotonic()
                postgres.stop()
                wait_settled(ready, cut_s, 503)
                for _ in range(6):
                    assert_refuses_politely(api.get("/items"), 2)
                assert api.get("/quotes/anchor").status_code == 200
                kill_one_worker(api)
                wait_settled(ready, time.monotonic(), 503)
            finally:
                up_s = time.monotonic()
                postgres.start()
            wait_settled(ready, up_s, 200)
        assert ready.settled_after(up_s, 200) < TURNS_WITHIN_S
        assert ready.settled_after(cut_s, 503, until_s=up_s) < TURNS_WITHIN_S
        # The worker that was killed may have taken one request of each with it.
        assert sum(one.status != 200 for one in health.seen) <= 1
        assert max(one.took_s for one in health.seen) < 1.5
        assert [api.get("/items").status_code for _ in range(12)] == [200] * 12


def kill_one_worker(api: Service) -> None:
    """Its successor has to boot while the database is away."""
    victim, other = api.worker_pids()
    psutil.Process(victim).send_signal(signal.SIGKILL)
    wait_until(lambda: len(set(api.worker_pids()) - {victim}) == 2, 20, "the worker is replaced")
    (new,) = set(api.worker_pids()) - {victim, other}
    booted = f'"pid": {new}, "message": "Application startup complete."'
    wait_until(lambda: booted in api.log.read_text(), 20, "the new worker has booted")


def test_a_database_that_freezes(postgres: Postgres, pricing: str, tmp_path: Path) -> None:
    with running(postgres, pricing, tmp_path) as api:
        ann = api.authorization("ann")
        assert api.post("/items", {"name": "warm"}, ann).status_code == 201
        with Watch(api, "/ready") as ready, Watch(api, "/health") as health, ThreadPoolExecutor(40) as crowd:
            frozen_s = time.monotonic()
            postgres.freeze()
            try:
                reads = [crowd.submit(api.get, "/items") for _ in range(20)]
                writes = [crowd.submit(api.post, "/items", {"name": f"frozen-{n}"}, ann) for n in range(20)]
                wait_settled(ready, frozen_s, 503)
                for request in reads + writes:
                    assert_refuses_politely(request.result(), 8)
                assert api.get("/quotes/anchor").status_code == 200
                assert_refuses_politely(api.get("/items"), 8)
            finally:
                thawed_s = time.monotonic()
                postgres.thaw()
            wait_settled(ready, thawed_s, 200)
            served = wait_until(lambda: api.status("/items") == 200, TURNS_WITHIN_S, "items are served again")
        assert ready.settled_after(frozen_s, 503, until_s=thawed_s) < TURNS_WITHIN_S
        assert ready.settled_after(thawed_s, 200) < TURNS_WITHIN_S
        assert max(one.took_s for one in ready.seen) < 1
        assert {one.status for one in health.seen} == {200}
        assert served < TURNS_WITHIN_S
        assert [api.get("/items").status_code for _ in range(12)] == [200] * 12
        count = postgres.fetch("SELECT count(*) AS n FROM pg_stat_activity WHERE application_name = 'target-api'")
        assert count[0]["n"] <= 2 * (10 + 1)


def test_a_busy_pool_is_no_reason_to_be_not_ready(postgres: Postgres, pricing: str, tmp_path: Path) -> None:
    # Holds the table, so that every request on it waits on a healthy server.
    with running(postgres, pricing, tmp_path) as api, Watch(api, "/ready") as ready:
        with held(postgres, "LOCK TABLE items IN ACCESS EXCLUSIVE MODE"), ThreadPoolExecutor(60) as crowd:
            for _ in range(2):
                answers = list(crowd.map(api.get, ["/items"] * 60))
                for answer in answers:
                    assert_refuses_politely(answer, 8)
        assert api.get("/items").status_code == 200
        assert len(ready.seen) > 20
        assert {one.status for one in ready.seen} == {200}
