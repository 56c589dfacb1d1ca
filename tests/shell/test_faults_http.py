"""Each fault of an HTTP dependency bites as much as it says and leaves nothing behind."""

import asyncio
import dataclasses
import json
import time

import pytest
from fault_rig import Scene, applied, becomes, comes_to_take, get, quickest_ms
from parts_rig import bench

from harness.errors import UsageError
from harness.faults import spec_of
from harness.faults.fault import Link
from harness.model.scenario import FaultUse
from harness.model.target import HttpPart, Scalar
from harness.parts.stub import start_stub

pytestmark = pytest.mark.real


def test_slow_adds_what_was_asked(faults: Scene) -> None:
    async def see() -> None:
        plain_ms = await quickest_ms(lambda: get(faults.link("rates")))
        async with applied(faults.actor("rates.slow", latency_ms=100)):
            await comes_to_take(lambda: get(faults.link("rates")), pytest.approx(100, rel=0.1), beyond_ms=plain_ms)
        assert await faults.is_whole()

    faults.run(see())


def test_slow_hits_its_share_of_its_path_and_no_other(faults: Scene) -> None:
    async def see() -> None:
        link = faults.link("rates")
        async with applied(faults.actor("rates.slow", latency_ms=300, share_percent=30, path="/a/*")) as proof:
            assert proof.evidence["counted"] == 1
            before = (await faults.stage.stubs["rates"].counts()).slowed
            assert await asyncio.gather(*(get(link, "/a/1") for _ in range(60)))
            slowed = (await faults.stage.stubs["rates"].counts()).slowed - before
            assert 5 <= slowed <= 35
            assert await quickest_ms(lambda: get(link, "/b")) < 300
            assert (await faults.stage.stubs["rates"].counts()).slowed - before == slowed
        assert await faults.is_whole()

    faults.run(see())


def test_slow_is_proven_by_a_canary_that_the_stub_slowed_not_by_one_that_was_late_by_itself(faults: Scene) -> None:
    async def see() -> None:
        # Drawn are calls of /a alone: what the other one asks is not among them.
        slow = faults.actor("rates.slow", latency_ms=1, share_percent=10, path="/a")
        late = faults.actor("rates.latency", latency_ms=10)
        never = await slow.prove()
        assert (never.ok, never.evidence) == (False, {})
        await slow.apply()
        await late.apply()
        try:
            proof = await slow.prove()
            assert proof.ok, proof
            assert int(proof.evidence["canaries"]) > 1, "the first one is not drawn with this seed"
            assert proof.evidence["counted"] == 1
            await slow.lift()
            proof = await slow.prove()
            assert not proof.ok
            assert int(proof.evidence["canaries"]) > 1, "each of them is late"
            assert proof.evidence["counted"] == 1
        finally:
            await late.lift()
            await slow.lift()
        assert await faults.is_whole()

    faults.run(see())


def test_error_hits_its_share_of_its_path_and_no_other(faults: Scene) -> None:
    async def see() -> None:
        link = faults.link("rates")
        async with applied(faults.actor("rates.error", share_percent=30, status=502, path="/a/*")):
            statuses = [(await get(link, "/a/1"))[0] for _ in range(100)]
            assert set(statuses) == {200, 502}
            assert 12 <= statuses.count(502) <= 48
            assert {(await get(link, "/b"))[0] for _ in range(10)} == {200}
        assert await faults.is_whole()

    faults.run(see())


def test_hang_answers_nobody_on_its_path_and_is_over_for_new_requests(faults: Scene) -> None:
    async def see() -> None:
        link = faults.link("rates")
        async with applied(faults.actor("rates.hang", path="/a")):
            asked = asyncio.ensure_future(get(link, "/a", timeout_s=0.5))
            assert (await get(link, "/b"))[0] == 200
            with pytest.raises(TimeoutError):
                await asked
        assert (await get(link, "/a"))[0] == 200
        assert await faults.is_whole()

    faults.run(see())


def test_hang_swallows_its_share(faults: Scene) -> None:
    async def see() -> None:
        link, stub = faults.link("rates"), faults.stage.stubs["rates"]
        async with applied(faults.actor("rates.hang", share_percent=30, path="/swallowed")):
            before = await stub.counts()
            asked = [asyncio.ensure_future(get(link, "/swallowed")) for _ in range(40)]

            async def arrived() -> int:
                return (await stub.counts()).by_path["/swallowed"] - before.by_path["/swallowed"]

            await becomes(arrived, 40)
            hung = (await stub.counts()).hung - before.hung
            assert 3 <= hung <= 24

            async def waiting() -> int:
                return sum(not each.done() for each in asked)

            await becomes(waiting, hung)
            for each in asked:
                each.cancel()
            ends = await asyncio.gather(*asked, return_exceptions=True)
            assert sum(not isinstance(each, BaseException) for each in ends) == 40 - hung
        assert await faults.is_whole()

    faults.run(see())


