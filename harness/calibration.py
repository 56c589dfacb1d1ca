"""Find a rate when the target names none: about half of what the service reaches, in well under half a minute.

A ramp of doubling steps, two seconds each, through the proxies. A step is reached when 98 % of what was due was
answered as expected within half of the client's timeout and the generator itself was not late. The answer is half of
the highest one, between 5 and 160 requests/s: enough for verdicts on resilience; the true capacity is another question.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np

from harness.backends.process import ProcessDeployment
from harness.errors import TargetError
from harness.load.profile import Segment
from harness.load.rows_file import read_rows
from harness.loading import Load, make_profile
from harness.model.observation import Observation
from harness.model.rows import Outcome, Rows
from harness.model.target import RequestLine
from harness.model.trial import PlannedTrial, Trial
from harness.probes import answer_by_each_worker
from harness.rig import Rig
from harness.stagehand import Stagehand
from harness.system.clock import Clock

STEPS_RPS = (10.0, 20.0, 40.0, 80.0, 160.0, 320.0)
STEP_S = 2.0
LEAST_RPS, MOST_RPS = 5.0, 160.0
_LATE_NS = 20_000_000
_LEAD_S = 0.3  # the schedule begins a moment after the start


async def calibrate(rig: Rig, planned: PlannedTrial, folder: Path) -> float:
    """The rate to use, in requests/s. TargetError when the service does not even come up."""
    rig.say("load.rate_rps is not set: calibrating")
    async with Stagehand(rig, planned) as hand:
        prepared = await hand.prepare()
        trial = hand.describe(prepared, 0.0)
        clock = Clock.start()
        deployment = hand.start_server(prepared, clock, folder / "server.log")
        answered = await answer_by_each_worker(deployment, trial.live, planned.workers, 30.0)
        if len(answered) < planned.workers:
            tail = "\n    ".join(deployment.log_tail().splitlines())
            raise TargetError(f"The service does not come up, so no rate can be found. Its last lines:\n    {tail}")
        lines = await hand.lines(deployment)
        rows = await _drive(rig, trial, lines, deployment, clock, folder)
    return round(min(MOST_RPS, max(LEAST_RPS, highest_reached(rows, trial.timeout_s) / 2)), 1)


async def _drive(
    rig: Rig,
    trial: Trial,
    lines: tuple[RequestLine, ...],
    deployment: ProcessDeployment,
    clock: Clock,
    folder: Path,
) -> Rows:
    def unheard(_observation: Observation) -> None:
        """A calibration leaves no record."""

    load = await Load.launch(rig, folder, clock, unheard, trial.flow)
    try:
        segments = tuple(Segment.steady(STEP_S, rate) for rate in STEPS_RPS)
        profile = make_profile(trial, lines, deployment.ingress, segments, rig.target.load.connections)
        await load.prepare(profile, folder / "samples.rows")
        await load.start()
        await asyncio.sleep(STEP_S * len(STEPS_RPS) + _LEAD_S)
        await load.stop(1.0)
    finally:
        await load.close()
    return read_rows(folder / "samples.rows")


def highest_reached(rows: Rows, timeout_s: float) -> float:
    """The rate of the last step of an unbroken row of good ones; 0 for none. The first step begins with the rows."""
    reached = 0.0
    if not len(rows):
        return reached
    zero_ns = int(rows["intended"].min())
    for index, rate in enumerate(STEPS_RPS):
        start_ns, end_ns = zero_ns + int(index * STEP_S * 1e9), zero_ns + int((index + 1) * STEP_S * 1e9)
        due = rows[(rows["intended"] >= start_ns) & (rows["intended"] < end_ns)]
        if not len(due):
            break
        quick = due["done"] - due["intended"] < timeout_s / 2 * 1e9
        good = np.count_nonzero((due["code"] == Outcome.OK) & quick) / len(due)
        late = float(np.median(due["sent"] - due["intended"]))
        if good < 0.98 or late > _LATE_NS:
            break
        reached = rate
    return reached
