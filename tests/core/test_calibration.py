"""The rate that a calibration finds, from the rows of its ramp alone."""

from __future__ import annotations

import numpy as np
import pytest

from harness.calibration import STEP_S, STEPS_RPS, highest_reached
from harness.model.rows import ROW, Outcome, Rows

ORIGIN_NS = 7_000_000_000


def ramp(good_steps: int, *, late_from: int = 99) -> Rows:
    """Every step as it was due; from `good_steps` on a tenth fails, from `late_from` on it leaves 50 ms late."""
    parts = []
    for index, rate in enumerate(STEPS_RPS):
        count = int(rate * STEP_S)
        rows = np.zeros(count, ROW)
        rows["intended"] = ORIGIN_NS + int(index * STEP_S * 1e9) + (np.arange(count) * (1e9 / rate)).astype(np.int64)
        rows["sent"] = rows["intended"] + (50_000_000 if index >= late_from else 1_000_000)
        rows["done"] = rows["sent"] + 2_000_000
        if index >= good_steps:
            rows["code"][::10] = Outcome.BAD_STATUS
        parts.append(rows)
    return np.concatenate(parts)


@pytest.mark.parametrize("good", range(len(STEPS_RPS) + 1))
def test_the_last_good_step_is_the_rate(good: int) -> None:
    assert highest_reached(ramp(good), 12.0) == ([0.0, *STEPS_RPS])[good]


def test_a_generator_that_is_late_proves_nothing() -> None:
    assert highest_reached(ramp(6, late_from=3), 12.0) == STEPS_RPS[2]


def test_no_rows_are_no_rate() -> None:
    assert highest_reached(np.zeros(0, ROW), 12.0) == 0.0
