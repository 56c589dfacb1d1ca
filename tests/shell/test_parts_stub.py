"""The programmable HTTP dependency."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from parts_rig import Bench, Chosen, bench, taken_port, until

from harness.errors import MachineError, UsageError
from harness.model.target import HttpPart, Route
from harness.parts.stub import Behaviour, Counts, Stub, start_stub

pytestmark = pytest.mark.real

PART = HttpPart(
    "pricing",
    (
        Route("/prices/gone", status=404, json={"error": "gone"}),
        Route("/prices/*", json={"cents": 1200}),
        Route("/slow", latency_ms=150),
        Route("/empty", status=204),
    ),
)


@asynccontextmanager
async def stub() -> AsyncIterator[tuple[Bench, Stub, httpx.AsyncClient]]:
    async with bench() as b:
        server = await start_stub(PART, b.spawner, b.ports, b.folder)
        try:
            async with httpx.AsyncClient(base_url=server.address.url, trust_env=False, timeout=20) as client:
                yield b, server, client
        finally:
            await server.stop()


async def seconds(client: httpx.AsyncClient, path: str) -> float:
    """The quickest of three: what else the machine does only ever adds to it."""
    took = []
    for _ in range(3):
        began = time.perf_counter()
        await client.get(path)
        took.append(time.perf_counter() - began)
    return min(took)


def test_routes_answer_by_the_first_pattern_that_fits() -> None:
    async def run() -> None:
        async with stub() as (_, server, client):
            for path, status, json in (
                ("/prices/7?currency=EUR", 200, {"cents": 1200}),
                ("/prices/gone", 404, {"error": "gone"}),
                ("/anything", 200, {}),
            ):
                answer = await client.get(path)
                assert (answer.status_code, answer.json()) == (status, json)
            assert (await client.post("/empty", json={"a": 1})).status_code == 204
            head = await client.head("/prices/7")
            assert (head.content, head.headers["content-length"]) == (b"", "15")
            assert await seconds(client, "/slow") >= 0.15
            counts = await server.counts()
            assert counts.total == 8
            assert counts.by_path == {"/prices/7": 2, "/prices/gone": 1, "/anything": 1, "/empty": 1, "/slow": 3}
            assert len(counts.peers) == 1  # all of it on one connection

    asyncio.run(run())


def test_a_behaviour_is_added_to_its_path_and_lifted_again() -> None:
    async def run() -> None:
        async with stub() as (_, server, client):
            await server.program([Behaviour("/prices/*", latency_ms=300)])
            assert await seconds(client, "/prices/1") >= 0.3
            assert await seconds(client, "/other") < 0.2
            await server.program([])
            assert await seconds(client, "/prices/1") < 0.2

    asyncio.run(run())


def test_errors_come_at_their_rate_and_the_same_with_the_same_seed() -> None:
    async def run() -> None:
        async with stub() as (_, server, client):
            rows = []
            for seed in (1, 1, 2):
                await server.program([Behaviour(error_rate=0.3, status=502)], seed=seed)
                rows.append([(await client.get("/prices/1")).status_code for _ in range(200)])
            assert rows[0] == rows[1] != rows[2]
            assert set(rows[0]) == {200, 502}
            assert 40 <= rows[0].count(502) <= 80
            assert (await server.counts()).failed == sum(row.count(502) for row in rows)

    asyncio.run(run())


def test_a_hung_request_is_never_answered_and_holds_nobody_else_up() -> None:
    async def run() -> None:
        async with stub() as (_, server, client):
            await server.program([Behaviour("/prices/*", hang=True)])
            with pytest.raises(httpx.ReadTimeout):
                await client.get("/prices/1", timeout=0.3)
            assert await seconds(client, "/other") < 0.2
            counts = await server.counts()
            assert (counts.total, counts.hung) == (4, 1)

    asyncio.run(run())


def test_requests_that_come_together_are_answered_in_their_order() -> None:
    async def run() -> None:
        async with stub() as (_, server, _client):
            reader, writer = await asyncio.open_connection(server.address.host, server.address.port)
            port = writer.get_extra_info("sockname")[1]
            paths = ("/slow", "/prices/1", "/prices/gone")
            writer.write(b"".join(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode() for path in paths))
            bodies = [await reader.readuntil(b"}") for _ in paths]
            assert [body.rsplit(b"\r\n", 1)[1] for body in bodies] == [b"{}", b'{"cents": 1200}', b'{"error": "gone"}']
            assert port in (await server.counts()).peers
            writer.write(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            assert b"connection: close" in await reader.read()
            writer.close()
            await writer.wait_closed()
            end = time.monotonic() + 20
            while port in (await server.counts()).peers:
                assert time.monotonic() < end

    asyncio.run(run())


def test_garbage_is_answered_with_400() -> None:
    async def run() -> None:
        async with stub() as (_, server, _client):
            reader, writer = await asyncio.open_connection(server.address.host, server.address.port)
            writer.write(b"\x16\x03\x01 not http\r\n\r\n")
            assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
            writer.close()
            await writer.wait_closed()

    asyncio.run(run())


def test_a_port_that_is_taken_is_passed_over() -> None:
    async def run() -> None:
        with taken_port() as port:
            async with bench() as b:
                server = await start_stub(PART, b.spawner, Chosen(port), b.folder)
                assert server.address.port != port
                await server.stop()

    asyncio.run(run())


def test_a_stub_that_is_killed_or_stopped_is_noticed() -> None:
    async def run() -> None:
        async with stub() as (_, server, _client):
            server.process.signal(signal.SIGSTOP)
            with pytest.raises(MachineError, match="did not answer"):
                await server.counts()
            server.process.signal(signal.SIGCONT)
            assert await server.counts() == Counts(0, 0, 0)  # the late answer is not taken for this one
            server.process.signal(signal.SIGKILL)
            await until(lambda: not server.alive, 20, "the end is seen")
            with pytest.raises(MachineError, match="has ended"):
                await server.counts()

    asyncio.run(run())


def test_it_keeps_up_with_five_hundred_requests_a_second() -> None:
    async def run() -> None:
        async with stub() as (_, server, _client):
            reader, writer = await asyncio.open_connection(server.address.host, server.address.port)

            async def ask_often() -> float:
                began = time.monotonic()
                for _ in range(500):
                    writer.write(b"GET /x HTTP/1.1\r\nhost: x\r\n\r\n")
                    await reader.readuntil(b"{}")
                return time.monotonic() - began

            took = [await ask_often()]
            while took[-1] >= 1 and len(took) < 10:  # a busy machine is not the stub's fault
                took.append(await ask_often())
            assert took[-1] < 1, took
            writer.close()
            await writer.wait_closed()

    asyncio.run(run())


@pytest.mark.parametrize(
    "wrong", [{"latency_ms": -1}, {"error_rate": 1.5}, {"share": 2}, {"status": 99}, {"body": "pdf"}]
)
def test_a_behaviour_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="A behaviour on /x needs"):
        Behaviour("/x", **wrong)


def test_the_heads_of_the_last_requests_are_kept() -> None:
    async def run() -> None:
        async with stub() as (_, server, client):
            for number in range(60):
                await client.get(f"/prices/{number}", headers={"X-Request-ID": f"id-{number}"})
            heads = await server.recent()
            assert len(heads) == 50
            assert heads[-1].startswith("GET /prices/59\n")
            assert "x-request-id: id-59" in heads[-1].lower()
            assert "id-59" not in heads[-2]

    asyncio.run(run())
