"""A trial whose Toxiproxy hangs is worth nothing and says so; one whose Toxiproxy dies ends the run as an error."""

import os
import signal
import time
from pathlib import Path

import pytest
from ends_rig import TARGET, Point, Started
from run_rig import run_once

from harness.system.proc import command_of, descendants

pytestmark = pytest.mark.real

# A file of a scenario is Python: this one lets a client of one more proxy stop reading, with 16 MB on the way to it,
# and removes the toxic that they are in. Toxiproxy 2.12 never answers that.
SCENARIO = """
import asyncio
import contextlib
import socket

from harness.deployment import Address
from harness.model.scenario import Scenario, fault
from harness.parts.toxic import Toxic
from harness.parts.toxiproxy import Toxiproxy
from harness.parts.toxiproxy_calls import Wedged

SCENARIO = Scenario(
    name="wedged",
    asks="Is it judged?",
    requires=("postgres",),
    baseline_s=1.5,
    faults=(fault("postgres.latency", for_s=2),),
    ready="any",
    recovery_s=3,
)
lift = Toxiproxy.lift


async def pour(reader, writer):
    with contextlib.suppress(ConnectionError):
        writer.write(b"x" * 16_000_000)
        await writer.drain()
        await reader.read()
    writer.close()


def unread(client):
    with contextlib.suppress(BlockingIOError):
        return len(client.recv(1_000_000, socket.MSG_PEEK))
    return 0


async def lift_beside_a_deaf_client(self, proxy, *toxic_names, by=None):
    if not self.renewed:
        source = await asyncio.start_server(pour, "127.0.0.1", 0)
        poured = await self.create("pour", Address("127.0.0.1", source.sockets[0].getsockname()[1]))
        await self.add(poured, Toxic("slow", "latency", "downstream", {"latency": 100}))
        with socket.create_connection((poured.listen.host, poured.listen.port)) as deaf:
            deaf.setblocking(False)
            async with asyncio.timeout(20):
                while unread(deaf) < 60_000:
                    await asyncio.sleep(0.02)
            with contextlib.suppress(Wedged):
                await self.remove(poured, "slow")
        source.close()
    await lift(self, proxy, *toxic_names, by=by)


Toxiproxy.lift = lift_beside_a_deaf_client
"""


def test_a_trial_in_which_toxiproxy_hung_is_inconclusive_and_the_next_one_is_judged(tmp_path: Path) -> None:
    scenario = tmp_path / "wedged.py"
    scenario.write_text(SCENARIO)
    ended = run_once(f"{scenario} baseline", TARGET, tmp_path / "run")
    wedged, after = ended.document["trials"]
    fit = {trial["scenario"]: verdict_of(trial, "machine-fit") for trial in (wedged, after)}
    assert ended.code == 2, ended.told()
    assert (wedged["verdict"], fit["wedged"]["verdict"]) == ("inconclusive", "inconclusive"), ended.told()
    assert "hung in this trial" in fit["wedged"]["why"], ended.told()
    assert "did not answer DELETE /proxies/pour/toxics/slow" in fit["wedged"]["why"], ended.told()
    assert "hung" not in fit["baseline"]["why"], ended.told()
    assert verdict_of(after, "error-budget")["verdict"] != "fail", "its proxies are there again"


def verdict_of(trial: dict[str, list[dict[str, str]]], check: str) -> dict[str, str]:
    return next(verdict for verdict in trial["verdicts"] if verdict["check"] == check)


def test_a_toxiproxy_that_is_killed_in_a_trial_ends_the_run_as_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    started = Started(tmp_path / "killed", "--json")
    try:
        started.reach(Point("    fault", 0.5))
        started.look()
        (proxy,) = (each for each in descendants(started.harness()) if "toxiproxy" in command_of(each.pid))
        began = time.monotonic()
        os.kill(proxy.pid, signal.SIGKILL)
        code, _ = started.end()
        assert code == 3, started.said
        assert any("toxiproxy" in line.lower() and "ended" in line for line in started.said), started.said
        started.assert_clean(20.0, began, "toxiproxy was killed")
    finally:
        started.close()
