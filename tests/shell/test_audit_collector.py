"""What is posted to the collector is read, however it is packed; what cannot be read is not taken for empty."""

import asyncio
import gzip
import zlib
from collections.abc import Callable

import brotli
import httpx
import pytest

from harness.audit.collector import Collector, Posted
from harness.system.ports import Ports

pytestmark = pytest.mark.real


def post(body: bytes, encoding: str) -> Posted:
    async def one() -> Posted:
        async with Collector(Ports()) as collector:
            address = collector.dsn.replace("shakedown@", "")
            async with httpx.AsyncClient(trust_env=False) as client:
                await client.post(address, content=body, headers={"Content-Encoding": encoding} if encoding else {})
            return collector.posted[0]

    return asyncio.run(one())


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [("", bytes), ("gzip", gzip.compress), ("deflate", zlib.compress), ("br", brotli.compress)],
)
def test_a_body_is_unpacked(encoding: str, pack: Callable[[bytes], bytes]) -> None:
    posted = post(pack("sörry".encode()), encoding)
    assert (posted.body, posted.readable) == ("sörry", True)


@pytest.mark.parametrize("encoding", ["zstd", "br", "gzip"])
def test_what_cannot_be_unpacked_is_said_to_be_so(encoding: str) -> None:
    assert not post(b"neither", encoding).readable
