"""The client of the pricing service against a server on a real socket: attempts, breaker, and what it passes on."""

import asyncio
import threading
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from fastapi import HTTPException
from target_api_rig import free_port

from target_api.breaker import State
from target_api.logs import request_id
from target_api.metrics import Metrics
from target_api.pricing import Price, Pricing, PricingError
from target_api.settings import Settings

pytestmark = pytest.mark.real


class Stub(ThreadingHTTPServer):
    """Answers with the statuses it was given, one after the other, the last one for ever; 0 closes the connection."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.statuses = [200]
        self.calls: list[str | None] = []
        self.released = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Stub

    def do_GET(self) -> None:
        self.server.calls.append(self.headers["X-Request-ID"])
        status = self.server.statuses.pop(0) if len(self.server.statuses) > 1 else self.server.statuses[0]
        if status == -1:
            self.server.released.wait(20)
        if status <= 0:
            return
        self.send_response(status)
        self.end_headers()
        self.wfile.write(b'{"cents": 1200}')

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def stub() -> Iterator[Stub]:
    with serving(Stub()) as server:
        yield server


@contextmanager
def serving(server: Stub) -> Iterator[Stub]:
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        server.server_close()
        thread.join(10)


def with_client(url: str, use: Any, **settings: Any) -> Any:
    async def run() -> Any:
        pricing = Pricing(Settings.model_construct(pricing_url=url, **settings), Metrics())
        try:
            return await use(pricing)
        finally:
            await pricing.close()

    return asyncio.run(run())


async def outcome(price: Coroutine[Any, Any, Price]) -> int:
    try:
        await price
    except (PricingError, HTTPException) as error:
        return getattr(error, "status", 0) or getattr(error, "status_code", 0)
    return 200


@pytest.mark.parametrize(
    ("statuses", "status", "calls"),
    [
        ([200], 200, 1),
        ([503, 200], 200, 2),
        ([502, 200], 200, 2),
        ([0, 200], 200, 2),
        ([503], 503, 2),
        ([0], 503, 2),
        ([500, 200], 503, 1),
        ([429, 200], 503, 1),
        ([404, 200], 404, 1),
    ],
)
def test_what_failed_at_once_is_asked_a_second_time(stub: Stub, statuses: list[int], status: int, calls: int) -> None:
    stub.statuses = list(statuses)
    assert with_client(stub.url, lambda pricing: outcome(pricing.price("anchor"))) == status
    assert len(stub.calls) == calls


def test_a_timeout_is_not_asked_again_and_the_whole_takes_no_longer(stub: Stub) -> None:
    stub.statuses = [-1]
    began_s = time.monotonic()
    assert with_client(stub.url, lambda pricing: outcome(pricing.price("anchor")), pricing_timeout_s=0.5) == 504
    assert 0.4 < time.monotonic() - began_s < 1.5
    assert len(stub.calls) == 1


def test_the_second_attempt_has_what_is_left_of_the_time(stub: Stub) -> None:
    stub.statuses = [503, -1]
    began_s = time.monotonic()
    assert with_client(stub.url, lambda pricing: outcome(pricing.price("anchor")), pricing_timeout_s=0.5) == 504
    assert time.monotonic() - began_s < 1.5
    assert len(stub.calls) == 2


def test_attempts_count_for_the_breaker_and_an_open_one_asks_nobody(stub: Stub) -> None:
    async def use(pricing: Pricing) -> tuple[list[int], float]:
        seen = [await outcome(pricing.price("anchor")) for _ in range(8)]
        with pytest.raises(PricingError) as caught:
            await pricing.price("anchor")
        return seen, caught.value.retry_after_s

    stub.statuses = [503]
    seen, retry_after_s = with_client(stub.url, use, pricing_breaker_pause_s=60.0)
    assert seen == [503] * 8
    assert len(stub.calls) == 5, "five failed attempts open it"
    assert 50 < retry_after_s <= 60


def test_the_breaker_closes_by_itself_when_the_dependency_is_back() -> None:
    async def use(pricing: Pricing) -> tuple[State, State]:
        for _ in range(5):
            await outcome(pricing.price("anchor"))
        broken = pricing.breaker.state
        with serving(Stub()) as back:
            pricing.client.base_url = back.url
            async with asyncio.timeout(5):
                while await outcome(pricing.price("anchor")) != 200:
                    await asyncio.sleep(0.01)
        return broken, pricing.breaker.state

    nobody = f"http://127.0.0.1:{free_port()}"
    assert with_client(nobody, use, pricing_breaker_pause_s=0.1) == (State.OPEN, State.CLOSED)


def test_the_request_id_is_passed_on(stub: Stub) -> None:
    async def use(pricing: Pricing) -> None:
        request_id.set("trip-9")
        await pricing.price("anchor")

    with_client(stub.url, use)
    assert stub.calls == ["trip-9"]
