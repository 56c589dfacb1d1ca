"""The beat of the probes: on a grid, at an exact rate, without bursts."""

from __future__ import annotations

import asyncio
import time

import pytest

from harness.probes.ticks import GRID_S, on_grid, ticks


@pytest.mark.parametrize("time_s", [0.0, 0.001, 0.02, 1234.5678, 98765.4321])
def test_the_next_point_of_the_grid(time_s: float) -> None:
    point = on_grid(time_s)
    assert time_s <= point < time_s + GRID_S + 1e-9
    assert round(point / GRID_S) == pytest.approx(point / GRID_S)


def test_the_rate_is_exact_and_missed_ticks_are_left_out() -> None:
    async def scenario() -> list[float]:
        loop = asyncio.get_running_loop()
        began_s, at = loop.time(), []
        async for _ in ticks(0.05):
            at.append(loop.time() - began_s)
            if len(at) == 3:
                time.sleep(0.18)  # noqa: ASYNC251 - a reader that is slow on purpose
            if len(at) == 8:
                return at
        return at

    at = asyncio.run(scenario())
    assert at[0] < 0.2
    numbers = [int(moment / 0.05) for moment in at]
    assert numbers == sorted(set(numbers)), "two ticks in one period"
    assert at[3] >= at[2] + 0.18
