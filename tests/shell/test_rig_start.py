"""The parts of a run are started at once: when one cannot be had, nothing of the others is left."""

import asyncio
from pathlib import Path

import pytest
from parts_rig import bench

from harness.errors import MachineError
from harness.rig import Rig
from harness.system.proc import command_of
from harness.system.process import marked
from harness.target import load_target

pytestmark = pytest.mark.real

TARGET = Path(__file__).parents[1] / "bad_apps" / "bookings.toml"


def test_a_part_that_cannot_be_had_ends_those_that_are_being_started(monkeypatch: pytest.MonkeyPatch) -> None:
    met: list[str] = []

    async def run() -> None:
        async with bench() as b:

            async def fail(*_: object) -> None:
                async with asyncio.timeout(60):
                    while not any("initdb" in command for command in met):
                        met[:] = [command_of(stat.pid) for stat in marked(b.ledger.token)]
                        await asyncio.sleep(0.01)
                raise MachineError("there is no Toxiproxy")

            monkeypatch.setattr("harness.rig.start_toxiproxy", fail)
            rig = Rig(load_target(TARGET, {}), b.spawner, lambda _: None)
            with pytest.raises(MachineError, match="there is no Toxiproxy"):
                await rig.__aenter__()
            assert marked(b.ledger.token) == []
            assert not rig.folder.exists()

    asyncio.run(run())
