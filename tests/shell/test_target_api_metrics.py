"""Metrics that add up over several workers, whichever answers, and that do not go back when one dies."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from target_api_rig import (
    ROOT,
    Postgres,
    Service,
    free_port,
    held,
    migrate,
    postgres_cluster,
    pricing_service,
    service,
    wait_until,
)

from target_api.metrics_folder import remove_abandoned

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with postgres_cluster() as cluster:
        migrate(cluster.url(), "upgrade", "head")
        yield cluster


@pytest.fixture
def api(postgres: Postgres, tmp_path: Path) -> Iterator[Service]:
    with pricing_service() as pricing, service(postgres.url(), pricing, tmp_path / "log") as running:
        running.wait_for("/ready", 200, 20)
        booted = "Application startup complete."
        wait_until(lambda: running.log.read_text().count(booted) == 2, 20, "both workers have booted")
        yield running


def scrape(api: Service) -> dict[str, float]:
    """Over a fresh connection, so that any worker may answer."""
    answer = api.get("/metrics")
    assert answer.status_code == 200
    samples = [line.rsplit(" ", 1) for line in answer.text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in samples}


def requests(api: Service, route: str, status: int = 200, method: str = "GET") -> float:
    return scrape(api).get(f'http_requests_total{{method="{method}",route="{route}",status="{status}"}}', 0)


def workers_that_served(api: Service, path: str) -> int:
    return len({line["pid"] for line in api.lines() if line.get("path") == path})


def test_every_scrape_gives_the_sum_over_all_workers_also_after_one_died(api: Service) -> None:
    before = requests(api, "/version")
    with ThreadPoolExecutor(8) as crowd:
        list(crowd.map(api.get, ["/version"] * 200))
    wait_until(lambda: requests(api, "/version") == before + 200, 20, "the last answers are counted")
    wait_until(lambda: workers_that_served(api, "/version") == 2, 20, "one worker alone would prove nothing")
    assert [requests(api, "/version") for _ in range(6)] == [before + 200] * 6
    latency = 'http_request_duration_seconds_count{method="GET",route="/version"}'
    assert [scrape(api)[latency] for _ in range(6)] == [before + 200] * 6

    victim, other = api.worker_pids()
    psutil.Process(victim).send_signal(signal.SIGKILL)
    wait_until(lambda: len(set(api.worker_pids()) - {victim, other}) == 1, 20, "the worker is replaced")
    wait_until(lambda: api.log.read_text().count("Application startup complete.") == 3, 20, "its successor serves")
    assert [requests(api, "/version") for _ in range(6)] == [before + 200] * 6
    assert api.get("/version").status_code == 200
    wait_until(lambda: requests(api, "/version") == before + 201, 20, "counting goes on")


def test_labels_are_bounded(api: Service) -> None:
    for n in range(5):
        api.get(f"/nothing/{n}")
        api.get(f"/items/{900_000 + n}")
    wait_until(lambda: requests(api, "unmatched", 404) == 5, 20, "what no route matches is one label")
    wait_until(lambda: requests(api, "/items/{item_id}", 404) == 5, 20, "what a route matches is one label")
    names = "\n".join(scrape(api))
    assert "nothing" not in names
    assert "900001" not in names
    assert "/metrics" not in api.get("/openapi.json").text


def test_a_busy_pool_is_told(api: Service, postgres: Postgres) -> None:
    with held(postgres, "LOCK TABLE items IN ACCESS EXCLUSIVE MODE"), ThreadPoolExecutor(48) as crowd:
        crowded = [crowd.submit(api.get, "/items") for _ in range(48)]
        seen: dict[str, float] = {}

        def crowded_out() -> bool:
            seen.update(scrape(api))
            return seen["database_pool_waiting"] > 0

        wait_until(crowded_out, 20, "requests wait for a connection")
        assert 10 <= seen["database_pool_in_use"] <= seen["database_pool_size"] <= 20
        assert seen["http_requests_in_flight"] >= seen["database_pool_in_use"]
        assert {request.result().status_code for request in crowded} == {503}
    wait_until(lambda: scrape(api)['requests_shed_total{reason="pool"}'] >= 28, 20, "who was turned away is counted")
    wait_until(lambda: scrape(api)["database_pool_wait_seconds_count"] >= 48, 20, "who has waited is counted")
    wait_until(lambda: scrape(api)["database_pool_in_use"] == 0, 20, "all connections are given back")
    wait_until(lambda: scrape(api)["http_requests_in_flight"] == 1, 20, "the scrape is the only request")


def test_a_breaker_that_opens_is_told(postgres: Postgres, tmp_path: Path) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    with service(postgres.url(), nobody, tmp_path / "log", PRICING_BREAKER_PAUSE_S="60") as api:
        api.wait_for("/ready", 200, 20)
        assert scrape(api)["pricing_breaker_state"] == 0
        for _ in range(12):
            assert api.get("/quotes/anchor").status_code == 503
        wait_until(lambda: scrape(api)["pricing_breaker_state"] == 2, 20, "a breaker is open")
        wait_until(
            lambda: scrape(api)['requests_shed_total{reason="breaker"}'] > 0, 20, "who was turned away is counted"
        )


def test_the_folder_is_private_and_goes_with_the_master(api: Service) -> None:
    (folder,) = folders(api)
    assert folder.stat().st_mode & 0o777 == 0o700
    api.stop()
    assert not folder.exists()


def folders(api: Service) -> set[Path]:
    """Where the workers keep their files, by what they have mapped."""
    mapped = [Path(one.path) for pid in api.worker_pids() for one in psutil.Process(pid).memory_maps()]
    return {path.parent for path in mapped if path.suffix == ".db"}


def test_a_folder_that_a_killed_master_left_is_removed_and_one_in_use_is_not(tmp_path: Path) -> None:
    make = (
        f"from target_api.metrics_folder import make_folder; print(make_folder({str(tmp_path)!r}), flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", make], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as master:
        assert master.stdout is not None
        folder = Path(master.stdout.readline().strip())
        os.utime(folder, (1, 1))
        remove_abandoned(tmp_path)
        assert folder.exists()
        master.kill()
    remove_abandoned(tmp_path)
    assert not folder.exists()