@pytest.mark.parametrize(
    ("name", "parameters", "count"),
    [("wrong-body", {"body": "html"}, "garbled"), ("trickle", {"over_ms": 600}, "trickled")],
)
def test_a_share_of_the_bodies_of_its_path_is_spoiled_and_no_other(
    faults: Scene, name: str, parameters: dict[str, Scalar], count: str
) -> None:
    """One that is trickled is padded, so that there is something to send."""

    async def see() -> None:
        link, stub = faults.link("rates"), faults.stage.stubs["rates"]

        async def counted() -> int:
            return int(getattr(await stub.counts(), count))

        async with applied(faults.actor(f"rates.{name}", share_percent=30, path="/a/*", **parameters)):
            before = await counted()
            bodies = [body for _, body in await asyncio.gather(*(get(link, "/a/1") for _ in range(60)))]
            spoiled = await counted() - before
            assert 5 <= spoiled <= 35
            assert sum(body != b"{}" for body in bodies) == spoiled
            others = await asyncio.gather(*(get(link, "/b") for _ in range(10)))
            assert {body for _, body in others} == {b"{}"}
            assert await counted() - before == spoiled
        assert await faults.is_whole()

    faults.run(see())


@pytest.mark.parametrize("body", ["truncated", "other-type", "html"])
def test_a_wrong_body_is_valid_http_and_not_what_was_agreed(faults: Scene, body: str) -> None:
    async def see() -> None:
        async with applied(faults.actor("rates.wrong-body", body=body)):
            status, got = await get(faults.link("rates"))
            assert status == 200
            if body == "other-type":
                assert json.loads(got) == [{}]
            else:
                with pytest.raises(ValueError, match="Expecting"):
                    json.loads(got)
        assert await faults.is_whole()

    faults.run(see())


def test_trickle_spreads_the_body_over_its_time(faults: Scene) -> None:
    async def see() -> None:
        link = faults.link("rates")
        async with applied(faults.actor("rates.trickle", over_ms=600)):
            tries: list[tuple[float, float]] = []
            while not tries or not (tries[-1][0] < 0.3 and 0.4 < tries[-1][1] < 0.8):
                assert len(tries) < 10, tries
                tries.append(await head_and_body_s(link))
        assert await faults.is_whole()

    faults.run(see())


async def head_and_body_s(link: Link) -> tuple[float, float]:
    """After how many seconds the head of an answer was there, and its whole body."""
    reader, writer = await asyncio.open_connection(link.proxy.listen.host, link.proxy.listen.port)
    began = time.monotonic()
    writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    async with asyncio.timeout(20):
        head = await reader.readuntil(b"\r\n\r\n")
        head_s = time.monotonic() - began
        body = await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split()[0]))
    body_s = time.monotonic() - began
    assert json.loads(body) == {}
    writer.close()
    return head_s, body_s


def test_two_faults_of_one_part_add_up_and_each_lifts_its_own(faults: Scene) -> None:
    async def see() -> None:
        link = faults.link("rates")
        async with applied(faults.actor("rates.slow", latency_ms=100)):
            async with applied(faults.actor("rates.error", status=500)):
                assert (await get(link))[0] == 500
                assert await quickest_ms(lambda: get(link), 3) >= 100
            assert (await get(link))[0] == 200
            assert await quickest_ms(lambda: get(link), 3) >= 100
        assert await faults.is_whole()

    faults.run(see())


def test_a_fault_is_lifted_from_a_part_that_is_gone(faults: Scene) -> None:
    async def see() -> None:
        async with bench() as here:
            stub = await start_stub(HttpPart("rates"), here.spawner, here.ports, here.folder)
            stage = dataclasses.replace(faults.stage, stubs={"rates": stub})
            uses = [FaultUse(f"rates.{name}") for name in ("slow", "error", "hang", "wrong-body", "trickle")]
            actors = [spec_of(use).build(use, stage) for use in uses]
            for actor in actors:
                await actor.lift()
                await actor.apply()
            await stub.stop()
            for actor in actors:
                assert await actor.lift() == {}

    faults.run(see())


def test_words_and_numbers_that_are_not_accepted_are_told(faults: Scene) -> None:
    for id, parameters, told in (
        ("rates.wrong-body", {"body": "pdf"}, '"truncated" or'),
        ("rates.error", {"share_percent": 5}, "from 10 to 100"),
        ("rates.hang", {"path": "a"}, "from the / on"),
        ("rates.hang", {"route": "/"}, "it takes: share_percent, path"),
    ):
        with pytest.raises(UsageError, match=told):
            faults.actor(id, **parameters)
