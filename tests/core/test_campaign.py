"""What becomes of a campaign whose record is taken away while it runs."""

import asyncio
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.campaign import _conduct
from harness.errors import HarnessError, MachineError
from harness.record import TrialWriter


class Nobody:
    """A watcher that is never asked to judge."""

    def trial_began(self, _planned: object, _total: int) -> None:
        pass


@pytest.mark.parametrize("error", [None, MachineError("The rows of the load cannot be read.")], ids=["whole", "ended"])
def test_a_record_that_is_taken_away_is_no_bad_input(
    error: HarnessError | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def conduct(_rig: object, _planned: object, writer: TrialWriter, _watcher: object, **_: object) -> None:
        shutil.rmtree(tmp_path / "trials")
        if error is not None:
            raise error

    monkeypatch.setattr("harness.campaign.conduct", conduct)
    nobody: Any = Nobody()
    run: Any = SimpleNamespace(run_dir=tmp_path, trials=[nobody])
    planned: Any = SimpleNamespace(slug="01-baseline")
    with pytest.raises(MachineError, match="not there any more" if error is None else "cannot be read"):
        asyncio.run(_conduct(nobody, planned, run, nobody, 1.0))
