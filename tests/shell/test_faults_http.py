"""Each fault of an HTTP dependency bites as much as it says and leaves nothing behind."""

import pytest
from fault_rig import Scene, applied, get, median_ms

pytestmark = pytest.mark.real


def test_slow_adds_what_was_asked(faults: Scene) -> None:
    async def see() -> None:
        plain_ms = await median_ms(lambda: get(faults.link("rates")))
        async with applied(faults.actor("rates.slow", latency_ms=100)):
            assert await median_ms(lambda: get(faults.link("rates"))) - plain_ms == pytest.approx(100, rel=0.1)
        assert await faults.is_whole()

    faults.run(see())
