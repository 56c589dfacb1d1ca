"""Slice a link: what is sent arrives in pieces of `size_bytes`, `delay_us` apart, in both directions.

Nothing is lost. Who takes one read for one message breaks, and many small pieces cost time: 10 kB in pieces of 100
bytes, 1 ms apart, take 0.1 s. The pieces are all of one size, for Toxiproxy's variation knows no seed.
"""

from __future__ import annotations

from harness.faults.fault import Actor, FaultSpec, Parameter, Stage
from harness.faults.shaped import MOST_BYTES, Shaped
from harness.model.scenario import FaultUse


def _build(use: FaultUse, stage: Stage) -> Actor:
    size, delay = round(FAULT.value(use, "size_bytes")), round(FAULT.value(use, "delay_us"))
    pieces = min(MOST_BYTES // size, 1_000_000 // delay)  # a second at most
    attributes = {"average_size": size, "size_variation": 0, "delay": delay}
    told = {"size_bytes": size, "delay_us": delay}
    costs_ms = (pieces - 1) * delay / 1000
    return Shaped(stage.toxiproxy, stage.links[use.what], "slicer", attributes, pieces * size, costs_ms, told)


FAULT = FaultSpec(
    name="slice",
    on="link",
    does="what is sent over the link arrives in pieces of size_bytes, delay_us apart",
    build=_build,
    owns="link/slice",
    parameters=(
        Parameter("size_bytes", 100, 10, 1000, "of each piece"),
        Parameter("delay_us", 1000, 500, 20_000, "after each piece, in microseconds"),
    ),
)
